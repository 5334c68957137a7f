"""Tables as rows: columns as wide as they need, cells wrapped where the window is too narrow."""

from collections.abc import Sequence

from lmchat.render.markdown.spans import Span, width_of, wrap
from lmchat.render.markdown.structure import Align
from lmchat.render.terminal import Styles
from lmchat.render.text import cells

_NARROWEST = 8  # cells that a column needs, or what is in it
_BAR = " │ "
_CROSS = "─┼─"

Cell = list[Span]


def table(rows: Sequence[Sequence[Cell]], columns: Sequence[Align], width: int, styles: Styles) -> list[list[Span]]:
    """Lay out a table, its head first, in `width` cells; row by row below each other where even that is too narrow."""
    natural = [max(_natural(row[index]) for row in rows) for index in range(len(columns))]
    room = width - len(_BAR) * (len(columns) - 1)
    widths = _fitted([max(size, 1) for size in natural], room)
    if sum(widths) > room or any(size < min(wanted, _NARROWEST) for size, wanted in zip(widths, natural, strict=True)):
        return _records(rows, width, styles)
    laid = [[wrap(cell, size) for cell, size in zip(row, widths, strict=True)] for row in rows]
    tall = any(len(cell) > 1 for row in laid[1:] for cell in row)
    line = [Span(_CROSS.join("─" * size for size in widths), styles.faint)]
    made = [*_laid_row(laid[0], widths, columns, styles), line]
    for index, row in enumerate(laid[1:]):
        if tall and index:
            made.append(line)
        made += _laid_row(row, widths, columns, styles)
    return made


def _natural(cell: Cell) -> int:
    """Return the width of a cell's longest line."""
    return max(map(cells, "".join(span.text for span in cell).split("\n")))


def _fitted(natural: list[int], room: int) -> list[int]:
    """Shrink the widest columns to a common width until all fit."""
    if sum(natural) <= room:
        return natural
    low, high = 1, max(natural)
    while low < high:
        middle = (low + high + 1) // 2
        if sum(min(size, middle) for size in natural) <= room:
            low = middle
        else:
            high = middle - 1
    widths = [min(size, low) for size in natural]
    for index, size in enumerate(natural):
        if size > low and sum(widths) < room:
            widths[index] += 1
    return widths


def _laid_row(
    row: Sequence[list[Cell]], widths: Sequence[int], columns: Sequence[Align], styles: Styles
) -> list[list[Span]]:
    made = []
    for index in range(max(map(len, row))):
        spans: list[Span] = []
        for number, (cell, size, align) in enumerate(zip(row, widths, columns, strict=True)):
            if number:
                spans.append(Span(_BAR, styles.faint))
            spans += _aligned(cell[index] if index < len(cell) else [], size, align)
        made.append(spans)
    return made


def _aligned(spans: Cell, width: int, align: Align) -> list[Span]:
    blanks = max(width - width_of(spans), 0)
    left = {Align.LEFT: 0, Align.RIGHT: blanks, Align.CENTRE: blanks // 2}[align]
    return [Span(" " * left), *spans, Span(" " * (blanks - left))]


def _records(rows: Sequence[Sequence[Cell]], width: int, styles: Styles) -> list[list[Span]]:
    head, *body = rows
    if not body:
        return [row for cell in head for row in wrap(cell, width)]
    made: list[list[Span]] = []
    for index, row in enumerate(body):
        if index:
            made.append([])
        for title, cell in zip(head, row, strict=True):
            if width_of(title):
                made += wrap([*title, Span(": ", styles.faint), *cell], width)
            elif width_of(cell):  # a cell beyond the head's columns
                made += wrap(cell, width)
    return made
