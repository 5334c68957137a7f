"""What a screen reader gets: the raw bytes of a terminal without painting, moving about, or drawn lines."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.conversation import asked, opened
from tests.support.lmstudio import EYES, Studio, ended, event, spoken
from tests.support.program import run
from tests.support.scripted import answer, stream
from tests.support.window import LMCHAT, Window, window

pytestmark = pytest.mark.terminal

PAINTED = re.compile("[\x00-\x06\x08\x0b\x0c\x0e-\x1f\x7f\u2500-\u259f\u2800-\u28ff]|\r(?!\r?\n)")
"""Escapes, backspaces, a return to the beginning of a row, drawn lines and bars, and the signs that turn."""

WAYS: dict[str, dict[str, Any]] = {
    "setting": {},
    "variable": {"environ": {"LMCHAT_ACCESSIBLE": "1"}},
    "dumb": {"term": "dumb"},
}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    if request.param == "setting":
        (tmp_path / "settings.toml").write_text("accessible = true\n")
    return WAYS[request.param]


@pytest.fixture
def studio() -> Iterator[Studio]:
    studio = Studio()
    loaded = json.dumps({"type": "llm", "instance_id": "acme/ears", "load_time_seconds": 1.5, "status": "loaded"})
    studio.routes["/api/v1/models/load"] = lambda _request: answer(200, loaded)
    with studio.server:
        yield studio


@pytest.fixture
def home(tmp_path: Path) -> Path:
    with opened(tmp_path) as store:
        session = asked(store, store.create("sky"), "What?", "| a | b |\n|---|---|\n| 1 | 2 |\n\n> quoted\n\n---")
        session = asked(store, session, "Which?", "Blue.")
        asked(store, store.undo(session), "Why?", "So.")
    return tmp_path


def painted(there: Window) -> list[str]:
    return PAINTED.findall(there.written.decode())


def test_a_reply_comes_in_whole_paragraphs_after_plain_lines(home: Path, studio: Studio, way: dict[str, Any]) -> None:
    text = "One **two**\n\n| a | b |\n|---|---|\n\n```py\nx\n\ny\n```\nend"
    pieces = [event("message.delta", content=piece) for piece in text]
    thought = [event("reasoning.start"), event("reasoning.delta", content="Hm."), event("reasoning.end")]
    studio.replies = [stream(event("chat.start", model_instance_id="acme/big"), *thought, *pieces, ended(text))]
    with window([*LMCHAT, "--url", studio.server.url, "ask", "-m", "acme/big", "--stats", "hi"], home, **way) as there:
        assert there.ended() == 0
    written = there.written.decode().replace("\r\n", "\n")
    assert text in written
    assert re.search(r"Thought for \d\.\d s\.\n", written)
    assert "10 tokens" in written
    assert painted(there) == []


def test_a_long_wait_is_said_once_in_words(home: Path, studio: Studio, way: dict[str, Any]) -> None:
    loading = [event("model_load.progress", model_instance_id="acme/big", progress=part / 20) for part in range(20)]
    started = (event("chat.start", model_instance_id="acme/big"), event("model_load.start"), 2.2)
    studio.replies = [stream(*started, *loading, event("message.delta", content="Yes."), ended("Yes."))]
    with window([*LMCHAT, "--url", studio.server.url, "ask", "-m", "acme/big", "hi"], home, **way) as there:
        assert there.ended() == 0
    written = there.written.decode()
    assert [written.count(f"Loading the model, {part} %.") for part in (0, 25, 50, 75)] == [1, 1, 1, 1]
    assert painted(there) == []


def test_talk_asks_for_numbers_and_paints_nothing(home: Path, studio: Studio, way: dict[str, Any]) -> None:
    studio.models = (dict(EYES), dict(EYES, key="acme/ears", display_name="Ears"))
    studio.replies = [spoken("**Bold**")]
    with window([*LMCHAT, "--url", studio.server.url, "talk", "sky"], home, **way) as there:
        there.until("Its number or name")
        there.until_keys()
        there.send("2\r")
        there.until("/help lists the commands")
        there.until_keys()
        there.send("hello\r")
        there.until("**Bold**")
        for command in ("/tree", "/context", "/help", "/models", "/history", "/diff 1 2", "/settings"):
            there.until_keys()
            there.send(f"{command}\r")
            there.read(0.5)
        there.until_keys()
        there.send("\x03")
        there.until_keys()
        there.send("/switch\r")
        there.until("Which session?")
        there.until_keys()
        there.send("1\r")
        there.until_keys()
        there.send("\x04")
        assert there.ended() == 0
    assert studio.chats[0]["model"] == "acme/ears"
    assert painted(there) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("models",), ("sessions",), ("sessions", "show", "sky"), ("sessions", "tree", "sky"),
        ("sessions", "compare", "sky", "1", "2"), ("settings",), ("sessions", "show", "none"), ("ask", "--nonsense"),
        ("models", "load", "acme/eyes"), ("prompts",), ("--help",), ("sessions", "search", "blue"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_no_command_paints(home: Path, studio: Studio, way: dict[str, Any], arguments: tuple[str, ...]) -> None:
    ran = written(home, way, "--url", studio.server.url, *arguments)
    assert ran
    assert PAINTED.findall(ran) == []
    if arguments[:2] == ("models", "load"):
        assert "Loading acme/eyes" in ran


def test_branches_are_indented(home: Path, way: dict[str, Any]) -> None:
    rows = [row.rstrip() for row in written(home, way, "sessions", "tree", "sky").splitlines()]
    assert rows == ["1  What?", "-  2  Which?", "-  3  Why?  ● here"]


def written(home: Path, way: dict[str, Any], *arguments: str) -> str:
    """Return what the program, in this process, writes to a terminal."""
    environ = {"TERM": way.get("term", "xterm-256color"), **way.get("environ", {})}
    ran = run(home, *arguments, stdin=None, environ=environ, terminal=True)
    return ran.stdout + ran.stderr


def test_without_the_setting_it_is_as_ever(home: Path) -> None:
    assert PAINTED.findall(written(home, {}, "sessions", "tree", "sky"))
    with window([*LMCHAT, "sessions", "tree", "sky"], home) as there:
        there.ended()
    assert painted(there)
