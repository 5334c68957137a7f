"""Text for a terminal: made safe, measured in cells, cut, folded and made into rows.

Every text that a server or a file supplied passes `sanitize` on its way to a terminal: no control character is left in
it, so nothing that a model writes can move the cursor, set a title or touch the clipboard. Ordinary Unicode, joined
emoji and combining marks stay as they are. Rows are made of text that is safe already.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple, TextIO

from lmchat.chat.surrogates import ends_torn, join_surrogates
from lmchat.render.terminal import Theme, size_of

_ESCAPE_SHOWN = "␛"
_LINE_ENDS = "\u2028\u2029"
_EMBEDDINGS_AND_OVERRIDES = range(0x202A, 0x202F)
_ISOLATES = range(0x2066, 0x206A)

UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_TURNS_OR_BREAKS = re.compile("[\u2028-\u202e\u2066-\u2069]")
_BLANKS = re.compile(r"[\t\n]+")


def _replacements() -> dict[int, str | None]:
    table: dict[int, str | None] = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)])
    del table[ord("\t")], table[ord("\n")]
    # What followed an escape stays readable and harmless; a mark says why it is there.
    table[0x1B] = _ESCAPE_SHOWN
    table.update(dict.fromkeys(map(ord, _LINE_ENDS), "\n"))
    table.update({code: f"⟪U+{code:04X}⟫" for code in (*_EMBEDDINGS_AND_OVERRIDES, *_ISOLATES)})
    return table


_REPLACEMENTS = _replacements()


def sanitize(text: str) -> str:
    """Return text that may go to a terminal; its only control characters are tabs and newlines.

    CR and CRLF become newlines, an escape becomes a visible sign, bidirectional overrides become their names,
    lone surrogates U+FFFD; other control characters vanish.
    """
    if not UNSAFE.search(text):
        return text
    return join_surrogates(text).replace("\r\n", "\n").replace("\r", "\n").translate(_REPLACEMENTS)


def sanitize_line(text: str) -> str:
    """Return the text for a place of one line (names, titles, errors): as `safe`, line ends and tabs as blanks."""
    return _BLANKS.sub(" ", sanitize(text)).strip()


def shown_in_line(character: str) -> str:
    """Return what is shown for a character that is typed: its name where a terminal would turn or break the line."""
    return f"⟪U+{ord(character):04X}⟫" if _TURNS_OR_BREAKS.match(character) else character


class Sanitizer:
    """A stream of chunks made safe: the result is that of `sanitize` on the whole, however the text was cut."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, chunk: str) -> str:
        """Return what can be passed on now; a CR or half a character at the end waits for the next chunk."""
        text = self._held + chunk
        self._held = text[-1] if text.endswith("\r") or ends_torn(text) else ""
        return sanitize(text[: len(text) - len(self._held)])

    def flush(self) -> str:
        """Return what was held back, at the end of the text."""
        text, self._held = self._held, ""
        return sanitize(text)


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
_DISPUTED = (
    "[^\x00-\xac\xae-\u034e\u0350-\u0482\u048a-\u058f\u1e00-\u1fff\u2000-\u200a\u2010-\u205f\u2070-\u20cf"
    "\u2100-\u3163\u3165-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff9f\uffa1-\uffef"
    "\U0001f300-\U0001f3fa\U0001f400-\U0001faff\U00020000-\U0003fffd]"
)

_FLAG_LETTER_OR_SKIN_TONE = "[\U0001f1e6-\U0001f1ff\U0001f3fb-\U0001f3ff]"


class Row(NamedTuple):
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
    unsure = not text.isascii() and re.search(_DISPUTED, text) is not None
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
    if re.match(_FLAG_LETTER_OR_SKIN_TONE, character):
        return 2
    return cells(character) or int(character != _JOINER and not is_mark(character))


def fitted(line: str, stream: TextIO, environ: Mapping[str, str]) -> str:
    """Break a safe line at blanks where it is longer than the terminal is wide; in a pipe it stays one line."""
    if not stream.isatty():
        return line
    return "\n".join(fold(line, size_of(stream, environ)()[0]))
