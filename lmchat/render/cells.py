"""Cells of a terminal: how many a text takes, and rows of them, which is all that is painted.

Whoever makes a row must have made its text safe before."""

import re

from lmchat.dataclass import dataclass
from lmchat.render.sanitize import sanitize_line
from lmchat.render.theme import Theme

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
    """Tell whether a character is drawn above or below the one before it."""
    if character.isascii():
        return False
    from unicodedata import category

    return category(character) in ("Mn", "Me")


def grounded(text: str) -> str:
    """Put a blank under a mark at the beginning of a text: terminals add it to the row above, once for each paint."""
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
            blanks = [index for index, each in enumerate(row) if each == " "]
            # What is in brackets says something of the word before it, and never begins a row.
            blank = next((index for index in reversed(blanks) if row[index + 1 : index + 2] != ["("]), 0) or max(
                blanks, default=0
            )
            end = blank + 1 if blank else len(row) - 1
            rows.append("".join(row[:end]).rstrip())
            row = row[end:]
            used = sum(map(cells, row))
    return [*rows, "".join(row)]


# All but ASCII, Latin, Greek, Cyrillic, Armenian, signs, Chinese, Japanese, Korean and single emoji: joined emoji,
# flags, skin tones, invisible characters and the vowel signs of many scripts terminals count differently.
_DISPUTED = re.compile(
    "[^\x00-\xac\xae-\u034e\u0350-\u0482\u048a-\u058f\u1e00-\u1fff\u2000-\u200a\u2010-\u205f\u2070-\u20cf"
    "\u2100-\u3163\u3165-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff9f\uffa1-\uffef"
    "\U0001f300-\U0001f3fa\U0001f400-\U0001faff\U00020000-\U0003fffd]"
)

_FLAG_LETTER_OR_SKIN_TONE = re.compile("[\U0001f1e6-\U0001f1ff\U0001f3fb-\U0001f3ff]")


@dataclass(frozen=True, slots=True)
class Row:
    """One row: `text` with its escapes, and its width in cells.

    `unsure` tells that terminals disagree on that width, `shaky` that some may find the row too wide for the window.
    """

    text: str
    cells: int
    unsure: bool = False
    shaky: bool = False


BLANK = Row("", 0)


def measured(written: str, text: str, width: int) -> Row:
    """Make a row of what is written; `text` is the same without escapes, `width` the window's."""
    unsure = not text.isascii() and bool(_DISPUTED.search(text))
    used = cells(text)
    most = sum(map(_widest, text)) if unsure else used
    # Where a row is full, some terminals begin the next one even for a character without width.
    shaky = most > width or (most == width and text != "" and cells(text[-1]) == 0)
    return Row(written, used, unsure, shaky)


def row_of(text: str, look: str, theme: Theme, width: int) -> Row:
    """Make one row of a safe text in one look, shortened to `width` cells."""
    fitted = shorten(text, width)
    return measured(theme.styled(fitted, look), fitted, width)


def line_row(text: str, look: str, theme: Theme, width: int) -> Row:
    """Make one row of any text: made safe, on one line, shortened."""
    return row_of(sanitize_line(text), look, theme, width)


def _widest(character: str) -> int:
    """Return the width where a terminal shows every character by itself, but accents above what they belong to."""
    if _FLAG_LETTER_OR_SKIN_TONE.match(character):
        return 2
    return cells(character) or int(character != _JOINER and not is_mark(character))
