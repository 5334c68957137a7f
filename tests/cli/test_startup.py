"""What is loaded before the program does what it was asked: every module costs time that people wait."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import pexpect
import pytest

from lmchat.store.store import open_store
from tests.support.program import MODELS, reply, run
from tests.support.scripted import Request, ScriptedServer, Steps, answer, stream

PROGRAM = """
import json, os, sys, time

watched, at = {watched!r}, {{}}

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name in watched:
            at.setdefault(name, time.monotonic())

sys.meta_path.insert(0, Watch())
from lmchat.__main__ import main
try:
    status = main()
finally:
    with open({log!r}, "w") as file:
        json.dump({{"modules": sorted(sys.modules), "at": at}}, file)
sys.exit(status)
"""
"""The program, noting which modules it loaded and when it looked for the watched ones."""

COSTLY = (
    "PIL", "asyncio", "click", "h11", "httpcore", "httpx", "importlib.metadata", "jsonschema", "logging", "markdown_it",
    "platformdirs", "prompt_toolkit", "pydantic", "pygments", "rich", "sqlite3", "ssl", "starlette", "tomlkit", "typer",
    "urllib.request", "xllamacpp",
)  # fmt: skip


def program(log: Path) -> list[str]:
    return [sys.executable, "-c", PROGRAM.format(watched=(*COSTLY, *SHOWING), log=str(log))]


def environment(home: Path) -> Mapping[str, str]:
    return {**os.environ, "LMCHAT_HOME": str(home), "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}


def loaded(home: Path, *arguments: str) -> set[str]:
    """Run the program in pipes and return the costly modules it loaded."""
    log = home / "loaded.json"
    ran = subprocess.run(
        [*program(log), *arguments], env=environment(home), stdin=subprocess.DEVNULL, capture_output=True
    )
    assert ran.returncode == 0, ran.stderr
    return set(COSTLY) & modules(home)


def modules(home: Path) -> set[str]:
    """Return the names of all modules that the last run loaded."""
    return set(json.loads((home / "loaded.json").read_text())["modules"])


def test_version_loads_the_ground_only(tmp_path: Path) -> None:
    assert loaded(tmp_path, "--version") == set()
    assert {name for name in modules(tmp_path) if name.startswith("lmchat")} == {"lmchat", "lmchat.__main__"}


@pytest.mark.parametrize(
    "arguments", [["--help"], ["ask", "--help"], ["help", "sessions", "fork"], ["completion", "zsh"]]
)
def test_help_loads_nothing_but_typer(tmp_path: Path, arguments: list[str]) -> None:
    assert loaded(tmp_path, *arguments) == {"typer"}


NOT_FOR_COMPLETION = (
    "dataclasses", "hashlib", "inspect", "tempfile", "threading", "lmchat.app.conversation", "lmchat.app.models",
    "lmchat.cli.commands", "lmchat.render", "lmchat.store.store", "lmchat.wire.client", "lmchat.wire.dialects",
)  # fmt: skip


@pytest.mark.parametrize(
    "kind", ["sessions", "turns", "models", "loaded", "levels", "profiles", "settings", "values", "prompts", "roles"]
)
def test_completing_loads_no_more_than_it_looks_up(tmp_path: Path, kind: str) -> None:
    with ScriptedServer(answer(200, MODELS)) as server:
        assert run(tmp_path, "--url", server.url, "models").status == 0
        libraries = loaded(tmp_path, "__complete", kind, "--url", server.url, "api")
    assert libraries == ({"sqlite3"} if kind in {"sessions", "turns"} else set())
    assert modules(tmp_path) & set(NOT_FOR_COMPLETION) == set()


def test_asking_in_a_pipe_loads_what_speaks_and_keeps(tmp_path: Path) -> None:
    with ScriptedServer(stream(reply())) as server:
        assert loaded(tmp_path, "--url", server.url, "ask", "-m", "tiny", "hi") == {"typer", "h11", "sqlite3"}


NOT_FOR_A_PLAIN_TURN = (
    "hashlib", "lmchat.app.files", "lmchat.app.imports", "lmchat.app.local", "lmchat.app.maintenance",
    "lmchat.app.models", "lmchat.app.programs", "lmchat.app.servers", "lmchat.cli.completion", "lmchat.cli.servers",
    "lmchat.cli.session_views", "lmchat.cli.sessions", "lmchat.cli.settings", "lmchat.decoding", "lmchat.local",
    "lmchat.pictures", "lmchat.render.history", "lmchat.render.listings", "lmchat.render.markdown",
    "lmchat.render.painter", "lmchat.render.progress", "lmchat.repl", "lmchat.store.documents", "lmchat.store.imports",
    "lmchat.store.listing", "lmchat.store.schema", "lmchat.wire.models", "lmchat.wire.openai",
    "lmchat.wire.refusals",
)  # fmt: skip


def test_a_plain_turn_loads_none_of_the_modules_that_others_need(tmp_path: Path) -> None:
    with ScriptedServer(stream(reply())) as server:
        command = ("--url", server.url, "ask", "-m", "tiny", "hi")
        run(tmp_path, *command)  # the first of all makes the store
        loaded(tmp_path, *command)
    assert modules(tmp_path) & set(NOT_FOR_A_PLAIN_TURN) == set()
    assert "lmchat.wire.lmstudio.chat" in modules(tmp_path)


NOT_FOR_LISTING_SESSIONS = (
    "hashlib", "tempfile", "lmchat.app.asking", "lmchat.app.connect", "lmchat.app.conversation",
    "lmchat.render.history", "lmchat.render.margin", "lmchat.render.tree", "lmchat.render.views", "lmchat.repl",
    "lmchat.settings.prompts", "lmchat.wire",
)  # fmt: skip


def test_listing_sessions_loads_nothing_that_speaks(tmp_path: Path) -> None:
    with open_store(tmp_path, now=lambda: datetime.now(UTC)) as store:
        store.create("colours", "")
    assert loaded(tmp_path, "sessions") == {"typer", "sqlite3", "rich"}
    assert modules(tmp_path) & set(NOT_FOR_LISTING_SESSIONS) == set()
    assert loaded(tmp_path, "sessions", "--json") == {"typer", "sqlite3"}


NAMED = {name for names in (NOT_FOR_COMPLETION, NOT_FOR_A_PLAIN_TURN, NOT_FOR_LISTING_SESSIONS) for name in names}


@pytest.mark.parametrize("name", sorted(NAMED))
def test_a_module_that_must_not_be_loaded_exists(name: str) -> None:
    assert find_spec(name) is not None


def test_listing_models_loads_what_draws_for_people_only(tmp_path: Path) -> None:
    with ScriptedServer(answer(200, MODELS), answer(200, MODELS)) as server:
        assert loaded(tmp_path, "--url", server.url, "models") == {"typer", "h11", "rich"}
        assert loaded(tmp_path, "--url", server.url, "models", "--json") == {"typer", "h11"}


SHOWING = (
    "rich", "markdown_it", "pygments", "lmchat.render.views", "lmchat.render.margin", "lmchat.render.notes",
    "lmchat.render.screen", "lmchat.render.json_output",
)  # fmt: skip


@pytest.mark.terminal
def test_on_a_terminal_the_request_is_sent_before_anything_that_shows_a_reply_is_loaded(tmp_path: Path) -> None:
    arrived: list[float] = []

    def noted(request: Request) -> Steps:
        arrived.append(time.monotonic())
        return stream(0.3, reply())

    log = tmp_path / "loaded.json"
    with ScriptedServer(noted) as server:
        command, *arguments = [*program(log), "--url", server.url, "ask", "-m", "tiny", "hi"]
        child = pexpect.spawn(command, arguments, env=environment(tmp_path), encoding="utf-8", timeout=60)
        child.expect("Blue")
        child.expect(pexpect.EOF)
    at = json.loads(log.read_text())["at"]
    # Both clocks are the machine's own.
    assert {name for name in SHOWING if at.get(name, arrived[0] + 1) < arrived[0]} == set()
    assert "lmchat.render.views" in at
    assert "prompt_toolkit" not in at
    assert "asyncio" not in at


DRAWN = """
import json, sys
from lmchat.repl.keyboard import Keyboard

