"""The terminal that is written to: its size, what it can do, and escape sequences that no interrupt tears apart."""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any, TextIO

from lmchat.render.theme import is_known, is_plain

if TYPE_CHECKING:
    from lmchat.render.painter import Size


class DeferredInterrupt:
    """Deliver SIGINT as the program wants it, but not inside a frame."""

    def __init__(self) -> None:
        self._painting = False
        self._waiting = False

    @contextmanager
    def raised(self) -> Iterator[None]:
        """Handle SIGINT in place of the program's own handler, in the main thread only."""
        before = signal.getsignal(signal.SIGINT)
        if threading.current_thread() is not threading.main_thread() or not callable(before):
            yield
            return

        def handle(number: int, frame: FrameType | None) -> None:
            if self._painting:
                self._waiting = True
            else:
                before(number, frame)

        signal.signal(signal.SIGINT, handle)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
            self._deliver()

    @contextmanager
    def painting(self) -> Iterator[None]:
        """Defer interrupts while a frame is made and written."""
        self._painting = True
        try:
            yield
        finally:
            self._painting = False
        self._deliver()

    def _deliver(self) -> None:
        if self._waiting:
            self._waiting = False
            signal.raise_signal(signal.SIGINT)


_ORDINARY_SIZE = (80, 24)
_ECHO_FLAGS = 3
_CURSOR_SHOWN = b"\x1b[?25h"


def size_of(stream: TextIO, environ: Mapping[str, str]) -> "Size":
    """Return what tells the window's size: the terminal, else `COLUMNS` and `LINES`, else 80 × 24."""
    given = (_number(environ, "COLUMNS") or _ORDINARY_SIZE[0], _number(environ, "LINES") or _ORDINARY_SIZE[1])
    try:
        number = stream.fileno()
    except (OSError, ValueError):  # a stream in memory
        return lambda: given

    def measured() -> tuple[int, int]:
        try:
            columns, lines = os.get_terminal_size(number)
        except (OSError, ValueError):
            return given
        return columns or given[0], lines or given[1]

    return measured


def fitted(line: str, stream: TextIO, environ: Mapping[str, str]) -> str:
    """Break a safe line at blanks where it is longer than the terminal is wide; in a pipe it stays one line."""
    if not stream.isatty():
        return line
    from lmchat.render.cells import fold

    return "\n".join(fold(line, size_of(stream, environ)()[0]))


def moves_cursor(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Tell whether what was written to the stream can be painted over."""
    return stream.isatty() and not is_plain(environ)


def reflows(environ: Mapping[str, str]) -> bool:
    """Tell whether the terminal is known to wrap its rows again when its width changes.

    Where it is not known, lmchat takes fewer rows back: a row may then be shown twice, but none is lost.
    """
    return is_known(environ)


@contextmanager
def silent_keyboard(stdin: TextIO) -> Iterator[None]:
    """Keep typed keys for the next prompt instead of echoing them into the reply; Ctrl-C still interrupts."""
    try:
        import termios
    except ImportError:  # Windows echoes nothing unless keys are read
        yield
        return
    try:
        number = stdin.fileno()
        saved = termios.tcgetattr(number)
        # A program in the background that changes the terminal is stopped by it.
        ours = os.tcgetpgrp(number) == os.getpgrp()
    except (OSError, ValueError, termios.error):  # no terminal
        ours = False
    if not ours:
        yield
        return
    silent = termios.tcgetattr(number)
    silent[_ECHO_FLAGS] = int(saved[_ECHO_FLAGS]) & ~termios.ECHO
    termios.tcsetattr(number, termios.TCSANOW, silent)
    try:
        with _stopped_whole(number, partial(termios.tcsetattr, number, termios.TCSANOW), saved, silent):
            yield
    finally:
        termios.tcsetattr(number, termios.TCSANOW, saved)


@contextmanager
def _stopped_whole(number: int, change: Callable[[Any], None], saved: Any, silent: Any) -> Iterator[None]:
    """Give the terminal back, with its cursor, while Ctrl-Z stops the program, unless another part of it does so."""
    here = threading.current_thread() is threading.main_thread()
    if not here or signal.getsignal(signal.SIGTSTP) is not signal.SIG_DFL:
        yield
        return

    def stop(signal_number: int, _frame: FrameType | None) -> None:
        change(saved)
        with suppress(OSError):
            os.write(number, _CURSOR_SHOWN)
        signal.signal(signal_number, signal.SIG_DFL)
        os.kill(os.getpid(), signal_number)
        signal.signal(signal_number, stop)
        change(silent)

    signal.signal(signal.SIGTSTP, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)


def _number(environ: Mapping[str, str], name: str) -> int:
    value = environ.get(name, "")
    return int(value) if value.isascii() and value.isdigit() else 0
