"""The REPL in this process: keys go in through a pipe, what a person would read comes out as text."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

from prompt_toolkit.application import Application
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from lmchat.app.conversation import Conversation
from lmchat.chat.keeping import Memory
from lmchat.chat.session import Session
from lmchat.chat.values import Prompt
from lmchat.dataclass import replace
from lmchat.repl.editing import PromptOptions
from lmchat.repl.keyboard import Keyboard
from lmchat.repl.loop import run
from lmchat.repl.picker.choice import Choices
from lmchat.repl.state import ModelList, ReplState
from lmchat.repl.terminal import Terminal
from lmchat.settings import read_settings
from lmchat.store.store import Store, open_store
from lmchat.wire.address import Address
from lmchat.wire.client import Client
from lmchat.world import World, standard_directories
from tests.support.lmstudio import Studio

ENTER, CTRL_C, CTRL_D, CTRL_J, ALT_ENTER = "\r", "\x03", "\x04", "\n", "\x1b\r"
PAUSE = 0.15
"""Seconds, on the library's own clock, in which it has read the history and made its suggestions."""
UP, DOWN, TAB, ESCAPE = "\x1b[A", "\x1b[B", "\t", "\x1b"


@dataclass
class Talk:
    """A talk that can be had again and again, and what is around it."""

    world: World
    store: Store
    client: Client
    studio: Studio
    keys: PipeInput
    private: bool = False
    debug: bool = False
    memory: Memory = field(default_factory=Memory)
    vi: bool = False

    @property
    def server(self) -> str:
        return self.studio.server.url

    def type(self, *lines: str, name: str = "", first: Prompt | None = None) -> str:
        """Type lines, each with Enter, clear what is in the line, and leave; return what was written."""
        return self.press("".join(f"{line}{ENTER}" for line in lines) + CTRL_C + CTRL_D, name=name, first=first)

    def press(self, keys: str, *, name: str = "", first: Prompt | None = None, keyboard: Keyboard | None = None) -> str:
        """Press keys in a session (made by the first prompt where it does not exist)."""
        self.keys.send_text(keys)
        out = self.out
        out.seek(0)
        out.truncate()
        session = self.store.find(name) if name and self.store.has(name) else Session(name=name, turns={})
        run(self.conversation(), session, first=first, keyboard=keyboard or self.keyboard())
        return out.getvalue()

    def pick(self, answer: str, keys: str) -> str:
        """Answer the first choice with keys, press others after it, and return what was written."""
        keyboard = self.keyboard()
        ask = keyboard.chosen

        def answered(title: str, choices: Choices) -> str | None:
            setattr(keyboard, "chosen", ask)  # noqa: B010 - mypy wants methods to stay
            self.keys.send_text(answer)
            try:
                return ask(title, choices)
            finally:
                self.keys.send_text(keys)

        setattr(keyboard, "chosen", answered)  # noqa: B010 - as above
        return self.press("", keyboard=keyboard)

    def press_when_listed(self, keys: str) -> str:
        """Press keys once the server has listed its models, and return what was written."""
        keyboard = self.keyboard()
        run = keyboard.between_keys

        def pressing(act: Callable[[], object]) -> None:
            run(act)
            run(lambda: self.keys.send_text(keys))

        setattr(keyboard, "between_keys", pressing)  # noqa: B010 - mypy wants methods to stay
        return self.press("", keyboard=keyboard)

    def ask(self, *prompts: str, name: str) -> None:
        """Ask prompts in a session (made by the first where it does not exist) without a keyboard."""
        conversation = self.conversation()
        session = self.store.find(name) if self.store.has(name) else Session(name=name, turns={})
        for prompt in prompts:
            session = conversation.with_model(session)
            session = conversation.speak(session, Prompt(prompt), lambda event: None).session

    def press_slowly(self, *pieces: str, name: str = "") -> None:
        """Press keys as people do: each piece is taken in before the next comes."""
        keyboard = self.keyboard()

        def pressing() -> None:
            for piece in pieces:
                _pause(keyboard._session.app)
                self.keys.send_text(piece)

        typing = threading.Thread(target=pressing)
        typing.start()
        self.press("", name=name, keyboard=keyboard)
        typing.join()

    def conversation(self) -> Conversation:
        settings = read_settings(self.world, flags={}, profile=None)
        memory = self.memory if self.private else None
        return Conversation(
            self.world, settings, self.store, self.client, self.server, private=memory, debug=self.debug
        )

    def keyboard(self) -> Keyboard:
        history = None if self.private else self.world.directories.state / "history"
        terminal = Terminal(self.world.stdin, self.world.stdout)
        return Keyboard(self.keys, DummyOutput(), terminal, PromptOptions(self.world.environ, history, vi=self.vi))

    def state(self, name: str = "") -> ReplState:
        """Lay a session on a state, for what is tested without keys."""
        session = self.store.find(name) if name else Session(name="", turns={})
        return ReplState(self.conversation(), self.keyboard(), ModelList(self.client.models), session)

    @property
    def out(self) -> StringIO:
        assert isinstance(self.world.stdout, StringIO)
        return self.world.stdout

    def with_environ(self, **variables: str) -> "Talk":
        environ: Mapping[str, str] = {**self.world.environ, **variables}
        return replace(self, world=replace(self.world, environ=environ))


def _pause(app: Application[Any]) -> None:
    """Let PAUSE pass while a line is read: by the clock of its loop, which takes in all keys of before first."""
    passed = threading.Event()
    while not passed.is_set():
        time.sleep(0.005)
        loop = app.loop
        if loop is None:
            continue
        with suppress(RuntimeError):  # the line was sent, and the loop is closed
            loop.call_soon_threadsafe(loop.call_later, PAUSE, passed.set)
            while app.loop is loop and not passed.is_set():
                time.sleep(0.005)


@contextmanager
def opened_talk(home: Path, studio: Studio) -> Iterator[Talk]:
    """Open a store and a keyboard for one test."""
    environ = {"LMCHAT_HOME": str(home), "PATH": "/nonexistent", "COLUMNS": "120"}
    out = StringIO()
    world = World(StringIO(), out, out, environ, standard_directories(environ))
    with open_store(home, now=world.now) as store, create_pipe_input() as keys:
        client = Client(Address(studio.server.url))
        yield Talk(world=world, store=store, client=client, studio=studio, keys=keys)
