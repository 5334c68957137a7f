"""Signals that were ignored at the start, and streams that are closed, as shells start programs with them."""

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from tests.support.conversation import opened
from tests.support.program import MODELS, reply, run
from tests.support.scripted import HOLD, ScriptedServer, Steps, answer, stream

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
LMCHAT = shlex.quote(sys.executable) + " -m lmchat"


def shell(home: Path, line: str) -> "subprocess.Popen[str]":
    """Run a line in a shell of its own."""
    return subprocess.Popen(
        ["bash", "-c", line],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "LMCHAT_HOME": str(home)},
    )


def slow_reply(go_on: threading.Event) -> Steps:
    begun, ended = reply().split(b"event: message.end")[0], reply()[reply().index(b"event: message.end") :]
    return stream(begun, go_on, ended)


def await_words(home: Path) -> None:
    """Wait until the first words of a reply are on the disk."""
    with opened(home) as store:
        while not store._database.rows("SELECT 1 FROM draft_piece WHERE item LIKE '%Blue.%'"):
            time.sleep(0.02)


@pytest.mark.parametrize("name", ["TERM", "HUP", "INT", "QUIT"])
def test_a_signal_that_was_ignored_at_the_start_stays_ignored(tmp_path: Path, name: str) -> None:
    go_on = threading.Event()
    with ScriptedServer(slow_reply(go_on)) as server:
        line = f"trap '' {name}; exec {LMCHAT} --url {server.url} ask -m tiny -s kept hi"
        program = shell(tmp_path, line)
        await_words(tmp_path)
        program.send_signal(getattr(signal, f"SIG{name}"))
        time.sleep(0.2)
        go_on.set()
        assert program.communicate(timeout=60)[0] == "Blue.\n"
    assert program.returncode == 0


def test_nohup_outlives_its_terminal(tmp_path: Path) -> None:
    go_on = threading.Event()
    with ScriptedServer(slow_reply(go_on)) as server:
        program = shell(tmp_path, f"exec nohup {LMCHAT} --url {server.url} ask -m tiny -s kept hi")
        await_words(tmp_path)
        program.send_signal(signal.SIGHUP)
        time.sleep(0.2)
        go_on.set()
        assert program.communicate(timeout=60)[0] == "Blue.\n"


@pytest.fixture
def server() -> Iterator[str]:
    with ScriptedServer(stream(reply())) as scripted:
        yield scripted.url


@pytest.mark.terminal
@pytest.mark.parametrize("name", ["TERM", "HUP", "INT"])
def test_talk_leaves_alone_what_was_ignored(tmp_path: Path, server: str, name: str) -> None:
    line = f"trap '' {name}; exec {LMCHAT} --url {server} talk -m tiny trip"
    environ = {**os.environ, "LMCHAT_HOME": str(tmp_path), "TERM": "xterm"}
    child = pexpect.spawn("bash", ["-c", line], env=environ, encoding="utf-8", timeout=60, dimensions=(30, 100))
    child.expect("trip")
    time.sleep(0.5)
    child.kill(getattr(signal, f"SIG{name}"))
    time.sleep(0.3)
    child.send("hi\r")
    child.expect_exact("Blue.")
    child.kill(getattr(signal, f"SIG{name}"))
    child.send("again\r")
    child.expect_exact("Blue.")
    child.sendcontrol("d")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


@pytest.mark.parametrize("line", ["ask -m tiny hi", "ask -m tiny --json hi", "sessions", "--version", "--help"])
def test_a_closed_standard_output_is_an_error_in_one_line(tmp_path: Path, server: str, line: str) -> None:
    run(tmp_path, "--url", server, "ask", "-m", "tiny", "-s", "trip", "hi")
    ended = shell(tmp_path, f"{LMCHAT} {line if line.startswith('--') else f'--url {server} {line}'} >&-")
    _, stderr = ended.communicate(timeout=60)
    assert (ended.returncode, stderr) == (
        1,
        "lmchat: error: Standard output is closed, so there is nowhere to write to.\n",
    )


def test_nothing_is_asked_whose_answer_has_nowhere_to_go(tmp_path: Path) -> None:
    with ScriptedServer(stream(reply())) as scripted:
        shell(tmp_path, f"{LMCHAT} --url {scripted.url} ask -m tiny hi >&-").communicate(timeout=60)
        assert scripted.requests == []


def test_what_writes_nothing_there_needs_no_standard_output(tmp_path: Path, server: str) -> None:
    file = tmp_path / "answer.md"
    ended = shell(tmp_path, f"{LMCHAT} --url {server} ask -m tiny -o {file} hi >&-")
    ended.communicate(timeout=60)
    assert (ended.returncode, file.read_text()) == (0, "Blue.\n")


@pytest.mark.parametrize("closed", ["2>&-", "<&-", "<&- 2>&-"])
def test_other_closed_streams_change_nothing(tmp_path: Path, server: str, closed: str) -> None:
    ended = shell(tmp_path, f"{LMCHAT} --url {server} ask -m tiny --stats -s trip hi {closed}")
    assert ended.communicate(timeout=60)[0] == "Blue.\n"
    assert ended.returncode == 0
    [turn] = json.loads(run(tmp_path, "sessions", "show", "trip", "--json").stdout)["turns"]
    assert turn["outcome"] == "complete"


def test_a_server_that_says_nothing_of_its_models_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lmchat.wire.client._QUESTION_SECONDS", 0.3)
    monkeypatch.setattr("lmchat.wire.client._ACTION_SECONDS", 0.3)
    with ScriptedServer([HOLD]) as silent:
        ran = run(tmp_path, "--url", silent.url, "models")
    assert ran.status == 3
    assert "accepted the connection, but did not answer within 0.3 seconds." in ran.stderr
    with ScriptedServer(answer(200, MODELS), [HOLD]) as silent:
        ran = run(tmp_path, "--url", silent.url, "models", "unload", "tiny")
    assert ran.status == 3
    assert "did not answer within" in ran.stderr


@pytest.mark.parametrize("module", ["lmchat.world", "lmchat.errors", "lmchat.cli.commands", "lmchat.app.conversation"])
def test_ctrl_c_while_it_starts_ends_it_without_a_word(tmp_path: Path, module: str) -> None:
    program = f"""
import sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupt())
from lmchat.__main__ import main
sys.exit(main())
"""
    command = [sys.executable, "-c", program, "--url", "http://127.0.0.1:9", "ask", "-m", "tiny", "hi"]
    environ = {**os.environ, "LMCHAT_HOME": str(tmp_path)}
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environ)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")
