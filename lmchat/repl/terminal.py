"""The terminal between two prompts: it echoes nothing and loses no key, and is given back as it was found."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, TextIO

from lmchat.world import handle_signal

_INPUT_FLAGS, _LOCAL_FLAGS, _SPECIAL_CHARACTERS = 0, 3, 6
_PASTE_ON, _PASTE_OFF = "\x1b[?2004h", "\x1b[?2004l"
_FOCUS_ON, _FOCUS_OFF = "\x1b[?1004h", "\x1b[?1004l"
_CURSOR_SHOWN = "\x1b[?25h"


class Terminal:
    """The modes of a terminal: its own, and the quiet ones in which keys wait for the next prompt.

    `keyboard` is where keys come from, `screen` where the terminal is written to. Where either is no terminal,
    nothing is changed there; one without `escapes` (a dumb one) is written none. With `focus` it says when its window
    gets and loses the focus.
    """

    def __init__(self, keyboard: TextIO, screen: TextIO, *, escapes: bool = True, focus: bool = False) -> None:
        self.escapes = escapes
        self._on = _PASTE_ON + (_FOCUS_ON if focus else "")
        self._off = _PASTE_OFF + (_FOCUS_OFF if focus else "")
        self._bell = _terminal_number(screen)
        self._keys = _terminal_number(keyboard)
        self._screen = _terminal_number(screen) if escapes else None
        self._own = _modes(self._keys)
        self._lent = False
        self._early = b""

    @property
    def number(self) -> int | None:
        """Return the file descriptor that keys come from, None where it is no terminal."""
        return self._keys

    @contextmanager
    def held(self, again: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Keep the terminal quiet for a block, and give it back whole, however the block ends.

        When the program was stopped, by Ctrl-Z or from outside, and goes on, it is made quiet and `again` is called.
        """
        # Windows has none of these.
        handlers = {"SIGTSTP": self._stop, "SIGCONT": lambda *_: self._go_on(again)}
        numbers = {getattr(signal, name): handle for name, handle in handlers.items() if hasattr(signal, name)}
        before = {number: handle_signal(number, handle) for number, handle in numbers.items()}
        self.quiet()
        try:
            yield
        finally:
            self.restore()
            for number, handle in before.items():
                signal.signal(number, handle)

    @contextmanager
    def ordinary(self) -> Iterator[None]:
        """Give the terminal to another program for a block."""
        self.restore()
        self._lent = True
        try:
            yield
        finally:
            self._lent = False
            self.quiet()

    def quiet(self) -> None:
        """Echo nothing, keep keys one by one as they are typed (Enter too), and mark what is pasted."""
        if self._own is None or self._keys is None or not _in_foreground(self._keys):
            return
        import termios

        by_line = bool(termios.tcgetattr(self._keys)[_LOCAL_FLAGS] & termios.ICANON)
        modes = [*self._own[:_SPECIAL_CHARACTERS], list(self._own[_SPECIAL_CHARACTERS])]
        modes[_INPUT_FLAGS] &= ~termios.ICRNL
        modes[_LOCAL_FLAGS] &= ~(termios.ECHO | termios.ICANON)
        # Without it, Ctrl-C would throw away what was typed ahead.
        modes[_LOCAL_FLAGS] |= termios.NOFLSH
        modes[_SPECIAL_CHARACTERS][termios.VMIN], modes[_SPECIAL_CHARACTERS][termios.VTIME] = 1, 0
        with suppress(termios.error):
            termios.tcsetattr(self._keys, termios.TCSANOW, modes)
        if by_line:
            self._early += _waiting(self._keys).replace(b"\n", b"\r").replace(b"\0", b"")
        self._write(self._on)

    def early(self) -> bytes:
        """Return, once, what was typed before the terminal was made quiet: it took Enter for the end of a line."""
        early, self._early = self._early, b""
        return early

    @property
    def readable(self) -> bool:
        """Tell whether keys can be read between two prompts, without being stopped for it in the background."""
        return self._own is not None and self._keys is not None and not self._lent and _in_foreground(self._keys)

    def restore(self) -> None:
        """Give the terminal back as it was found, with its cursor."""
        self._write(self._off + _CURSOR_SHOWN)
        if self._own is None or self._keys is None:
            return
        import termios

        with suppress(termios.error):  # it has been closed
            termios.tcsetattr(self._keys, termios.TCSANOW, self._own)

    def sign(self, text: str) -> None:
        """Write a sign for the person, such as a bell, whatever is shown."""
        if self._bell is not None:
            with suppress(OSError):
                os.write(self._bell, text.encode())

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        """Stop as Ctrl-Z asks; a program that has the terminal meanwhile gives it back by itself."""
        if not self._lent:
            self.restore()
        before = signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        signal.signal(number, before)

    def _go_on(self, again: Callable[[], None]) -> None:
        """Take the terminal again, as far as it is this program's: the shell has set its own modes meanwhile."""
        if self._lent or (self._keys is not None and not _in_foreground(self._keys)):
            return
        self.quiet()
        again()

    def _write(self, text: str) -> None:
        if self._screen is not None:
            with suppress(OSError):
                # Not through the stream: this may run in the middle of one of its writes.
                os.write(self._screen, text.encode())


def _terminal_number(stream: TextIO) -> int | None:
    try:
        return stream.fileno() if stream.isatty() else None
    except (OSError, ValueError):
        return None


def _modes(number: int | None) -> list[Any] | None:
    if number is None:
        return None
    try:
        import termios
    except ImportError:  # Windows: its console has no such modes
        return None
    try:
        return termios.tcgetattr(number)
    except termios.error:
        return None


def _waiting(number: int) -> bytes:
    """Read what waits in a terminal that has just stopped to wait for whole lines."""
    import array
    import fcntl
    import termios

    count = array.array("i", [0])
    try:
        fcntl.ioctl(number, termios.FIONREAD, count)
        return os.read(number, count[0]) if count[0] else b""
    except OSError:
        return b""


def _in_foreground(number: int) -> bool:
    """Tell whether this program may change the terminal; one in the background would be stopped by it."""
    try:
        return os.tcgetpgrp(number) == os.getpgrp()
    except OSError:
        return False
