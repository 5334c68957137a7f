"""`lmchat talk` from the command line: what is sent with it, what is refused."""

import os
import sys
from pathlib import Path

import pexpect
import pytest

from tests.support.program import MODELS, reply, run
from tests.support.scripted import Request, ScriptedServer, Steps, answer, stream


def served(request: Request) -> Steps:
    return stream(reply()) if request.path.endswith("/chat") else answer(200, MODELS)


def test_without_a_terminal_it_says_what_to_use_instead(tmp_path: Path) -> None:
    ran = run(tmp_path, "talk", stdin="hello\n")
    assert ran.status == 2
    assert "lmchat ask" in ran.stderr


@pytest.mark.terminal
def test_a_file_goes_along_with_the_first_prompt_that_is_typed(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("buy milk\n")
    with ScriptedServer(served) as server:
        child = pexpect.spawn(
            sys.executable,
            ["-m", "lmchat", "--url", server.url, "talk", "list", "-f", str(tmp_path / "notes.txt")],
            dimensions=(24, 80),
            env={**os.environ, "LMCHAT_HOME": str(tmp_path), "TERM": "xterm-256color"},
            timeout=60,
        )
        child.expect_exact("notes.txt")
        child.send("What must I buy?\r")
        child.expect_exact("Blue.")
        child.send("\x04")
        child.expect(pexpect.EOF)
        [chat] = [request.json for request in server.requests if request.path.endswith("/chat")]
    assert "buy milk" in chat["input"]
    assert chat["input"].index("What must I buy?") >= 0


@pytest.mark.terminal
def test_a_turn_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with ScriptedServer(served) as server:
        child = pexpect.spawn(
            sys.executable,
            ["-m", "lmchat", "--url", server.url, "talk", "list", "--at", "7"],
            dimensions=(24, 80),
            env={**os.environ, "LMCHAT_HOME": str(tmp_path), "TERM": "xterm-256color"},
            timeout=60,
        )
        child.expect_exact("There is no turn 7")
        child.expect(pexpect.EOF)
        child.close()
    assert child.exitstatus == 6


@pytest.mark.terminal
def test_a_private_talk_writes_no_file_at_all(tmp_path: Path) -> None:
    with ScriptedServer(served) as server:
        child = pexpect.spawn(
            sys.executable,
            ["-m", "lmchat", "--url", server.url, "talk", "--private"],
            dimensions=(24, 80),
            env={**os.environ, "LMCHAT_HOME": str(tmp_path), "TERM": "xterm-256color"},
            timeout=60,
        )
        child.expect_exact("nothing is kept")
        child.send("A secret\r")
        child.expect_exact("Blue.")
        child.send("/models\r")
        child.expect_exact("KEY")
        child.send("\x04")
        child.expect(pexpect.EOF)
    assert list(tmp_path.rglob("*")) == []
