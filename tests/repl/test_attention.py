"""A person who looks away is called back after a long reply, and only then; the title shows that a reply runs."""

import threading
import time
from pathlib import Path

import pytest

from lmchat.render.messages import called_back, reports_focus
from lmchat.repl.key_input import focus_in
from tests.support.lmstudio import Studio, ended, event
from tests.support.scripted import stream
from tests.support.window import LMCHAT, Window, talk_command, window

AWAY, BACK = "\x1b[O", "\x1b[I"
XTERM = {"XTERM_VERSION": "XTerm(390)"}


@pytest.mark.parametrize(
    ("environ", "desktop", "sign"),
    [
        ({"TERM": "xterm"}, False, "\a"),
        ({"TERM": "xterm"}, True, "\x1b]9;lmchat: sky, owned]\a"),
        ({"TERM": "xterm", "VTE_VERSION": "7000"}, True, "\x1b]777;notify;lmchat;sky, owned]\a"),
        ({"TERM": "foot"}, True, "\x1b]777;notify;lmchat;sky, owned]\a"),
        ({"TERM": "tmux-256color", "TMUX": "x"}, True, "\a"),
        ({"TERM": "dumb"}, True, "\a"),
    ],
)
def test_a_terminal_is_called_in_the_way_it_knows(environ: dict[str, str], desktop: bool, sign: str) -> None:
    assert called_back(environ, desktop=desktop, title="lmchat", words="sky; owned]") == sign


def test_words_of_others_cannot_end_the_sign() -> None:
    sign = called_back({"TERM": "xterm"}, desktop=True, title="lmchat", words="a\ab\x1b\\c\x9c")
    assert (sign.count("\a"), sign.count("\x1b"), "\x9c" in sign) == (1, 1, False)


def test_focus_is_what_was_said_last() -> None:
    assert focus_in("abc", None) is None
    assert focus_in(f"a{AWAY}b", None) is False
    assert focus_in(f"{AWAY}{BACK}", None) is True
    assert focus_in("x", before=False) is False
    assert reports_focus(XTERM)
    assert not reports_focus({**XTERM, "TMUX": "x"})


def talking(home: Path, studio: Studio, gate: threading.Event, environ: dict[str, str]) -> Window:
    """Return a window in which a reply runs until the gate opens."""
    begun = event("message.delta", content="Well, ")
    studio.replies = [stream(event("chat.start", model_instance_id="acme/big"), begun, gate, ended("Well, yes."))]
    (home / "settings.toml").write_text('notify = "bell"\nnotify_after = 0.3\ntitle = true\n')
    there = Window(talk_command(studio.server.url, "sky"), home, environ=environ)
    there.until_prompt()
    there.send("hello\r")
    there.until("Well,")
    return there


def bells(there: Window) -> int:
    """Count the bells, of which one comes soon or none at all; each title ends with one, too."""
    there.until("· turn 1")
    reading(there, 1)
    return there.written.count(b"\a") - there.written.count(b"\x1b]2;")


def reading(there: Window, seconds: float) -> None:
    """Let so many seconds pass while what is written is taken in."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        there.read(0.1)


@pytest.mark.terminal
@pytest.mark.parametrize(
    ("keys", "environ", "wanted"),
    [
        (AWAY, XTERM, 1),
        ("", XTERM, 0),
        (AWAY + BACK, XTERM, 0),
        (f"typed{AWAY}ahead", XTERM, 1),
        ("", {}, 1),
        (BACK, {}, 0),
    ],
    ids=["away", "here", "back again", "typing", "unknown", "said to be here"],
)
def test_a_person_who_looks_away_is_called_once(
    tmp_path: Path, studio: Studio, keys: str, environ: dict[str, str], wanted: int
) -> None:
    gate = threading.Event()
    there = talking(tmp_path, studio, gate, environ)
    try:
        there.send(keys)
        reading(there, 0.5)
        gate.set()
        assert bells(there) == wanted
        assert "[O" not in "\n".join(there.rows())
        assert "typedahead" in "\n".join(there.rows()) or "typed" not in keys
        there.send("\x03\x04")
        assert there.ended() == 0
        said = there.written.decode()
        assert "\x1b]2;… sky - lmchat\a" in said
        assert said.rindex("\x1b]2;sky - lmchat\a") > said.index("\x1b]2;… sky")
        assert said.rindex("\x1b[?1004l") > said.rindex("\x1b[?1004h")
    finally:
        gate.set()
        there.end()


@pytest.mark.terminal
def test_nothing_is_asked_of_the_terminal_where_it_is_not_wanted(tmp_path: Path, studio: Studio) -> None:
    with window(talk_command(studio.server.url, "sky"), tmp_path) as there:
        there.until_prompt()
        there.send("hello\r")
        there.until("Reply 1.")
        there.until_prompt()
        there.send("\x04")
        assert there.ended() == 0
    assert b"?1004" not in there.written
    assert b"\a" not in there.written


@pytest.mark.terminal
@pytest.mark.parametrize(("after", "wanted"), [(0, 1), (60, 0)])
def test_ask_rings_after_a_long_reply(tmp_path: Path, studio: Studio, after: int, wanted: int) -> None:
    (tmp_path / "settings.toml").write_text(f'notify = "bell"\nnotify_after = {after}\n')
    with window([*LMCHAT, "--url", studio.server.url, "ask", "-m", "acme/big", "hello"], tmp_path) as there:
        assert there.ended() == 0
    assert there.written.count(b"\a") == wanted
