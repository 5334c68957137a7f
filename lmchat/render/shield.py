"""Ctrl-C while something is painted: it waits until the frame is whole, then it is delivered.

An interrupt in the middle of an escape sequence would leave the screen in disorder.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Shield:
    """Deliver SIGINT as the program wants it, but not inside a frame."""

    def __init__(self) -> None:
        self._painting = False
        self._waiting = False

    @contextmanager
    def raised(self) -> Iterator[None]:
        """Stand in front of the program's own handler of SIGINT; elsewhere than in the main thread do nothing."""
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
        """Hold interrupts back while a frame is made and written."""
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
