"""Two replies to compare: side by side where the window is wide, else one below the other with the changes marked."""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import zip_longest

from lmchat.chat.session import Turn
from lmchat.render.cells import BLANK, Row, fold, line_row
from lmchat.render.notes import stats_note
from lmchat.render.sanitize import sanitize, sanitize_line
from lmchat.render.theme import Theme

_WIDE = 100
_BETWEEN = " │ "
_PIECES = re.compile(r"\s+|\w+|[^\w\s]")


def compared(one: Turn, other: Turn, theme: Theme, width: int | None) -> Iterator[str]:
    """Yield the rows that compare two replies; `width` None is a pipe, where changes are marked with signs."""
    if width is not None and width >= _WIDE and theme.lines:
        yield from _beside(one, other, theme, width)
        return
    yield from _heading(one, theme, width)
    yield from _folded(sanitize(one.reply.text).strip("\n"), width)
    yield ""
    yield from _heading(other, theme, width)
    yield from _changes(one.reply.text, other.reply.text, theme, width)


def _beside(one: Turn, other: Turn, theme: Theme, width: int) -> Iterator[str]:
    from lmchat.render.markdown.stream import render_rows

    column = (width - len(_BETWEEN)) // 2
    sides = []
    for turn in (one, other):
        heading = line_row(_facts(turn), theme.styles.faint, theme, column)
        sides.append([heading, BLANK, *render_rows(sanitize(turn.reply.text), column, theme)])
    for left, right in zip_longest(*sides, fillvalue=BLANK):
        yield f"{_padded(left, column)}{theme.styled(_BETWEEN, theme.styles.faint)}{right.text}".rstrip()


def _padded(row: Row, width: int) -> str:
    return row.text + " " * max(width - row.cells, 0)


def _heading(turn: Turn, theme: Theme, width: int | None) -> Iterator[str]:
    return (theme.styled(row, theme.styles.faint) for row in _folded(sanitize_line(_facts(turn)), width))


def _facts(turn: Turn) -> str:
    """Say whose reply it is, and what it cost."""
    return " · ".join(filter(None, (f"Turn {turn.id}", turn.model, stats_note(turn.reply.stats))))


def _changes(before: str, after: str, theme: Theme, width: int | None) -> Iterator[str]:
    """Yield the second text with what was left out of the first struck and what was added standing out."""
    old, new = (_PIECES.findall(sanitize(text).strip("\n")) for text in (before, after))
    pieces = []
    for kind, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            pieces.append("".join(new[k:m]))
        else:
            pieces += [_marked("".join(old[i:j]), "[-", "-]"), _marked("".join(new[k:m]), "{+", "+}")]
    for row in _folded("".join(pieces), width):
        yield _styled(row, theme)


def _marked(text: str, begin: str, end: str) -> str:
    """Put signs around what changed, line by line, so that no mark goes over a row's end."""
    return "\n".join(f"{begin}{line}{end}" if line.strip() else line for line in text.split("\n"))


def _styled(row: str, theme: Theme) -> str:
    row = re.sub(r"\[-(.*?)-\]", lambda found: theme.styled(found[0], theme.styles.faint), row)
    return re.sub(r"\{\+(.*?)\+\}", lambda found: theme.styled(found[0], theme.styles.good or theme.styles.strong), row)


def _folded(text: str, width: int | None) -> Iterator[str]:
    for line in text.split("\n"):
        yield from [line] if width is None else fold(line, width)
