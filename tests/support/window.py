"""The program in a pseudo-terminal, with a terminal emulator that says what a person would see."""

import fcntl
import os
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyte

from tests.support.preloaded import preloaded

PATIENCE = 60.0
"""Seconds that a busy machine may take for anything."""
_LOCAL_FLAGS = 3
NO_MORE: Mapping[str, str] = {}
_MODE = re.compile(r"\x1b\[\?(2004|25|1049|7)([hl])")
LMCHAT = (sys.executable, "-m", "lmchat")
"""The command that starts the program."""


class Window:
    """A program in a terminal of a size and a kind.

    What begins with `LMCHAT` is started from a process that has it loaded, unless it is to start `afresh`.
    """

    def __init__(
        self,
        command: list[str],
        home: Path,
        *,
        rows: int = 24,
        columns: int = 80,
        term: str = "xterm-256color",
        environ: Mapping[str, str] = NO_MORE,
        afresh: bool = False,
    ) -> None:
        environ = {
            **environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "LMCHAT_HOME": str(home),
            "TERM": term,
            "LANG": "C.UTF-8",
            "PS1": "shell$ ",
            "SHELL": "/bin/bash",
        }
        self._terminal, theirs = os.openpty()
        self._set_size(rows, columns)
        loaded = tuple(command[: len(LMCHAT)]) == LMCHAT and not afresh
        start = preloaded().start if loaded else preloaded().execute
        self._process = start(command[len(LMCHAT) :] if loaded else command, theirs, environ)
        os.close(theirs)
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self.written = b""
        self.modes_before = self.modes()

    @property
    def pid(self) -> int:
        return self._process.pid

    def modes(self) -> list[Any]:
        """Return the terminal's modes, as termios tells them."""
        return termios.tcgetattr(self._terminal)

    def in_front(self) -> int:
        """Return the number of the program that the shell in this terminal runs."""
        return os.tcgetpgrp(self._terminal)

    def send(self, keys: str) -> None:
        data = keys.encode()
        while data:
            data = data[os.write(self._terminal, data) :]

    def rows(self) -> list[str]:
        """Return what is on the screen, without blank rows at its end."""
        return "\n".join(row.rstrip() for row in self._screen.display).rstrip().split("\n")

    def read(self, seconds: float = 0.05) -> bool:
        """Take in what the program writes; tell whether it still runs."""
        if not select.select([self._terminal], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self._terminal, 65536)
        except OSError:  # Linux says so that no program has the terminal any more
            data = b""
        if not data:
            return False
        self.written += data
        self._stream.feed(data)
        return True

    def until(self, text: str, *, times: int = 1) -> None:
        """Wait until a text is on the screen (so many times)."""
        self.until_rows(lambda rows: "\n".join(rows).count(text) >= times, f"{text!r} never came")

    def until_gone(self, text: str) -> None:
        """Wait until a text is on the screen no longer."""
        self.until_rows(lambda rows: text not in "\n".join(rows), f"{text!r} stays")

    def until_prompt(self) -> None:
        """Wait until the last row but the toolbar's is an empty prompt."""
        self.until_rows(lambda rows: ">" in [row.strip() for row in rows[-2:]], "no prompt came")

    def until_rows(self, shown: Callable[[list[str]], bool], otherwise: str = "the screen stays") -> None:
        """Wait until the rows on the screen are as they should be."""
        deadline = time.monotonic() + PATIENCE
        while not shown(self.rows()):
            if not self.read() or time.monotonic() > deadline:
                raise AssertionError(f"{otherwise}:\n" + "\n".join(self.rows()))

    def until_keys(self) -> None:
        """Wait until Ctrl-C is a key: a dumb terminal shows the prompt a moment before."""
        deadline = time.monotonic() + PATIENCE
        while self.modes()[_LOCAL_FLAGS] & termios.ISIG:
            assert self.read()
            assert time.monotonic() < deadline

    def ended(self) -> int:
        """Wait until the program has ended, and return its exit code."""
        deadline = time.monotonic() + PATIENCE
        while self.read():
            assert time.monotonic() < deadline, "it does not end:\n" + "\n".join(self.rows())
        return self._process.wait()

    def resize(self, rows: int, columns: int) -> None:
        self._set_size(rows, columns)
        self._screen.resize(rows, columns)

    def _set_size(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def hang_up(self) -> None:
        """Close the terminal, as closing a window does."""
        if self._terminal >= 0:
            os.close(self._terminal)
            self._terminal = -1

    def end(self) -> None:
        """End the program, whatever it does."""
        if self._process.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
        self._process.wait()
        self.hang_up()

    def leftovers(self) -> dict[str, str]:
        """Return the private modes that were set last: 2004 is marking of pastes, 25 the cursor."""
        return dict(_MODE.findall(self.written.decode("utf-8", "replace")))


@contextmanager
def window(command: list[str], home: Path, **looks: Any) -> Iterator[Window]:
    """Open a window, and end the program in it."""
    opened = Window(command, home, **looks)
    try:
        yield opened
    finally:
        opened.end()


def talk_command(url: str, *arguments: str) -> list[str]:
    """Write the command that talks to a server."""
    return [*LMCHAT, "--url", url, "talk", *arguments]
