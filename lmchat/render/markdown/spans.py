"""Spans, which are text in one style: wrapped to a width, made into rows, and laid out in tables.

It is not done by rich, which breaks rows where Japanese forbids it and ignores that terminals dispute some widths.
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from zlib import crc32

from lmchat.render.markdown.structure import Align
from lmchat.render.terminal import Styles
from lmchat.render.text import Row, cells, clusters, cut, is_mark, measured

# Between these characters a row may break; Korean, which is written with blanks, is not among them.
_CJK = "\u2e80-\u303e\u3041-\u312f\u3190-\u33ff\u3400-\u4dbf\u4e00-\ua4cf\uf900-\ufaff\ufe30-\ufe4f\uff01-\uff60\U00020000-\U0003fffd"  # noqa: E501 - one set
_OPENING = "「『（【〈《〔［｛"  # not at the end of a row
_CLOSING = "」』）】〉》〕］｝、。，．・：；？！ー々ぁぃぅぇぉっゃゅょァィゥェォッャュョ…‥"  # not at its beginning
_MARKS = "\u0300-\u036f\u3099\u309a\ufe00-\ufe0f\U000e0100-\U000e01ef"  # part of the character before them
_UNIT = re.compile(f" +|[{_OPENING}]*(?:[{_CJK}]|[^ {_CJK}]+)[{_CLOSING}{_MARKS}]*")


class Span(NamedTuple):
    """A text, its style (SGR parameters), and the address it links to."""

    text: str
    style: str = ""
    link: str = ""


def joined(outer: str, inner: str) -> str:
    """Combine two styles."""
    return f"{outer};{inner}" if outer and inner else outer or inner


def wrap(spans: Sequence[Span], width: int) -> list[list[Span]]:
    """Break spans into rows of at most `width` cells.

    They break at newlines, blanks, between Chinese or Japanese characters, and anywhere in what is longer than a row.
    """
    return sliced(spans, row_places("".join(span.text for span in spans), width))


def row_places(text: str, width: int, begin: int = 0) -> list[tuple[int, int]]:
    """Return where the rows of a text begin and end, starting with a row that begins at `begin`."""
    rows = []
    for line in text[begin:].split("\n"):
        breaks = _breaks_of_ascii(line, width) if line.isascii() else _breaks(line, width)
        rows += [(begin + start, begin + end) for start, end in breaks]
        begin += len(line) + 1
    return rows


def fold(spans: Sequence[Span], width: int) -> list[list[Span]]:
    """Break a line of code into rows of at most `width` cells, anywhere, keeping every blank."""
    text = "".join(span.text for span in spans)
    if text.isascii():
        rows = [(start, min(start + width, len(text))) for start in range(0, max(len(text), 1), width)]
    else:
        rows = _folded(text, 0, width)
    return sliced(spans, rows)


def row(prefix: Iterable[Span], spans: Iterable[Span], width: int) -> Row:
    """Make a row of a prefix and spans; blanks at its end are left out."""
    parts = [span for span in (*prefix, *spans) if span.text]
    while parts and not (last := parts[-1]).text.strip(" "):
        parts.pop()
    if parts and (last := parts[-1]).text.endswith(" "):
        parts[-1] = last._replace(text=last.text.rstrip(" "))
    text = "".join(span.text for span in parts)
    return measured("".join(map(_written, _merged(parts))), text, width)


def narrowed(spans: list[Span], excess: int) -> list[Span]:
    """Shorten a prefix by `excess` cells: first its indentation, then from its end."""
    for index, span in enumerate(spans):
        blanks = max(min(len(span.text) - len(span.text.lstrip(" ")), excess), 0)
        spans[index] = span._replace(text=span.text[blanks:])
        excess -= blanks
    while spans and excess > 0:
        last = spans.pop()
        kept = cut(last.text, max(width_of([last]) - excess, 0))
        excess -= width_of([last]) - cells(kept)
        if kept:
            spans.append(last._replace(text=kept))
    return spans


def width_of(spans: Iterable[Span]) -> int:
    """Return the width of spans in cells."""
    return cells("".join(span.text for span in spans))


def _merged(spans: Sequence[Span]) -> list[Span]:
    merged: list[Span] = []
    for span in spans:
        if merged and merged[-1][1:] == span[1:]:
            merged[-1] = merged[-1]._replace(text=merged[-1].text + span.text)
        else:
            merged.append(span)
    return merged


def _written(span: Span) -> str:
    text = f"\x1b[{span.style}m{span.text}\x1b[0m" if span.style else span.text
    if not span.link:
        return text
    # The id joins the rows of one link; it is made from the address, so it is the same whenever the row is made.
    return f"\x1b]8;id={crc32(span.link.encode()):x};{span.link}\x1b\\{text}\x1b]8;;\x1b\\"


def _breaks_of_ascii(text: str, width: int) -> list[tuple[int, int]]:
    rows, start, length = [], 0, len(text.rstrip(" "))
    while length - start > width:
        blank = text.rfind(" ", start, start + width + 1)
        end = following = start + width
        if blank > start and text[start:blank].strip(" "):
            end = following = blank
        while following < length and text[following] == " ":
            following += 1
        while text[end - 1] == " ":
            end -= 1
        rows.append((start, end))
        start = following
    rows.append((start, length))
    return rows


def _breaks(text: str, width: int) -> list[tuple[int, int]]:
    rows: list[tuple[int, int]] = []
    start = end = used = 0
    for unit in _UNIT.finditer(text):
        size = cells(unit[0])
        if unit[0].isspace() and unit[0][0] == " ":
            used += size
            continue
        if end > start and used + size > width:
            rows.append((start, end))
            # A combining mark keeps the blank before it.
            start = unit.start() - (is_mark(unit[0][0]) and text[unit.start() - 1] == " ")
            used = cells(text[start : unit.start()])
        end, used = unit.end(), used + size
        if used > width:
            *whole, (start, _) = _folded(text[:end], start, width)
            rows += whole
            used = cells(text[start:end])
    rows.append((start, max(start, end)))
    return rows


def _folded(text: str, start: int, width: int) -> list[tuple[int, int]]:
    """Break text from `start` on, wherever a row is full."""
    rows, position, used = [], start, 0
    for cluster, size in clusters(text[start:]):
        if used + size > width and position > start:
            rows.append((start, position))
            start, used = position, 0
        position, used = position + len(cluster), used + size
    return [*rows, (start, position)]


def sliced(spans: Sequence[Span], rows: Sequence[tuple[int, int]]) -> list[list[Span]]:
    """Cut spans into rows, given where each row begins and ends in their text."""
    if len(spans) == 1:
        only = spans[0]
        return [[Span(only.text[start:end], only.style, only.link)] for start, end in rows]
    sliced: list[list[Span]] = []
    index = offset = 0
    for start, end in rows:
        taken = []
        while index < len(spans) and offset + len(spans[index].text) <= start:
            offset += len(spans[index].text)
            index += 1
        at, begin = index, offset
        while at < len(spans) and begin < end:
            text, style, link = spans[at]
            taken.append(Span(text[max(start - begin, 0) : end - begin], style, link))
            begin += len(text)
            at += 1
        sliced.append(taken)
    return sliced


_NARROWEST = 8  # cells below which a column is not cut
_BAR = " │ "
_CROSS = "─┼─"

Cell = list[Span]


def table(rows: Sequence[Sequence[Cell]], columns: Sequence[Align], width: int, styles: Styles) -> list[list[Span]]:
    """Lay out a table, its head first, in `width` cells; if that is too narrow, as one record for each row."""
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
