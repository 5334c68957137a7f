"""The program in a pseudo-terminal, with a terminal emulator that says what a person would see."""

import os
import re
import signal
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pexpect
import pyte

PATIENCE = 60.0
"""Seconds that a busy machine may take for anything."""
_LOCAL_FLAGS = 3
NO_MORE: Mapping[str, str] = {}
_MODE = re.compile(r"\x1b\[\?(2004|25|1049|7)([hl])")


class Window:
    """A program in a terminal of a size and a kind."""

    def __init__(
        self,
        command: list[str],
        home: Path,
        *,
        rows: int = 24,
        columns: int = 80,
        term: str = "xterm-256color",
        environ: Mapping[str, str] = NO_MORE,
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
        program, *arguments = command
        self._child = pexpect.spawn(program, arguments, env=environ, dimensions=(rows, columns), timeout=PATIENCE)
        self._child.delaybeforesend = None  # each key comes when a test says so, and nothing echoes a password
        self._child.ptyproc.delayafterclose = 0  # the program is dead by then
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self.written = b""
        self.modes_before = self.modes()

    @property
    def pid(self) -> int:
        return int(self._child.pid)

    def modes(self) -> list[Any]:
        """Return the terminal's modes, as termios tells them."""
        return termios.tcgetattr(self._child.child_fd)

    def in_front(self) -> int:
        """Return the number of the program that the shell in this terminal runs."""
        return os.tcgetpgrp(self._child.child_fd)

    def send(self, keys: str) -> None:
        self._child.send(keys.encode())

    def rows(self) -> list[str]:
        """Return what is on the screen, without blank rows at its end."""
        return "\n".join(row.rstrip() for row in self._screen.display).rstrip().split("\n")

    def read(self, seconds: float = 0.05) -> bool:
        """Take in what the program writes; tell whether it still runs."""
        try:
            data = self._child.read_nonblocking(65536, seconds)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.written += data
        self._stream.feed(data)
        return True

    def until(self, text: str, *, times: int = 1) -> None:
        """Wait until a text is on the screen (so many times)."""
        deadline = time.monotonic() + PATIENCE
        while "\n".join(self.rows()).count(text) < times:
            if not self.read() or time.monotonic() > deadline:
                raise AssertionError(f"{text!r} never came:\n" + "\n".join(self.rows()))

    def until_gone(self, text: str) -> None:
        """Wait until a text is on the screen no longer."""
        deadline = time.monotonic() + PATIENCE
        while text in "\n".join(self.rows()):
            if not self.read() or time.monotonic() > deadline:
                raise AssertionError(f"{text!r} stays:\n" + "\n".join(self.rows()))

    def until_prompt(self) -> None:
        """Wait until the last row but the toolbar's is an empty prompt."""
        deadline = time.monotonic() + PATIENCE
        while ">" not in [row.strip() for row in self.rows()[-2:]]:
            if not self.read() or time.monotonic() > deadline:
                raise AssertionError("no prompt came:\n" + "\n".join(self.rows()))

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
        self._child.wait()
        return int(self._child.exitstatus if self._child.exitstatus is not None else -self._child.signalstatus)

    def resize(self, rows: int, columns: int) -> None:
        self._child.setwinsize(rows, columns)
        self._screen.resize(rows, columns)

    def hang_up(self) -> None:
        """Close the terminal, as closing a window does."""
        self._child.ptyproc.fileobj.close()

    def end(self) -> None:
        """End the program, whatever it does."""
        if self._child.isalive():
            os.kill(self.pid, signal.SIGKILL)
            self._child.wait()
        with suppress(OSError):
            self._child.close(force=True)

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
    return [sys.executable, "-m", "lmchat", "--url", url, "talk", *arguments]
