"""The terminal between two prompts: it echoes nothing and loses no key, and is given back as it was found.

What is typed while a reply runs waits for the next prompt; it is shown until then, and can be taken back.
"""

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, Protocol, TextIO, runtime_checkable

from prompt_toolkit.input import Input
from prompt_toolkit.input.typeahead import store_typeahead
from prompt_toolkit.key_binding.key_processor import KeyPress
from prompt_toolkit.keys import Keys

from lmchat.world import handle_signal

_INPUT_FLAGS, _LOCAL_FLAGS, _SPECIAL_CHARACTERS = 0, 3, 6
_PASTE_ON, _PASTE_OFF = "\x1b[?2004h", "\x1b[?2004l"
_FOCUS_ON, _FOCUS_OFF = "\x1b[?1004h", "\x1b[?1004l"
_CURSOR_SHOWN = "\x1b[?25h"


class Terminal:
    """The modes of a terminal: its own, and those without echo in which keys wait for the next prompt.

    `keyboard` is where keys come from, `screen` where the terminal is written to. Where either is not a terminal,
    nothing is changed there; one without `escapes` (a dumb one) gets none. With `focus` it is asked to report when its
    window gets and loses the focus.
    """

    def __init__(self, keyboard: TextIO, screen: TextIO, *, escapes: bool = True, focus: bool = False) -> None:
        self.escapes = escapes
        self._on = _PASTE_ON + (_FOCUS_ON if focus else "")
        self._off = _PASTE_OFF + (_FOCUS_OFF if focus else "")
        self._bell = _terminal_number(screen)
        self._keys = _terminal_number(keyboard)
        self._screen = _terminal_number(screen) if escapes else None
        self._own = _modes(self._keys)
        self._in_use_elsewhere = False
        self._early = b""

    @property
    def number(self) -> int | None:
        """Return the file descriptor that keys come from, None where it is not a terminal."""
        return self._keys

    @contextmanager
    def without_echo(self, again: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Turn echo off for a block, and restore the terminal's own modes, however the block ends.

        When the program continues after it was stopped, by Ctrl-Z or from outside, echo is turned off again and `again`
        is called.
        """
        # Windows has none of these.
        handlers = {"SIGTSTP": self._stop, "SIGCONT": lambda *_: self._continue(again)}
        numbers = {getattr(signal, name): handle for name, handle in handlers.items() if hasattr(signal, name)}
        before = {number: handle_signal(number, handle) for number, handle in numbers.items()}
        self.turn_echo_off()
        try:
            yield
        finally:
            self.restore()
            for number, handle in before.items():
                signal.signal(number, handle)

    @contextmanager
    def ordinary(self) -> Iterator[None]:
        """Restore the terminal's own modes for a block in which another program uses it."""
        self.restore()
        self._in_use_elsewhere = True
        try:
            yield
        finally:
            self._in_use_elsewhere = False
            self.turn_echo_off()

    def turn_echo_off(self) -> None:
        """Turn echo off, deliver keys one by one as they are typed (Enter too), and mark what is pasted."""
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
            early = _waiting(self._keys)
            if early and not early.endswith(b"\n"):
                self.alert("\n")  # below what the terminal echoed
            # What ends a file is read as NUL here.
            self._early += early.replace(b"\n", b"\r").replace(b"\0", b"\x04")
        self._write(self._on)

    def early(self) -> bytes:
        """Return, once, what was typed before echo was turned off, when Enter still ended a line."""
        early, self._early = self._early, b""
        return early

    @property
    def readable(self) -> bool:
        """Tell whether keys can be read between two prompts; a program in the background would be stopped for it."""
        return (
            self._own is not None
            and self._keys is not None
            and not self._in_use_elsewhere
            and _in_foreground(self._keys)
        )

    def restore(self) -> None:
        """Restore the terminal's own modes, and show its cursor."""
        self._write(self._off + _CURSOR_SHOWN)
        if self._own is None or self._keys is None:
            return
        import termios

        with suppress(termios.error):  # it has been closed
            termios.tcsetattr(self._keys, termios.TCSANOW, self._own)

    def alert(self, text: str) -> None:
        """Write a bell, a notification or a line end, whatever is on the screen."""
        if self._bell is not None:
            with suppress(OSError):
                os.write(self._bell, text.encode())

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        """Stop as Ctrl-Z asks; a program that uses the terminal at that moment restores it itself."""
        if not self._in_use_elsewhere:
            self.restore()
        before = signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        signal.signal(number, before)

    def _continue(self, again: Callable[[], None]) -> None:
        """Turn echo off again if this program is in the foreground: the shell has set its own modes."""
        if self._in_use_elsewhere or (self._keys is not None and not _in_foreground(self._keys)):
            return
        self.turn_echo_off()
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
    """Read the input of a terminal that was just switched from whole lines to single keys."""
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
    """Tell whether this program may change the terminal; in the background it would be stopped for it."""
    try:
        return os.tcgetpgrp(number) == os.getpgrp()
    except OSError:
        return False


_ENTER = frozenset({Keys.ControlM, Keys.ControlJ})
_MOST_SHOWN = 1000


@runtime_checkable
class Readable(Protocol):
    """A keyboard that can be read between two prompts."""

    def read_keys(self) -> list[KeyPress]:
        """Return the keys that came."""
        ...

    def keys_of(self, data: bytes) -> list[KeyPress]:
        """Return the keys of what was read elsewhere."""
        ...


class TypedAhead:
    """The keys that wait, in their order."""

    def __init__(self, source: Input, terminal: Terminal) -> None:
        self._source = source
        self._terminal = terminal
        self._keys: list[KeyPress] = []

    def look(self) -> str:
        """Read what is typed while a reply runs, and return all that waits, as it is displayed."""
        if isinstance(self._source, Readable) and self._terminal.readable:
            self.take(self._source.read_keys())
        return self.shown

    def hand_over(self) -> None:
        """Pass what waits, and what was typed before echo was turned off, to the next prompt."""
        keys, self._keys = self._keys, []
        if isinstance(self._source, Readable):
            keys += self._source.keys_of(self._terminal.early())
        store_typeahead(self._source, keys)

    def take(self, keys: Iterable[KeyPress]) -> None:
        """Add keys; Backspace takes back the last one, Ctrl-U the last line."""
        for key in keys:
            if key.key is Keys.ControlU:
                self._drop_line()
            elif key.key is Keys.Backspace and self._keys and _shown(self._keys[-1]):
                self._keys.pop()
            elif key.key is not Keys.Backspace or self._keys:
                self._keys.append(key)

    @property
    def shown(self) -> str:
        """Return the text that waits; what moves the cursor and the like is not shown."""
        return "".join(_shown(key) for key in self._keys[-_MOST_SHOWN:])[-_MOST_SHOWN:]

    def _drop_line(self) -> None:
        if self._keys:
            self._keys.pop()  # also where it is the Enter that sends the last line
        while self._keys and self._keys[-1].key not in _ENTER:
            self._keys.pop()


def _shown(key: KeyPress) -> str:
    if key.key in _ENTER:
        return " ⏎ "
    if key.key is Keys.BracketedPaste:
        return key.data
    return key.data if not isinstance(key.key, Keys) and key.data.isprintable() else ""
