"""How many cells of a terminal a text takes, and cutting a text to a number of them.

Plain ASCII, the most of what is measured, costs nothing and loads nothing.
"""

ELLIPSIS = "…"
_NO_BREAK_BLANK = "\u00a0"
_JOINER, _AS_EMOJI = "\u200d", "\ufe0f"


def cells(text: str) -> int:
    """Return the width of a text (without control characters) in cells."""
    if text.isascii():
        return len(text)
    if _JOINER in text or _AS_EMOJI in text:
        return sum(width for _, width in clusters(text))
    from rich.cells import cell_len

    return cell_len(text)


def clusters(text: str) -> list[tuple[str, int]]:
    """Cut a text into what a terminal shows as one character, each with its width in cells."""
    if text.isascii():
        return [(character, 1) for character in text]
    from rich.cells import cell_len

    begins: list[int] = []
    widths: list[int] = []
    joins = False
    for index, character in enumerate(text):
        size = cell_len(character)
        if not begins or (size and not joins):
            begins.append(index)
            widths.append(size)
        elif character == _AS_EMOJI:  # wide as an emoji, where it is one
            last = text[index - 1]
            widths[-1] += cell_len(last + character) - cell_len(last)
        joins = character == _JOINER and widths[-1] > 0
    ends = [*begins[1:], len(text)]
    return [(text[begin:end], width) for begin, end, width in zip(begins, ends, widths, strict=True)]


def is_mark(character: str) -> bool:
    """Tell whether a character stands above or below the one before it."""
    if character.isascii():
        return False
    from unicodedata import category

    return category(character) in ("Mn", "Me")


def grounded(text: str) -> str:
    """Give a mark at the begin of a text a blank to stand on: terminals add it to the row above, each time anew."""
    return _NO_BREAK_BLANK + text if text and not text.isascii() and is_mark(text[0]) else text


def cut(text: str, width: int) -> str:
    """Return as much of the beginning as fits into `width` cells."""
    if cells(text) <= width:
        return text
    taken, used = [], 0
    for cluster, size in clusters(text):
        if used + size > width:
            break
        taken.append(cluster)
        used += size
    return "".join(taken)


def shorten(text: str, width: int) -> str:
    """Return the text within `width` cells, ended by an ellipsis where it was cut."""
    if cells(text) <= width:
        return text
    return cut(text, width - 1).rstrip() + ELLIPSIS if width > 0 else ""


def padded(text: str, width: int, *, right: bool = False) -> str:
    """Fill a text with blanks to `width` cells, in front of it where `right` is set."""
    blanks = " " * (width - cells(text))
    return blanks + text if right else text + blanks


def fold(line: str, width: int) -> list[str]:
    """Break a line into rows of at most `width` cells, at blanks where there are any."""
    rows: list[str] = []
    row: list[str] = []
    used = 0
    for cluster, size in clusters(line.expandtabs(4)):
        row.append(cluster)
        used += size
        if used > width and len(row) > 1:
            blank = max((index for index, each in enumerate(row) if each == " "), default=0)
            end = blank + 1 if blank else len(row) - 1
            rows.append("".join(row[:end]).rstrip())
            row = row[end:]
            used = sum(map(cells, row))
    return [*rows, "".join(row)]
