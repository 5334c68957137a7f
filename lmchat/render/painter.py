"""Painting on a terminal: settled rows go to the scrollback once, live rows are painted below them again and again.

There are never more live rows than the window has, less one, and the cursor is at the start of the line below them. A
frame is one write that begins at the first row that changed; no interrupt cuts it in two, and no key is echoed into it.
"""

import os
import re
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from time import monotonic
from types import FrameType
from typing import Any, TextIO

from lmchat.render.terminal import Size
from lmchat.render.text import BLANK, Row, clusters

_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"  # a terminal that supports them shows a frame in one piece
_AUTOWRAP_OFF, _AUTOWRAP_ON = "\x1b[?7l", "\x1b[?7h"
_ERASE_ALL_OF_LINE = "\x1b[2K"
# tmux moves a screen that is erased in one piece into the scrollback: this row is erased by itself.
_ERASE_BELOW = _ERASE_ALL_OF_LINE + "\n\x1b[J\x1b[1A"
_ESCAPE = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|\][^\x1b]*\x1b\\)")
_HIDE, _SHOW = "\x1b[?25l", "\x1b[?25h"
# Programs learn late that a window is being resized (in tmux a quarter of a second after its rows were wrapped again):
# until it has kept its size for this many seconds, it is unknown where live rows begin.
_STILL_SECONDS = 0.4


class Painter:
    """A painter of rows; `write` also flushes.

    If `live` is false (a pipe, a dumb terminal), only settled rows are written and the cursor never moves.
    `reflows` says that the terminal wraps its rows again when its width changes. While the window changes, and for
    a moment afterwards, no row is live. `now` returns seconds. `below` are rows that every frame shows below its live
    ones.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        size: Size,
        *,
        live: bool,
        reflows: bool = False,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._write = write
        self._size = size
        self._reflows = reflows
        self._now = now
        self._seen: tuple[int, int] | None = None
        self._still_at: float | None = None
        self._shown: list[Row] = []
        self._hidden = False
        self._below: Sequence[Row] = ()
        self.live = live
        self.below: Sequence[Row] = ()

    @property
    def width(self) -> int:
        """Return the width of the window now."""
        return max(self._size()[0], 1)

    @property
    def height(self) -> int:
        """Return the number of rows that can be live now."""
        return max(self._size()[1] - 1 - len(self.below), 1)

    @property
    def due(self) -> bool:
        """Tell whether a frame is due even if the rows are the same: the window changed, or stopped changing."""
        changed = self.live and self.below != self._below
        return changed or self._still_at is not None or self._seen not in (None, self._size())

    def frame(self, settled: Sequence[Row], live: Sequence[Row] = ()) -> None:
        """Write `settled` for good, and below it the last of the `live` rows in place of those shown before."""
        if not self.live:
            if settled:
                self._write("".join(f"{row.text}\n" for row in settled))
            return
        self._below = self.below
        live = [*live, *self.below]
        size = self._size()
        parts = self._erased_from_start(*size) if self._seen is not None and self._seen[0] != size[0] else []
        # In a window of one row, a live row could not be erased.
        tail = list(live[1 - size[1] :]) if self._still(size) and size[1] > 1 else []
        parts += self._changes([*settled, *tail], len(settled))
        self._shown = tail
        if not parts:
            return
        if not self._hidden:
            parts.insert(0, _HIDE)
            self._hidden = True
        self._write(_BEGIN + "".join(parts) + _END)

    def clear(self) -> None:
        """Erase the live rows."""
        self.below = ()
        self.frame(())

    def close(self) -> None:
        """Erase the live rows and show the cursor again."""
        self.clear()
        if self._hidden:
            self._hidden = False
            self._write(_SHOW)

    def _still(self, size: tuple[int, int]) -> bool:
        """Tell whether the window has kept its size for a while."""
        if self._seen not in (None, size):
            self._still_at = self._now() + _STILL_SECONDS
        elif self._still_at is not None and self._now() >= self._still_at:
            self._still_at = None
        self._seen = size
        return self._still_at is None

    def _changes(self, target: Sequence[Row], settled: int) -> list[str]:
        """Make the bytes that turn the rows shown into `target`, of which the first `settled` are for good."""
        before = self._shown
        same = 0
        for index, (old, new) in enumerate(zip(before, target, strict=False)):
            # A row that may wrap was painted cut off at the margin: settled, it is written again, whole.
            if (old is not new and old != new) or (index < settled and new.may_wrap):
                break
            same += 1
        if same == len(before) == len(target):
            return []
        parts = [_up(len(before) - same)]
        if same < len(before) and any(row.may_wrap for row in target[same:settled]):
            # Settled, it may take two rows of the terminal: the second must be empty.
            parts.append(_ERASE_BELOW)
            before = before[:same]
        for index, row in enumerate(target[same:], start=same):
            parts.append(_painted(row, before[index] if index < len(before) else BLANK, cut=index >= settled))
        if len(before) > len(target):
            parts.append(_ERASE_BELOW)
        return parts

    def _erased_from_start(self, width: int, height: int) -> list[str]:
        """After a change of width, go up to where the live rows now begin, and erase from there."""
        before, self._shown = self._shown, []
        if not before:
            return []
        rows = sum(_wrapped(row, width) for row in before) if self._reflows else len(before)
        return [_up(min(rows, height - 1)), _ERASE_BELOW]


def _wrapped(row: Row, width: int) -> int:
    """Return how many rows a row takes in a narrower window; no character is split between two."""
    rows = 1
    used = 0
    for _, size in clusters(_ESCAPE.sub("", row.text)) if row.cells > width else ():
        if used + size > width:
            rows, used = rows + 1, 0
        used += size
    return rows


def _up(rows: int) -> str:
    return f"\x1b[{rows}A\r" if rows > 0 else ""


def _painted(row: Row, over: Row, *, cut: bool) -> str:
    """Return the bytes that write a row over another; a live row, which must not wrap, is `cut` off at the margin."""
    text = _AUTOWRAP_OFF + row.text + _AUTOWRAP_ON if row.may_wrap and cut else row.text
    if row.disputed or over.disputed:
        return (_ERASE_ALL_OF_LINE if over is not BLANK else "") + text + "\r\n"
    # Erased first: tmux would wrap what is erased after a row together with it.
    return (_ERASE_ALL_OF_LINE if over.cells > row.cells else "") + text + "\r\n"


class DeferredInterrupt:
    """A handler of SIGINT that defers it to the end of a frame."""

    def __init__(self) -> None:
        self._painting = False
        self._waiting = False

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Take the place of the program's own handler, which is called after the frame; in the main thread only."""
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


_ECHO_FLAGS = 3
_CURSOR_SHOWN = b"\x1b[?25h"


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
        # A program in the background that changes the terminal is stopped by the system.
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
        with _restored_while_stopped(number, partial(termios.tcsetattr, number, termios.TCSANOW), saved, silent):
            yield
    finally:
        termios.tcsetattr(number, termios.TCSANOW, saved)


@contextmanager
def _restored_while_stopped(number: int, change: Callable[[Any], None], saved: Any, silent: Any) -> Iterator[None]:
    """Restore the terminal and its cursor while Ctrl-Z stops the program, unless another part of it does so."""
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
