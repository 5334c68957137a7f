"""Tables for people: rich lays the columns out, fitted to a terminal's width; in a pipe every cell is whole."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from lmchat.render.sanitize import sanitize_line
from lmchat.render.theme import Theme

_UNBOUNDED = 100_000
_NARROWEST = 8
_SIZES = ("B", "kB", "MB", "GB", "TB")
_STEP = 1000
_TWO_DIGITS = 10
_SPANS = {"year": 31_536_000, "month": 2_592_000, "week": 604_800, "day": 86_400, "hour": 3_600, "minute": 60}


Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """A column of a table: its title and its cell for each row.

    `right` sets numbers below each other; a column that `shrinks` gives way in a narrow window.
    """

    title: str
    cell: Callable[[Row], str]
    right: bool = False
    shrinks: bool = False


def listing(columns: Sequence[Column[Row]], rows: Sequence[Row], theme: Theme, width: int | None = None) -> str:
    """Lay out rows under their titles, each line ended by a newline; columns that are empty everywhere are left out.

    `width` is the terminal's; None (a pipe) leaves every cell whole.
    """
    filled = ((column, [column.cell(row) for row in rows]) for column in columns)
    kept = [(column, cells) for column, cells in filled if not rows or any(cells)]
    table = _table([(column, max(map(len, cells), default=0)) for column, cells in kept])
    for cells in zip(*(cells for _, cells in kept), strict=True):
        table.add_row(*map(_cell, cells))
    head, *lines = _lines(table, width)
    return "".join(f"{line}\n" for line in (theme.styled(head, theme.styles.table_head), *lines))


def pairs(values: Sequence[tuple[str, ...]], theme: Theme) -> str:
    """Lay out names with what belongs to them: the name, its value, and faint notes after it."""
    if not values:
        return ""
    from rich.cells import cell_len

    rows = [[sanitize_line(cell) for cell in row] for row in values]
    names, shown = (max(cell_len(row[at]) for row in rows) for at in (0, 1))
    lines = []
    for name, value, *notes in rows:
        note = "  ".join(filter(None, notes))
        padded = value + " " * (shown - cell_len(value))
        said = f"{padded}  {theme.styled(note, theme.styles.faint)}" if note else value
        lines.append(f"{theme.styled(name + ' ' * (names - cell_len(name)), theme.styles.table_head)}  {said}\n")
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


def _table(columns: Sequence[tuple[Column[Any], int]]) -> Any:
    """Make an empty table of columns, each with the length of its longest cell."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="", show_edge=False)
    for column, longest in columns:
        # What is not to shrink does not wrap; the cells themselves never do.
        table.add_column(
            _cell(column.title),
            justify="right" if column.right else "left",
            no_wrap=not column.shrinks,
            min_width=min(_NARROWEST, longest) if column.shrinks else None,
        )
    return table


def _cell(text: str) -> Any:
    from rich.text import Text

    return Text(sanitize_line(text), no_wrap=True, overflow="ellipsis", end="")


def _lines(table: Any, width: int | None) -> list[str]:
    from rich.console import Console

    console = Console(width=width or _UNBOUNDED, color_system=None, legacy_windows=False, _environ={})
    return ["".join(part.text for part in line).rstrip() for line in console.render_lines(table, pad=False)]
