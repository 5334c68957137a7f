"""Paint a message while it arrives, line by line."""

from collections.abc import Callable

from lmchat.render.painter import Painter
from lmchat.render.rows import BLANK, Row, row_of
from lmchat.render.theme import Theme


class MarkdownStream:
    """Paint a message while it arrives."""

    def __init__(self, painter: Painter, theme: Theme, now: Callable[[], float], *, gap: bool = False) -> None:
        self._painter = painter
        self._clock = now
        self._theme = theme
        self._text = ""
        self._gap = gap

    def feed(self, text: str) -> None:
        """Add text."""
        *lines, self._text = (self._text + text).split("\n")
        rows = [row_of(line, "", self._theme, self._painter.width) for line in lines]
        if self._gap and rows:
            rows.insert(0, BLANK)
            self._gap = False
        self._painter.frame(rows, [row_of(self._text, "", self._theme, self._painter.width)])

    def tick(self) -> None:
        """Paint what is due."""

    def finish(self) -> None:
        """Settle everything."""
        self._painter.frame([row_of(self._text, "", self._theme, self._painter.width)] if self._text else [])


def render_rows(text: str, width: int, theme: Theme) -> list[Row]:
    """Render a whole text."""
    return [row_of(line, "", theme, width) for line in text.split("\n")]