begin = Keyboard.when_drawn

def when_drawn(keyboard, act):
    def noted():
        with open({log!r}, "w") as file:
            json.dump(sorted(sys.modules), file)
        act()
    begin(keyboard, noted)

Keyboard.when_drawn = when_drawn
from lmchat.__main__ import main
sys.exit(main())
"""
"""The program, noting which modules are loaded when the first prompt of `talk` is on the screen."""

NOT_FOR_A_PROMPT = (
    "PIL", "ctypes.util", "httpx", "jsonschema", "markdown_it", "pygments", "rich", "tomlkit", "lmchat.app.export",
    "lmchat.decoding", "lmchat.pictures", "lmchat.render.history", "lmchat.repl.clipboard", "lmchat.repl.commands",
    "lmchat.repl.models", "lmchat.repl.picker.browser", "lmchat.repl.picker.sessions", "lmchat.repl.turns",
)  # fmt: skip


@pytest.mark.terminal
def test_the_prompt_of_a_talk_is_drawn_before_what_its_first_line_needs_is_loaded(tmp_path: Path) -> None:
    log = tmp_path / "drawn.json"
    with ScriptedServer(answer(200, MODELS)) as server:
        arguments = ["-c", DRAWN.format(log=str(log)), "--url", server.url, "talk"]
        child = pexpect.spawn(sys.executable, arguments, env=environment(tmp_path), encoding="utf-8", timeout=60)
        child.expect_exact("> ")
        child.expect_exact("new session")
        child.sendeof()
        child.expect(pexpect.EOF)
    assert set(json.loads(log.read_text())) & set(NOT_FOR_A_PROMPT) == set()
