"""Listings and key/value tables: fitted to a terminal's width, plain aligned text in a pipe.

It must not know what is listed; cells are made safe here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lmchat.render.cells import cells, padded, shorten
from lmchat.render.sanitize import sanitize_line
from lmchat.render.theme import Theme

GAP = "  "
_NARROWEST = 8
_SIZES = ("B", "kB", "MB", "GB", "TB")
_STEP = 1000
_TWO_DIGITS = 10
_SPANS = {"year": 31_536_000, "month": 2_592_000, "week": 604_800, "day": 86_400, "hour": 3_600, "minute": 60}


@dataclass(frozen=True, slots=True)
class Column:
    """Name a column; `right` aligns numbers, `gives` lets it shrink first where the window is narrow."""

    title: str
    right: bool = False
    gives: bool = False


def listing(columns: Sequence[Column], rows: Sequence[Sequence[str]], theme: Theme, width: int | None = None) -> str:
    """Lay out rows under their titles, each line ended by a newline.

    `width` is the terminal's; None (a pipe) leaves every cell whole.
    """
    cleaned = [[sanitize_line(cell) for cell in row] for row in rows]
    titles = [column.title for column in columns]
    widths = [max(map(cells, column)) for column in zip(titles, *cleaned, strict=True)]
    if width is not None:
        widths = _fitted(columns, widths, width)
    head = theme.styled(_line(columns, titles, widths), theme.styles.table_head)
    return "".join(f"{line}\n" for line in (head, *(_line(columns, row, widths) for row in cleaned)))


def pairs(values: Sequence[tuple[str, ...]], theme: Theme) -> str:
    """Lay out names with what belongs to them: the name, its value, and what else stands behind it, faint."""
    if not values:
        return ""
    cleaned = [[sanitize_line(cell) for cell in row] for row in values]
    name_width = max(cells(row[0]) for row in cleaned)
    value_width = max(cells(row[1]) for row in cleaned)
    lines = []
    for name, value, *notes in cleaned:
        note = GAP.join(filter(None, notes))
        shown = padded(value, value_width) + GAP + theme.styled(note, theme.styles.faint) if note else value
        lines.append(f"{theme.styled(padded(name, name_width), theme.styles.table_head)}{GAP}{shown}\n")
    return "".join(lines)


def size_words(size: int | None) -> str:
    """Say a number of bytes as people do: `772 MB`; nothing where it is not known."""
    if size is None:
        return ""
    power = 0
    while power < len(_SIZES) - 1 and size >= _STEP ** (power + 1):
        power += 1
    amount = size / _STEP**power
    digits = 1 if power and amount < _TWO_DIGITS else 0
    return f"{amount:.{digits}f} {_SIZES[power]}"


def age_words(then: datetime, now: datetime) -> str:
    """Say how long ago something was: `3 hours ago`."""
    seconds = (now - then).total_seconds()
    for name, length in _SPANS.items():
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {name}{'s' if count > 1 else ''} ago"
    return "just now"


def _fitted(columns: Sequence[Column], widths: list[int], width: int) -> list[int]:
    """Shrink columns that may give way, the widest first, and then any, until the row fits."""
    widths = list(widths)
    excess = sum(widths) + len(GAP) * (len(widths) - 1) - width
    for yielding in (True, False):
        while excess > 0:
            givers = [i for i, column in enumerate(columns) if column.gives >= yielding and widths[i] > _NARROWEST]
            if not givers:
                break
            widths[max(givers, key=lambda i: widths[i])] -= 1
            excess -= 1
    return widths


def _line(columns: Sequence[Column], row: Sequence[str], widths: Sequence[int]) -> str:
    placed = [
        padded(shorten(cell, width), width, right=column.right)
        for column, cell, width in zip(columns, row, widths, strict=True)
    ]
    return GAP.join(placed).rstrip()
