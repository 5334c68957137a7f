"""The preview of a paragraph that is still written: open marks are closed, and what new words cannot change is kept.

Nearly all that a model writes are words: they extend the last span, and change only the last rows.
"""

import re
from collections.abc import Callable, Sequence

from lmchat.dataclass import dataclass
from lmchat.render.markdown import maths
from lmchat.render.markdown.inline import has_cjk, sides
from lmchat.render.markdown.spans import Span, row_places, sliced
from lmchat.render.text import Row

_HALF_LINK = re.compile(r"!?\[([^\[\]\n]*)(?:\]\([^()\s]*)?$")
_HALF_MARK = re.compile(r"(?:\\|&#?[a-z0-9]{0,8}|<https?:[^<>\s]*)$")
_MOST_OPEN = 8
_LONGEST_MARK = 3
_MARKS = re.compile(rf"(?P<formula>{maths.FORMULA.pattern})|\\.|(?P<ticks>`+)|(?P<marks>\*+|_+|~~)", re.DOTALL)


def close_open_marks(text: str) -> str:
    """Return the text with its open marks closed, and without an incomplete mark at its end."""
    text = _HALF_MARK.sub("", _HALF_LINK.sub(r"\1", text))
    open_marks: list[str] = []
    position = 0
    cjk = has_cjk(text)
    while found := _MARKS.search(text, position):
        if closer := maths.unclosed(text, position, found.start()):
            return text + closer + "".join(reversed(open_marks))
        position = found.end()
        if ticks := found["ticks"]:
            closing = re.compile(rf"(?<!`){ticks}(?!`)").search(text, position)
            if closing is None:
                return text + ticks if text[position:].strip() else text[: found.start()].rstrip()
            position = closing.end()
        elif found["marks"]:
            before, after = text[max(found.start() - 1, 0) : found.start()], text[position : position + 1]
            _take_mark(found["marks"], before, after, open_marks, cjk=cjk)
    if len(open_marks) > _MOST_OPEN:
        return text
    stripped = text.rstrip("*_~")
    if open_marks and stripped != text and text[len(stripped) :].endswith(open_marks[-1]):
        text = text[: len(text) - len(open_marks.pop())]
    return text.rstrip(" ") + "".join(reversed(open_marks))


def _take_mark(mark: str, before: str, after: str, open_marks: list[str], *, cjk: bool) -> None:
    """Let a run of marks close the open ones, or open new ones."""
    if mark[0] == "_" and before.isalnum() and after.isalnum():
        return
    opens, closes = sides(before or " ", after or " ", cjk=cjk)
    while mark and closes and open_marks and mark.startswith(open_marks[-1]):
        mark = mark[len(open_marks.pop()) :]
    # At the end of the text it is not known yet what follows.
    if len(mark) <= _LONGEST_MARK and (opens or not after):
        open_marks += filter(None, (mark[:2], mark[2:]))


_SIGNS = "*_~`\n\t[]()!>"
_OPEN_ENDED = "$<&\\"
"""Characters that can change the meaning of the words after them."""

_WORDS = re.compile(rf"[^{re.escape(_SIGNS + _OPEN_ENDED)}]+")
_MOVED = 2
"""Rows at the end that more words can change: a character that may not begin a row brings one down from above."""


@dataclass(frozen=True, slots=True)
class GrowingParagraph:
    """A paragraph as it was shown last: its source, its spans, its rows, and where each row begins in the text.

    `place` is what else the rows depend on: the width and the containers.
    """

    source: str
    place: object
    spans: Sequence[Span]
    rows: Sequence[Row]
    begins: Sequence[int]

    def spans_of(self, source: str) -> list[Span] | None:
        """Return the spans of a longer source, None if more than words was added, or words that may have a meaning."""
        if not source.startswith(self.source) or not self._ends_in_words():
            return None
        added = source[len(self.source) :]
        if added and not _WORDS.fullmatch(added):
            return None
        text, style, link = self.spans[-1]
        return [*self.spans[:-1], Span(text + added, style, link)]

    def _ends_in_words(self) -> bool:
        """Tell whether the source ends in words that end the last span, with nothing incomplete before them."""
        source = self.source
        if any(sign in source for sign in _OPEN_ENDED) or _HALF_LINK.search(source):
            return False
        words = source[max(map(source.rfind, _SIGNS)) + 1 :]
        return bool(words and self.spans) and self.spans[-1].text.endswith(words)


def grown(
    before: GrowingParagraph | None,
    source: str,
    place: object,
    inline: Callable[[str], list[Span]],
    width: int,
    rows_of: Callable[[list[list[Span]], int], list[Row]],
) -> GrowingParagraph:
    """Return a paragraph with its source of now, wrapped to `width` cells.

    `before` is the one shown last, `inline` makes spans of a source, and `rows_of` makes rows of wrapped spans, given
    how many rows are kept above them.
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
