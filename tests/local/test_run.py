"""Starting, serving and ending, with real processes and no model."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from lmchat.dataclass import replace
from lmchat.errors import BadUseError, LmchatError
from lmchat.local import run
from lmchat.local.shared_server import serve
from tests.local.conftest import gguf_bytes
from tests.support.worlds import world_at


def answer(url: str, token: str = "") -> object:
    request = urllib.request.Request(f"{url}/lmstudio-greeting", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.loads(response.read())


def below(pid: int) -> list[int]:
    """Return the processes below one, their children included (Linux)."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    found = [int(child) for each in lists for child in each.read_text().split()]
    return found + [each for child in found for each in below(child)]


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def soon(condition: Callable[[], bool], seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


PROGRAM = """
import sys, time
from lmchat.local import run, shared_server
from tests.support.worlds import world_at
from pathlib import Path
world = world_at(Path(sys.argv[1]), **dict(word.split("=", 1) for word in sys.argv[4:]))
if sys.argv[2] == "serve":
    shared_server.serve(world, run.bound(int(sys.argv[3])))
else:
    with run.started(world) as url:
        print(url, file=sys.stderr, flush=True)
        time.sleep(60)
"""


def program(root: Path, how: str, port: int = 0) -> tuple[subprocess.Popen[str], str]:
    """Start a program that serves, and return it with the address it names."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(root), how, str(port)],
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stderr is not None
    line = process.stderr.readline()
    assert how == "start" or "(Ctrl-C stops it)" in line
    return process, next(word for word in line.split() if word.startswith("http"))


def test_it_is_available_here() -> None:
    assert run.available()


def test_it_answers_while_it_is_started_and_not_after(tmp_path: Path) -> None:
    with run.started(world_at(tmp_path)) as url:
        assert url.startswith("http://127.0.0.1:")
        assert answer(url) == {"lmstudio": True}

    with pytest.raises(urllib.error.URLError, match="refused"):
        answer(url)


def test_two_run_at_once(tmp_path: Path) -> None:
    world = world_at(tmp_path)
    with run.started(world) as one, run.started(world) as two:
        assert one != two
        assert answer(one) == answer(two)


def test_it_ends_with_an_exception_too(tmp_path: Path) -> None:
    before = set(below(os.getpid()))

    def interrupted() -> None:
        with run.started(world_at(tmp_path)):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert set(below(os.getpid())) == before


def test_a_token_is_asked_for_and_is_on_no_command_line(tmp_path: Path) -> None:
    with run.started(world_at(tmp_path), token="sk-lm-secret:token") as url:
        assert answer(url, "sk-lm-secret:token") == {"lmstudio": True}
        with pytest.raises(urllib.error.HTTPError):
            answer(url)
        for child in below(os.getpid()):
            for file in ("cmdline", "environ"):
                assert b"sk-lm-secret" not in Path(f"/proc/{child}/{file}").read_bytes()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_killing_the_program_leaves_no_process_behind(tmp_path: Path) -> None:
    process, url = program(tmp_path, "start")
    answer(url)
    children = below(process.pid)

    process.kill()
    process.communicate()

    assert children
    assert soon(lambda: not any(alive(child) for child in children))


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_serving_ends_cleanly_on_a_signal(tmp_path: Path, sign: signal.Signals) -> None:
    process, url = program(tmp_path, "serve")
    answer(url)

    process.send_signal(sign)
    _, words = process.communicate(timeout=60)

    assert process.returncode == (0 if sign == signal.SIGINT else -signal.SIGTERM)
    assert words == ""


def test_serving_leaves_alone_what_was_ignored_at_the_start(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        process, url = program(tmp_path, "serve")
    finally:
        signal.signal(signal.SIGTERM, before)
    process.send_signal(signal.SIGTERM)
    assert answer(url) == {"lmstudio": True}
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_a_taken_port_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        world = replace(world_at(tmp_path), stderr=io.StringIO())

        with pytest.raises(BadUseError, match=str(port)) as refused:
            serve(world, run.bound(port))

    assert "--port" in refused.value.hint


def test_without_the_extra_the_way_to_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_PACKAGES", ("there_is_no_such_package",))

    with pytest.raises(LmchatError) as failed, run.started(world_at(tmp_path)):
        pass

    assert "lmchat[local]" in failed.value.hint


@pytest.mark.parametrize("content", [None, b"no model"])
def test_a_chosen_model_that_cannot_be_used_is_said_at_once(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "mine.gguf"
    if content is not None:
        path.write_bytes(content)

    with (
        pytest.raises(BadUseError, match="LMCHAT_LOCAL_MODEL"),
        run.started(world_at(tmp_path, LMCHAT_LOCAL_MODEL=str(path))),
    ):
        pass


def test_the_persons_own_files_are_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('shadowed')")
    monkeypatch.chdir(tmp_path)

    with run.started(world_at(tmp_path)) as url:
        assert answer(url) == {"lmstudio": True}


def test_models_are_looked_for_where_the_world_says(tmp_path: Path) -> None:
    chosen = tmp_path / "Mine.gguf"
    chosen.write_bytes(gguf_bytes(general__architecture="llama"))
    studio = tmp_path / ".lmstudio" / "models" / "someone" / "Other-GGUF"
    studio.mkdir(parents=True)
    (studio / "other.gguf").write_bytes(gguf_bytes(general__architecture="llama"))
    world = world_at(tmp_path, LMCHAT_LOCAL_MODEL=str(chosen), LMCHAT_MODEL_CACHE=str(tmp_path / "none"))

    with run.started(world) as url, urllib.request.urlopen(f"{url}/api/v1/models", timeout=60) as response:
        assert [model["key"] for model in json.loads(response.read())["models"]] == ["mine", "other"]


def test_run_is_cheap_to_import() -> None:
    costly = ["starlette", "uvicorn", "xllamacpp", "asyncio", "sqlite3", "http.client"]
    program = f"import sys, lmchat.local.run; print([name for name in {costly} if name in sys.modules])"

    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "[]\n"
