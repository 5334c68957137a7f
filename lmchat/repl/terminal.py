"""The terminal between two prompts: it echoes nothing and loses no key, and is given back as it was found.

It must not know what is typed or shown.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, TextIO

_INPUT_FLAGS, _LOCAL_FLAGS, _SPECIAL_CHARACTERS = 0, 3, 6
_PASTE_ON, _PASTE_OFF = "\x1b[?2004h", "\x1b[?2004l"
_CURSOR_SHOWN = "\x1b[?25h"


class Terminal:
    """Hold the modes of a terminal: its own, and the quiet ones in which keys wait for the next prompt.

    `keyboard` is where keys come from, `screen` where the terminal is written to. Where either is no terminal,
    nothing is changed there; one without `escapes` (a dumb one) is written none.
    """

    def __init__(self, keyboard: TextIO, screen: TextIO, *, escapes: bool = True) -> None:
        self.escapes = escapes
        self._keys = _terminal_number(keyboard)
        self._screen = _terminal_number(screen) if escapes else None
        self._own = _modes(self._keys)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the terminal quiet for a block, also across Ctrl-Z, and give it back whole, however the block ends."""
        before = _on_stop(lambda number, _frame: self._stop(number))
        self.quiet()
        try:
            yield
        finally:
            self.restore()
            if before is not None:
                signal.signal(signal.SIGTSTP, before)

    @contextmanager
    def ordinary(self) -> Iterator[None]:
        """Give the terminal to another program for a block."""
        self.restore()
        try:
            yield
        finally:
            self.quiet()

    def quiet(self) -> None:
        """Echo nothing, keep keys one by one as they are typed (Enter too), and mark what is pasted."""
        if self._own is None or self._keys is None or not _in_foreground(self._keys):
            return
        import termios

        modes = [*self._own[:_SPECIAL_CHARACTERS], list(self._own[_SPECIAL_CHARACTERS])]
        modes[_INPUT_FLAGS] &= ~termios.ICRNL
        modes[_LOCAL_FLAGS] &= ~(termios.ECHO | termios.ICANON)
        # Without it, Ctrl-C would throw away what was typed ahead.
        modes[_LOCAL_FLAGS] |= termios.NOFLSH
        modes[_SPECIAL_CHARACTERS][termios.VMIN], modes[_SPECIAL_CHARACTERS][termios.VTIME] = 1, 0
        with suppress(termios.error):
            termios.tcsetattr(self._keys, termios.TCSANOW, modes)
        self._write(_PASTE_ON)

    def restore(self) -> None:
        """Give the terminal back as it was found, with its cursor."""
        self._write(_PASTE_OFF + _CURSOR_SHOWN)
        if self._own is None or self._keys is None:
            return
        import termios

        with suppress(termios.error):  # it has been closed
            termios.tcsetattr(self._keys, termios.TCSANOW, self._own)

    def _stop(self, number: int) -> None:
        """Stop as Ctrl-Z asks, and come back whole."""
        self.restore()
        before = signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        signal.signal(number, before)
        self.quiet()

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


def _in_foreground(number: int) -> bool:
    """Tell whether this program may change the terminal; one in the background would be stopped by it."""
    try:
        return os.tcgetpgrp(number) == os.getpgrp()
    except OSError:
        return False


def _on_stop(handle: Callable[[int, FrameType | None], None]) -> Any:
    """Install what Ctrl-Z does while a reply runs, and return what it did before; None where there is no such key."""
    if not hasattr(signal, "SIGTSTP"):
        return None
    try:
        return signal.signal(signal.SIGTSTP, handle)
    except ValueError:  # not in the main thread
        return None
