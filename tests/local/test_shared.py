"""The server that all programs of one person share, with real processes and no model."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lmchat.dataclass import replace
from lmchat.errors import LmchatError
from lmchat.local import run, shared
from lmchat.local.shared import SharedServer, Spot, running_servers, server_status, shared_server, stop_server
from lmchat.world import World
from tests.local.conftest import gguf_bytes, world_at
from tests.local.test_run import alive, answer, soon

pytestmark = pytest.mark.skipif(not shared.POSSIBLE, reason="there is no shared server on this system")

PROGRAM = """
import sys, time
from pathlib import Path
from lmchat.local import run, shared
from tests.local.conftest import world_at
world = world_at(Path(sys.argv[1]))
server = shared.shared_server(world, run.server_settings(world), float(sys.argv[2]))
print(server.pid, flush=True)
time.sleep(float(sys.argv[3]))
"""


def find(world: World, keep_seconds: float = 60) -> SharedServer:
    return shared_server(world, run.server_settings(world), keep_seconds)


def refused(url: str, **headers: str) -> int:
    """Return the status with which the models are refused."""
    with pytest.raises(urllib.error.HTTPError) as failed:
        models(url, **headers)
    with failed.value as answered:
        return answered.code


def kill(world: World, server: SharedServer) -> None:
    """Kill a server and wait until it cannot be found: its last thread ends a moment after the process looks dead."""
    os.kill(server.pid, signal.SIGKILL)
    [record] = (world.directories.state / "local").glob("*.json")
    assert soon(lambda: Spot(record.parent, record.stem).server() is None)


def starter(root: Path, *, keep_seconds: float = 60, stay_seconds: float = 0) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(root), str(keep_seconds), str(stay_seconds)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        start_new_session=True,
    )


def servers_of(root: Path) -> set[int]:
    """Return the processes of shared servers below a directory, those that cannot be found as well (Linux)."""
    found = set()
    for path in Path("/proc").glob("[0-9]*"):
        try:
            files = [str(each.readlink()) for each in (path / "fd").iterdir()]
        except OSError:
            continue
        if any(each.startswith(f"{root}/local/") and each.endswith(".lock") for each in files):
            found.add(int(path.name))
    return found


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = world_at(tmp_path)
    yield world
    for server in running_servers(world):
        stop_server(server)


def test_programs_share_one_server(world: World) -> None:
    first = find(world)

    assert find(world) == first
    assert answer(first.url, first.secret) == {"lmstudio": True}


def test_finding_it_takes_no_time(world: World) -> None:
    settings = run.server_settings(world)
    shared_server(world, settings, 60)

    def seconds() -> float:
        before = time.perf_counter()
        shared_server(world, settings, 60)
        return time.perf_counter() - before

    assert min(seconds() for _ in range(20)) < 0.001


def test_ten_programs_at_once_start_one(world: World, tmp_path: Path) -> None:
    programs = [starter(tmp_path) for _ in range(10)]
    pids = {program.communicate(timeout=60)[0].strip() for program in programs}

    assert pids == {str(find(world).pid)}
    assert servers_of(tmp_path) == {find(world).pid}


def test_it_asks_for_its_secret_which_only_its_person_can_read(world: World, tmp_path: Path) -> None:
    server = find(world)

    assert refused(server.url) == 401
    [record] = (tmp_path / "local").glob("*.json")
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    assert stat.S_IMODE(record.parent.stat().st_mode) == 0o700
    for file in ("cmdline", "environ"):
        assert server.secret.encode() not in Path(f"/proc/{server.pid}/{file}").read_bytes()


def test_a_directory_that_others_can_enter_is_closed_first(world: World, tmp_path: Path) -> None:
    (tmp_path / "local").mkdir()
    (tmp_path / "local").chmod(0o755)

    find(world)

    assert stat.S_IMODE((tmp_path / "local").stat().st_mode) == 0o700


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_it_outlives_the_program_that_started_it(world: World, tmp_path: Path, sign: signal.Signals) -> None:
    program = starter(tmp_path, stay_seconds=60)
    assert program.stdout is not None
    pid = int(program.stdout.readline())

    os.killpg(program.pid, sign)
    program.communicate(timeout=10)

    assert find(world).pid == pid
    assert answer(find(world).url, find(world).secret) == {"lmstudio": True}


def test_it_is_nobodys_child_and_leaves_no_zombie(world: World) -> None:
    server = find(world)

    assert int(Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()[1]) != os.getpid()
    stop_server(server)
    assert not Path(f"/proc/{server.pid}").exists() or not alive(server.pid)


def test_after_a_kill_the_next_program_starts_another(world: World) -> None:
    first = find(world)
    kill(world, first)

    second = find(world)

    assert second.pid != first.pid
    assert answer(second.url, second.secret) == {"lmstudio": True}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"url": 1}', b"\xff", None])
def test_a_stale_or_senseless_record_is_replaced(world: World, tmp_path: Path, content: bytes | None) -> None:
    server = find(world)
    [record] = (tmp_path / "local").glob("*.json")
    old = record.read_bytes()
    stop_server(server)
    record.write_bytes(old if content is None else content)

    assert find(world).pid != server.pid


def test_a_record_that_somebody_removed_does_no_harm(world: World, tmp_path: Path) -> None:
    first = find(world, keep_seconds=1)
    [record] = (tmp_path / "local").glob("*.json")
    record.unlink()

    second = find(world)

    assert second.pid != first.pid
    assert soon(lambda: not alive(first.pid))
    assert find(world) == second


def test_it_ends_when_it_has_been_idle_for_long_enough(world: World, tmp_path: Path) -> None:
    server = find(world, keep_seconds=1)

    assert soon(lambda: not alive(server.pid))
    assert list((tmp_path / "local").glob("*.json")) == []


def test_use_keeps_it(world: World) -> None:
    server = find(world, keep_seconds=1)
    for _ in range(10):
        time.sleep(0.2)
        answer(server.url, server.secret)

    assert find(world) == server


def test_looking_at_it_is_no_use_and_says_for_how_long_it_has_been_idle(world: World) -> None:
    server = find(world, keep_seconds=60)
    time.sleep(1.2)

    status = server_status(server)

    assert 1 <= status["idle_seconds"] < 20
    assert (status["keep_seconds"], status["requests"], status["models"]) == (60, 0, [])
    assert 0 < time.time() - status["since"] < 20


def test_stopping_ends_it_at_once(world: World, tmp_path: Path) -> None:
    server = find(world)

    before = time.monotonic()
    stop_server(server)

    assert time.monotonic() - before < 3
    assert not alive(server.pid)
    assert running_servers(world) == []


def test_another_version_has_a_server_of_its_own(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = find(world)
    monkeypatch.setattr(shared, "__version__", "99.0")

    theirs = find(world)

    assert theirs.pid != ours.pid
    assert {server.pid for server in running_servers(world)} == {ours.pid, theirs.pid}


def test_another_model_or_another_home_has_a_server_of_its_own(world: World, tmp_path: Path) -> None:
    (tmp_path / "mine.gguf").write_bytes(gguf_bytes(general__architecture="llama"))
    other = replace(world, environ={**world.environ, "LMCHAT_LOCAL_MODEL": str(tmp_path / "mine.gguf")})

    assert find(world).pid != find(other).pid
    home = world_at(tmp_path / "home")
    server = find(home)
    assert server.pid not in {each.pid for each in running_servers(world)}
    stop_server(server)


def test_killing_programs_while_they_start_it_leaves_one_that_works(world: World, tmp_path: Path) -> None:
    for moment in range(12):
        program = starter(tmp_path, keep_seconds=2)
        time.sleep(0.05 + 0.04 * moment)
        program.kill()
        program.communicate()

    server = find(world, keep_seconds=2)

    assert answer(server.url, server.secret) == {"lmstudio": True}
    assert soon(lambda: servers_of(tmp_path) == set(), 10)
    assert list((tmp_path / "local").glob("*.json")) == []


def test_what_dead_servers_left_is_removed(world: World, tmp_path: Path) -> None:
    server = find(world)
    kill(world, server)

    assert running_servers(world) == []
    assert list((tmp_path / "local").glob("*.json")) == []


def test_a_directory_that_cannot_be_written_is_said(world: World, tmp_path: Path) -> None:
    (tmp_path / "local").write_text("a file")

    with pytest.raises(LmchatError, match="cannot be started") as failed:
        find(world)

    assert "local_keep" in failed.value.hint


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_idle_it_takes_no_processor(world: World) -> None:
    server = find(world)
    answer(server.url, server.secret)
    time.sleep(1)

    before = _ticks(server.pid)
    time.sleep(4)

    assert _ticks(server.pid) == before


def _ticks(pid: int) -> int:
    return sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]))


@pytest.fixture
def serving(world: World, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Run `serve` in front of the shared server, and return its address."""
    program = """
import sys
from pathlib import Path
from lmchat.local import run, shared_server
from tests.local.conftest import world_at
shared_server.serve(world_at(Path(sys.argv[1])), run.bound(0), token=sys.argv[2], keep_seconds=60)
"""
    programs = []

    def begin(token: str = "") -> str:
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path), token],
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        programs.append(process)
        assert process.stderr is not None
        return next(word for word in process.stderr.readline().split() if word.startswith("http"))

    yield begin
    for process in programs:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
        assert process.returncode == 0


