"""The reply as it is, for pipes: its own bytes, unbuffered, ending in one newline; nothing else on stdout.

On a terminal (`--plain`) the same, made safe. It must not import what renders Markdown.
"""

from typing import TextIO

from lmchat.chat.characters import Halves
from lmchat.chat.values import MESSAGE_GAP
from lmchat.render.text import Door


class PlainPage:
    """Write the messages of a reply to a stream as they come."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._pass: Door | Halves = Door() if stream.isatty() else Halves()
        self._last = ""
        self._gap_due = False

    def feed(self, text: str) -> None:
        """Write the next characters of the message; raises BrokenPipeError where nobody reads any more."""
        if text and self._gap_due:
            self._gap_due = False
            self._write(MESSAGE_GAP)
        self._write(self._pass.through(text))

    def tick(self) -> None:
        """Do nothing: whatever came is written already."""

    def end_message(self) -> None:
        """Say that the message is over; what follows stands apart from it."""
        self._write(self._pass.rest())
        self._gap_due = bool(self._last)

    def close(self) -> None:
        """End what was written with one newline."""
        self._write(self._pass.rest())
        if self._last and self._last != "\n":
            self._write("\n")

    def _write(self, text: str) -> None:
        if text:
            self._last = text[-1]
            self._stream.write(text)
            self._stream.flush()
