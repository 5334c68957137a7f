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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lmchat.dataclass import replace
from lmchat.errors import LmchatError
from lmchat.local import run, shared
from lmchat.local.child_process import announce
from lmchat.local.shared import SharedServer, Spot, running_servers, server_status, shared_server, stop_server
from lmchat.world import World, try_lock
from tests.local.conftest import gguf_bytes
from tests.local.test_run import alive, answer, soon
from tests.support.worlds import world_at

pytestmark = pytest.mark.skipif(not shared.POSSIBLE, reason="there is no shared server on this system")

PROGRAM = """
import signal, sys, time
from pathlib import Path
from lmchat.local import run, shared
from tests.support.worlds import world_at
world = world_at(Path(sys.argv[1]))
server = shared.shared_server(world, run.server_settings(world), float(sys.argv[2]))
for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(sign, signal.SIG_IGN)
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


def ended(world: World) -> None:
    for server in running_servers(world):
        stop_server(server)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Make a world for one test, which may end its server."""
    world = world_at(tmp_path)
    yield world
    ended(world)


@pytest.fixture(scope="module")
def common(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Make a world whose server serves all tests that do not care when it was started."""
    world = world_at(tmp_path_factory.mktemp("common"))
    yield world
    ended(world)


def test_programs_share_one_server(common: World) -> None:
    first = find(common)

    assert find(common) == first
    assert answer(first.url, first.secret) == {"lmstudio": True}


def test_finding_it_takes_no_time(common: World) -> None:
    settings = run.server_settings(common)
    shared_server(common, settings, 60)

    def seconds() -> float:
        before = time.perf_counter()
        shared_server(common, settings, 60)
        return time.perf_counter() - before

    assert min(seconds() for _ in range(20)) < 0.001


def test_ten_programs_at_once_start_one(world: World, tmp_path: Path) -> None:
    programs = [starter(tmp_path) for _ in range(10)]
    pids = {program.communicate(timeout=60)[0].strip() for program in programs}

    assert pids == {str(find(world).pid)}
    assert servers_of(tmp_path) == {find(world).pid}


def test_it_asks_for_its_secret_which_only_its_person_can_read(common: World) -> None:
    server = find(common)

    assert refused(server.url) == 401
    [record] = (common.directories.state / "local").glob("*.json")
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    assert stat.S_IMODE(record.parent.stat().st_mode) == 0o700
    for file in ("cmdline", "environ"):
        assert server.secret.encode() not in Path(f"/proc/{server.pid}/{file}").read_bytes()


def test_a_directory_that_others_can_enter_is_closed_first(world: World, tmp_path: Path) -> None:
    (tmp_path / "local").mkdir()
    (tmp_path / "local").chmod(0o755)

    find(world)

    assert stat.S_IMODE((tmp_path / "local").stat().st_mode) == 0o700


def test_it_outlives_the_program_that_started_it(world: World, tmp_path: Path) -> None:
    program = starter(tmp_path, stay_seconds=60)
    assert program.stdout is not None
    pid = int(program.stdout.readline())

    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL):  # the program ends with the last
        os.killpg(program.pid, sign)
    program.communicate(timeout=10)

    assert find(world).pid == pid
    assert answer(find(world).url, find(world).secret) == {"lmstudio": True}


def test_it_is_the_child_of_no_program_of_ours_and_leaves_no_zombie(world: World) -> None:
    server = find(world)

    assert int(Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()[1]) != os.getpid()
    stop_server(server)
    assert not Path(f"/proc/{server.pid}").exists() or not alive(server.pid)


def test_after_a_kill_the_next_program_starts_another(world: World, tmp_path: Path) -> None:
    first = find(world)
    [record] = (tmp_path / "local").glob("*.json")
    kill(world, first)

    second = find(world)

    assert second.pid != first.pid
    assert answer(second.url, second.secret) == {"lmstudio": True}
    kill(world, second)
    record.write_bytes(b"{")
    assert find(world).pid not in {first.pid, second.pid}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"url": 1}', b"\xff"])
def test_a_record_that_cannot_be_read_names_no_server(tmp_path: Path, content: bytes) -> None:
    spot = Spot(tmp_path, "kind")
    lock = spot.open_lock()
    assert try_lock(lock)
    spot.record.write_bytes(content)

    assert spot.server() is None
    os.close(lock)


def test_only_the_record_of_an_ended_server_is_cleared(tmp_path: Path) -> None:
    spot = Spot(tmp_path, "kind")
    lock = spot.open_lock()
    assert try_lock(lock)
    spot.record.write_bytes(b"{}")

    spot.clear()
    assert spot.record.exists()

    os.close(lock)
    spot.clear()
    assert not spot.record.exists()


def test_a_record_that_was_removed_does_no_harm(world: World, tmp_path: Path) -> None:
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


def test_looking_at_it_does_not_count_as_use(common: World) -> None:
    server = find(common)
    answer(server.url, server.secret)

    assert soon(lambda: server_status(server)["idle_seconds"] >= 1, 20)

    status = server_status(server)
    assert (status["keep_seconds"], status["requests"], status["models"]) == (60, 0, [])
    assert 0 < time.time() - status["since"] < 300  # other tests use the server, too


def test_stopping_ends_it_at_once(world: World, tmp_path: Path) -> None:
    server = find(world)

    before = time.monotonic()
    stop_server(server)

    assert time.monotonic() - before < 3
    assert not alive(server.pid)
    assert running_servers(world) == []


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_process_that_is_only_still_in_the_table_has_ended() -> None:
    """In a container, process 1 may leave dead processes in the table for good."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        assert soon(lambda: not alive(process.pid))
        before = time.monotonic()

        stop_server(SharedServer("http://127.0.0.1:9", "secret", process.pid, ""))

        assert time.monotonic() - before < 1


def test_another_version_has_a_server_of_its_own(common: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = find(common)
    monkeypatch.setattr(shared, "__version__", "99.0")

    theirs = find(common)

    assert theirs.pid != ours.pid
    assert {server.pid for server in running_servers(common)} == {ours.pid, theirs.pid}
    stop_server(theirs)


def test_another_model_or_another_home_has_a_server_of_its_own(common: World, world: World, tmp_path: Path) -> None:
    (tmp_path / "mine.gguf").write_bytes(gguf_bytes(general__architecture="llama"))
    other = replace(common, environ={**common.environ, "LMCHAT_LOCAL_MODEL": str(tmp_path / "mine.gguf")})

    ours, with_other_model, at_other_home = find(common), find(other), find(world)

    assert len({server.pid for server in (ours, with_other_model, at_other_home)}) == 3
    assert at_other_home.pid not in {each.pid for each in running_servers(common)}
    stop_server(with_other_model)


def test_killing_programs_while_they_start_it_leaves_one_that_works(world: World, tmp_path: Path) -> None:
    for moment in range(12):
        program = starter(tmp_path, keep_seconds=4)
        time.sleep(0.03 + 0.04 * moment)
        program.kill()
        program.communicate()

    server = find(world, keep_seconds=4)

    assert answer(server.url, server.secret) == {"lmstudio": True}
    assert soon(lambda: servers_of(tmp_path) == set(), 20)
    assert list((tmp_path / "local").glob("*.json")) == []


def test_a_server_goes_on_where_the_program_that_started_it_was_killed_meanwhile() -> None:
    read, write = os.pipe()
    os.close(read)

    announce({"url": "http://127.0.0.1:1"}, write)  # raises nothing

    os.close(write)


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
def test_idle_it_takes_no_processor(common: World) -> None:
    server = find(common)
    answer(server.url, server.secret)
    time.sleep(1)

    before = _ticks(server.pid)
    time.sleep(4)

    assert _ticks(server.pid) == before


def _ticks(pid: int) -> int:
    return sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]))