def models(url: str, **headers: str) -> Any:
    request = urllib.request.Request(f"{url}/api/v1/models", headers=headers)
    with urllib.request.urlopen(request, timeout=20) as response:
        return json.loads(response.read())


def test_serving_puts_an_open_door_in_front_of_it(serving: Callable[[str], str], world: World) -> None:
    url = serving("")

    assert models(url) == {"models": []}
    assert [server.pid for server in running_servers(world)] == [find(world).pid]


def test_the_door_asks_for_a_token_of_its_own(serving: Callable[[str], str], world: World) -> None:
    url = serving("sk-lm-door")

    assert models(url, Authorization="Bearer sk-lm-door") == {"models": []}
    for wrong in ({}, {"Authorization": f"Bearer {find(world).secret}"}):
        assert refused(url, **wrong) == 401


def test_the_door_starts_a_server_that_was_killed(serving: Callable[[str], str], world: World) -> None:
    url = serving("")
    models(url)
    server = find(world)
    kill(world, server)

    assert models(url) == {"models": []}
    assert find(world).pid != server.pid


def test_refusals_and_unknown_routes_pass_the_door(serving: Callable[[str], str]) -> None:
    url = serving("")

    with urllib.request.urlopen(f"{url}/api/v2/x?a=b", timeout=20) as response:
        assert json.loads(response.read()) == {"error": "Unexpected endpoint or method. (GET /api/v2/x)"}
    request = urllib.request.Request(f"{url}/api/v1/chat", data=b'{"model": "none", "input": "x"}')
    with pytest.raises(urllib.error.HTTPError) as failed:
        urllib.request.urlopen(request, timeout=20)
    with failed.value as answered:
        assert (answered.code, json.loads(answered.read())["error"]["code"]) == (404, "model_not_found")


def test_the_servers_own_state_is_not_behind_the_door(serving: Callable[[str], str], world: World) -> None:
    url = serving("")
    models(url)

    with urllib.request.urlopen(f"{url}{shared.STATUS}", timeout=20) as response:
        assert "Unexpected endpoint" in json.loads(response.read())["error"]
