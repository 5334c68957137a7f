"""A message that is painted while it arrives: when to paint, what is settled, and what is shown of the rest.

The text is sanitized already; `now` returns seconds.
"""

import re
from collections.abc import Callable
from time import perf_counter

from lmchat.render.markdown.blocks import Blocks
from lmchat.render.markdown.layout import Layout, RenderContext
from lmchat.render.painter import Painter
from lmchat.render.terminal import Theme
from lmchat.render.text import BLANK, Row

FRAME_SECONDS = 0.05
"""The least number of seconds between two frames: what comes faster is painted together."""

_BUDGET = 0.05  # the share of one core that previews may take

_MARKS = "-+*_=#|:`~<>$ \t"
_NUMBER = re.compile(r"\d{1,9}[.)]?$")


class Document:
    """A document that comes piece by piece; each row is returned once, as soon as it is final."""

    def __init__(self, context: RenderContext, width: int) -> None:
        self._blocks = Blocks()
        self._layout = Layout(context, width)
        self._rest = ""

    def set_width(self, width: int) -> None:
        """Set the width of the rows that follow."""
        self._layout.width = width

    def feed(self, text: str) -> list[Row]:
        """Add text, and return the rows that it settles."""
        *lines, self._rest = (self._rest + text).split("\n")
        return [row for line in lines for step in self._blocks.take(line) for row in self._layout.take(step)]

    def end(self) -> list[Row]:
        """Return the rows that were still open, at the end of the text."""
        steps = (self._blocks.take(self._rest) if self._rest else []) + self._blocks.end()
        self._rest = ""
        return [row for step in steps for row in self._layout.take(step)]

    def preview(self, room: int) -> list[Row]:
        """Return the rows that would follow if the text ended here; the last `room` of them are exact."""
        blocks, layout = self._blocks.copy(), self._layout.preview(room)
        # A line of nothing but marks may still become anything: it is not shown yet.
        body = self._rest.strip(_MARKS)
        steps = [] if not body or _NUMBER.match(body) else blocks.take(self._rest)
        return [row for step in (*steps, *blocks.end()) for row in layout.take(step)]


def render_rows(text: str, width: int, theme: Theme) -> list[Row]:
    """Render a whole (sanitized) text, exactly as if it arrived in pieces."""
    document = Document(RenderContext(theme), width)
    return document.feed(text) + document.end()


class MarkdownStream:
    """A message that is painted below what is on the terminal; `gap` leaves an empty row above it.

    `wrote` says whether any row of it is settled: a message may consist of empty lines.
    """

    def __init__(self, painter: Painter, theme: Theme, now: Callable[[], float], *, gap: bool = False) -> None:
        self._painter = painter
        self._now = now
        self._document = Document(RenderContext(theme), painter.width)
        self._arrived: list[str] = []
        self._gap = gap
        self.wrote = False
        self._changed = False
        self._next_frame = 0.0

    def feed(self, text: str) -> None:
        """Add text, and paint if a frame is due."""
        if text:
            self._arrived.append(text)
            self._changed = True
        self.tick()

    def tick(self) -> None:
        """Paint what has come since the last frame, if one is due; to be called now and then, even if nothing comes."""
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
        """Settle everything that has come."""
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