@contextmanager
def passing_on(world: World, token: str = "") -> Iterator[str]:
    """Run `serve` in front of the shared server, and yield its address."""
    program = """
import sys
from pathlib import Path
from lmchat.local import run, shared_server
from tests.support.worlds import world_at
shared_server.serve(world_at(Path(sys.argv[1])), run.bound(0), token=sys.argv[2], keep_seconds=60)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(world.directories.state), token],
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stderr is not None
    yield next(word for word in process.stderr.readline().split() if word.startswith("http"))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode == 0


@pytest.fixture(scope="module")
def url(common: World) -> Iterator[str]:
    """Return the address of a `serve` without a token."""
    with passing_on(common) as url:
        yield url


def models(url: str, **headers: str) -> Any:
    request = urllib.request.Request(f"{url}/api/v1/models", headers=headers)
    with urllib.request.urlopen(request, timeout=20) as response:
        return json.loads(response.read())


def test_serving_passes_requests_on_to_it(url: str, common: World) -> None:
    assert models(url) == {"models": []}
    assert [server.pid for server in running_servers(common)] == [find(common).pid]


def test_serving_asks_for_a_token_of_its_own(common: World) -> None:
    with passing_on(common, "sk-lm-serve") as url:
        assert models(url, Authorization="Bearer sk-lm-serve") == {"models": []}
        for wrong in ({}, {"Authorization": f"Bearer {find(common).secret}"}):
            assert refused(url, **wrong) == 401


def test_serving_starts_a_server_again_that_was_killed(url: str, common: World) -> None:
    models(url)
    server = find(common)
    kill(common, server)

    assert models(url) == {"models": []}
    assert find(common).pid != server.pid


def test_refusals_and_unknown_routes_are_passed_on(url: str) -> None:
    with urllib.request.urlopen(f"{url}/api/v2/x?a=b", timeout=20) as response:
        assert json.loads(response.read()) == {"error": "Unexpected endpoint or method. (GET /api/v2/x)"}
    request = urllib.request.Request(f"{url}/api/v1/chat", data=b'{"model": "none", "input": "x"}')
    with pytest.raises(urllib.error.HTTPError) as failed:
        urllib.request.urlopen(request, timeout=20)
    with failed.value as answered:
        assert (answered.code, json.loads(answered.read())["error"]["code"]) == (404, "model_not_found")


def test_the_servers_own_state_is_not_passed_on(url: str) -> None:
    models(url)

    with urllib.request.urlopen(f"{url}{shared.STATUS}", timeout=20) as response:
        assert "Unexpected endpoint" in json.loads(response.read())["error"]
