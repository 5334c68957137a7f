"""A message painted while it arrives: when to look, what to settle, what to show of the rest.

Time comes from outside, in seconds; the text is safe already. It must not know where the text came from.
"""

from collections.abc import Callable
from time import perf_counter

from lmchat.render.markdown.document import Document
from lmchat.render.markdown.layout import Kit
from lmchat.render.painter import Painter
from lmchat.render.rows import BLANK, Row
from lmchat.render.theme import Theme

FRAME_SECONDS = 0.035
"""Seconds between two paints at least: what comes faster is painted together."""

_BUDGET = 0.05  # the share of one core that looking ahead may take


class MarkdownStream:
    """Paint a message below what stands on the terminal; `gap` leaves an empty row above it.

    `wrote` tells whether anything of it is settled: a message may be nothing but empty lines.
    """

    def __init__(self, painter: Painter, theme: Theme, now: Callable[[], float], *, gap: bool = False) -> None:
        self._painter = painter
        self._now = now
        self._document = Document(Kit(theme), painter.width)
        self._arrived: list[str] = []
        self._gap = gap
        self.wrote = False
        self._changed = False
        self._next_frame = 0.0

    def feed(self, text: str) -> None:
        """Add text, and paint where a frame is due."""
        if text:
            self._arrived.append(text)
            self._changed = True
        self.tick()

    def tick(self) -> None:
        """Paint what has come since the last frame, where one is due; call it now and then also when nothing comes."""
        now = self._now()
        if now < self._next_frame or not (self._changed or self._painter.due):
            return
        settled = self._settled()
        began = perf_counter()
        live = self._document.preview(self._painter.height) if self._painter.live else []
        cost = perf_counter() - began
        self._frame(settled, live)
        self._next_frame = now + max(FRAME_SECONDS, cost * (1 / _BUDGET - 1))
        self._changed = False

    def finish(self) -> None:
        """Settle everything that came."""
        self._frame(self._settled() + self._document.end(), [])

    def _settled(self) -> list[Row]:
        self._document.set_width(self._painter.width)
        text = "".join(self._arrived)
        self._arrived.clear()
        return self._document.feed(text)

    def _frame(self, settled: list[Row], live: list[Row]) -> None:
        if self._gap and (settled or live):
            # The empty row is settled with the first row that is.
            live = live if settled else [BLANK, *live]
            settled = [BLANK, *settled] if settled else []
            self._gap = not settled
        self.wrote = self.wrote or bool(settled)
        self._painter.frame(settled, live)
