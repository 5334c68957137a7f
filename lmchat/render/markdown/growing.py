"""An open paragraph that is shown again and again while it grows: what its last words cannot change is kept.

Nearly all that a model writes are words: they go to the end of the last span, and move only the last rows.
"""

import re
from collections.abc import Callable, Sequence

from lmchat.dataclass import dataclass
from lmchat.render.cells import Row
from lmchat.render.markdown.inline import is_half_link
from lmchat.render.markdown.spans import Span, row_places, sliced

_MARKS = "*_~`\n\t[]()!>"
_OPEN_ENDED = "$<&\\"
"""What can make something else of the words after it."""

_WORDS = re.compile(rf"[^{re.escape(_MARKS + _OPEN_ENDED)}]+")
_MOVED = 2
"""Rows at the end that more words can change: what may not begin a row takes a character from the one above."""


@dataclass(frozen=True, slots=True)
class GrowingParagraph:
    """The source of a paragraph as it was shown last, its spans, and its rows with where each begins in their text.

    `place` is what else the rows depend on: the width and the containers.
    """

    source: str
    place: object
    spans: Sequence[Span]
    rows: Sequence[Row]
    begins: Sequence[int]

    def spans_of(self, source: str) -> list[Span] | None:
        """Return the spans of a longer source, None where more than words was added, or they may mean something."""
        if not source.startswith(self.source) or not self._ends_in_words():
            return None
        added = source[len(self.source) :]
        if added and not _WORDS.fullmatch(added):
            return None
        text, look, link = self.spans[-1]
        return [*self.spans[:-1], Span(text + added, look, link)]

    def _ends_in_words(self) -> bool:
        """Tell whether words at the end of the source are the end of the last span, and nothing before is half done."""
        source = self.source
        if any(sign in source for sign in _OPEN_ENDED) or is_half_link(source):
            return False
        words = source[max(map(source.rfind, _MARKS)) + 1 :]
        return bool(words and self.spans) and self.spans[-1].text.endswith(words)


def grown(
    before: GrowingParagraph | None,
    source: str,
    place: object,
    inline: Callable[[str], list[Span]],
    width: int,
    rows_of: Callable[[list[list[Span]], int], list[Row]],
) -> GrowingParagraph:
    """Return a paragraph as its source is now, wrapped to `width` cells.

    `before` is the one shown last, `inline` makes spans of a source, `rows_of` rows of spans that were
    wrapped, below the number of rows that are kept.
    """
    spans = before.spans_of(source) if before is not None and before.place == place else None
    if before is None or spans is None:
        spans, kept, begin = inline(source), 0, 0
        rows, begins = [], []
    else:
        kept = max(len(before.rows) - _MOVED, 0)
        begin = before.begins[kept]
        rows, begins = list(before.rows[:kept]), list(before.begins[:kept])
    places = row_places("".join(span.text for span in spans), width, begin)
    more = rows_of(sliced(spans, places), kept)
    return GrowingParagraph(source, place, spans, [*rows, *more], [*begins, *(start for start, _ in places)])
