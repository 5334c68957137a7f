"""A model's reasoning while it runs: its last few rows, faint, below a line that counts the seconds.

It must not know where it is painted.
"""

from lmchat.render.activity import spinner
from lmchat.render.cells import fold
from lmchat.render.notes import duration
from lmchat.render.rows import Row, row_of
from lmchat.render.theme import Theme

_MOST_ROWS = 6


class Thinking:
    """Hold a stretch of reasoning; its text comes through the door first. `whole` keeps all of it."""

    def __init__(self, now: float, *, whole: bool = False) -> None:
        self.began = now
        self._whole = whole
        self._finished: list[str] = []
        self._line = ""

    def feed(self, text: str) -> None:
        """Add the next characters."""
        first, *more = text.split("\n")
        self._line += first
        for line in more:
            self._finished.append(self._line)
            self._line = line
        if not self._whole:  # only the last rows are ever looked at
            del self._finished[:-_MOST_ROWS]

    def rows(self, now: float, theme: Theme, width: int, height: int) -> list[Row]:
        """Return the heading and as many of the last rows as are shown, at most `height` in all."""
        heading = row_of(f"{spinner(now)} Thinking {duration(now - self.began)}", theme.looks.faint, theme, width)
        most = min(_MOST_ROWS, max(height // 3, 1), height - 1)
        if most < 1:
            return [heading]
        inner = max(width - 2, 2)
        folded = fold(self._line, inner)
        if len(folded) > _MOST_ROWS:
            # Rows break at the same places from the start of any row on: what is above is never needed again.
            self._finished, self._line = folded[-_MOST_ROWS:-1], folded[-1]
        wrapped = [row for line in self._finished for row in fold(line, inner)] + folded[-_MOST_ROWS:]
        shown = [row for row in wrapped if row.strip()][-most:]
        return [heading, *(row_of(f"  {row}", theme.looks.faint, theme, width) for row in shown)]

    def settled(self, theme: Theme, width: int) -> list[Row]:
        """Return the rows that nothing can change any more, once: for reasoning that is shown whole."""
        *full, self._line = fold(self._line, width)
        finished, self._finished = [*self._finished, *full], []
        return [row for line in finished for row in _faint_rows(line, theme, width)]

    def open(self, theme: Theme, width: int) -> list[Row]:
        """Return the row that is not full yet."""
        return _faint_rows(self._line, theme, width) if self._line else []


def _faint_rows(line: str, theme: Theme, width: int) -> list[Row]:
    return [row_of(row, theme.looks.faint, theme, width) for row in fold(line, width)]
