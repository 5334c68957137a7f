"""`lmchat ask` at a terminal: choosing a model, progress that passes, an answer that stays."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pexpect
import pyte
import pytest

from tests.support.program import MODELS, reply
from tests.support.scripted import Answer, ScriptedServer, answer, stream

pytestmark = pytest.mark.terminal

TWO = '{"models":[{"type":"llm","key":"one"},{"type":"llm","key":"two","display_name":"The second"}]}'


@contextmanager
def asking(home: Path, *answers: Answer) -> Iterator[tuple[pexpect.spawn, Callable[[], str], ScriptedServer]]:
    screen = pyte.Screen(80, 24)
    shown = pyte.ByteStream(screen)
    with ScriptedServer(*answers) as server:
        child = pexpect.spawn(
            sys.executable,
            ["-m", "lmchat", "--url", server.url, "ask", "Which colour?"],
            dimensions=(24, 80),
            env={**os.environ, "LMCHAT_HOME": str(home), "TERM": "xterm-256color"},
            timeout=60,
        )

        def look() -> str:
            shown.feed((child.before or b"") + (child.after if isinstance(child.after, bytes) else b""))
            return "\n".join(line.rstrip() for line in screen.display).strip()

        yield child, look, server
        child.close(force=True)


def test_the_person_chooses_where_several_models_could_answer(tmp_path: Path) -> None:
    with asking(tmp_path, answer(200, TWO), stream(reply())) as (child, look, server):
        child.expect_exact("Esc leaves")
        look()
        child.send("\x1b[B\r")
        child.expect(pexpect.EOF)
        assert look() == "Blue."
        assert server.requests[1].json["model"] == "two"


def test_no_choice_is_said_with_the_list(tmp_path: Path) -> None:
    with asking(tmp_path, answer(200, TWO)) as (child, look, _):
        child.expect_exact("Esc leaves")
        look()
        child.send("\x03")
        child.expect(pexpect.EOF)
        assert "one, two" in look()
        child.close()
        assert child.exitstatus == 6


def test_the_terminal_is_not_asked_where_its_cursor_is(tmp_path: Path) -> None:
    with asking(tmp_path, answer(200, TWO)) as (child, _, _):
        child.expect_exact("Esc leaves")
        written = child.before
        child.send("\x03")
        child.expect(pexpect.EOF)
        assert b"\x1b[6n" not in written + child.before


def test_progress_passes_and_the_answer_stays(tmp_path: Path) -> None:
    loading = b'event: model_load.progress\ndata: {"type":"model_load.progress","progress":0.5}\n\n'
    seen = threading.Event()
    with asking(tmp_path, answer(200, MODELS), stream(loading, seen, reply())) as (child, look, _):
        child.expect_exact("50")
        seen.set()
        look()
        child.expect(pexpect.EOF)
        assert look() == "Blue."
