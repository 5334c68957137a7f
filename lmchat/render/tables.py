"""Tables for people, fitted to a terminal's width; in a pipe every cell is whole.

Laid out here: importing rich's tables would take a third of all the time of `lmchat sessions`.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Generic, TypeVar

from lmchat.dataclass import dataclass
from lmchat.render.cells import cells, fold, padded, shorten
from lmchat.render.sanitize import sanitize_line
from lmchat.render.theme import Theme

_GAP = "  "
_NARROWEST_NOTE = 20
_SIZES = ("B", "kB", "MB", "GB", "TB")
_STEP = 1000
_TWO_DIGITS = 10
_SPANS = {"year": 31_536_000, "month": 2_592_000, "week": 604_800, "day": 86_400, "hour": 3_600, "minute": 60}

_SHORT_SPANS = {"year": "y", "month": "mo", "week": "w", "day": "d", "hour": "h", "minute": "min"}


Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """A column of a table: its title and its cell for each row.

    `right` sets numbers below each other; a column that `shrinks` gives way in a narrow window, down to `least` cells.
    Where even that is not enough, the columns of the least `worth` are left out, of equals the rightmost first.
    """

    title: str
    cell: Callable[[Row], str]
    right: bool = False
    shrinks: bool = False
    worth: int = 0
    least: int = 8


def listing(columns: Sequence[Column[Row]], rows: Sequence[Row], theme: Theme, width: int | None = None) -> str:
    """Lay out rows under their titles, each line ended by a newline; columns that are empty everywhere are left out.

    `width` is the terminal's; None (a pipe) leaves every cell whole.
    """
    head, *lines = table_lines(columns, rows, width)
    return "".join(f"{line}\n" for line in (theme.styled(head, theme.styles.table_head), *lines))


def table_lines(columns: Sequence[Column[Row]], rows: Sequence[Row], width: int | None = None) -> list[str]:
    """Lay out rows as `listing` does, and return the lines: the titles, and one for each row."""
    filled = {column: [sanitize_line(column.cell(row)) for row in rows] for column in columns}
    kept = {column: each for column, each in filled.items() if not rows or any(each)}
    longest = {column: max(map(cells, [column.title, *each])) for column, each in kept.items()}
    widths = longest if width is None else _fitted(longest, width)
    laid_out = []
    for column, wide in widths.items():
        laid_out.append(
            [padded(shorten(each, wide), wide, right=column.right) for each in (column.title, *kept[column])]
        )
    return [_GAP.join(line).rstrip() for line in zip(*laid_out, strict=True)]


def _fitted(longest: Mapping[Column[Row], int], width: int) -> dict[Column[Row], int]:
    """Return the width of each column that fits into a window; what shrinks gets a fair share of the room."""
    kept = list(longest)
    while True:
        widths = {each: min(longest[each], each.least) if each.shrinks else longest[each] for each in kept}
        spare = width - sum(widths.values()) - len(_GAP) * (len(kept) - 1)
        if spare >= 0 or len(kept) == 1:
            break
        kept.remove(min(reversed(kept), key=lambda each: each.worth))
    while spare > 0 and (short := [each for each in kept if widths[each] < longest[each]]):
        for each in short:
            more = min(max(spare // len(short), 1), longest[each] - widths[each], spare)
            widths[each] += more
            spare -= more
    return {each: min(wide, width) for each, wide in widths.items()}


def pairs(values: Sequence[tuple[str, ...]], theme: Theme, width: int | None = None) -> str:
    """Lay out names with what belongs to them: the name, its value, and faint notes after it.

    Notes that a window of `width` cells has no room for go on below, where they began.
    """
    if not values:
        return ""
    rows = [[sanitize_line(cell) for cell in row] for row in values]
    names, shown = (max(cells(row[at]) for row in rows) for at in (0, 1))
    begin = names + shown + 2 * len(_GAP)
    if width is not None and width - begin < _NARROWEST_NOTE:
        begin = names + len(_GAP)  # below the value
    lines = []
    for name, value, *notes in rows:
        note = _GAP.join(filter(None, notes))
        head = theme.styled(padded(name, names), theme.styles.table_head) + _GAP
        folded = fold(note, width - begin) if width is not None else [note]
        lines.append(head + value)
        if note and begin > names + len(_GAP):
            first = theme.styled(folded.pop(0), theme.styles.faint)
            lines[-1] = f"{head}{padded(value, shown)}{_GAP}{first}"
        if note:
            lines += [" " * begin + theme.styled(row, theme.styles.faint) for row in folded]
    return "".join(f"{line.rstrip()}\n" for line in lines)


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
    count, name = _age(then, now)
    return f"{count} {name}{'s' if count > 1 else ''} ago" if name else "just now"


def short_age(then: datetime, now: datetime) -> str:
    """Say how long ago something was in a few cells: `3 h`."""
    count, name = _age(then, now)
    return f"{count} {_SHORT_SPANS[name]}" if name else "now"


def _age(then: datetime, now: datetime) -> tuple[int, str]:
    """Return how many of the longest span that fits an age has; no span for less than a minute."""
    seconds = (now - then).total_seconds()
    for name, length in _SPANS.items():
        if seconds >= length:
            return int(seconds // length), name
    return 0, ""
