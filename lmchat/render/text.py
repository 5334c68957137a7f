"""Text for a terminal: sanitized, measured in cells, cut, folded and made into rows.

Every text that a server or a file supplied passes `sanitize` on its way to a terminal. It leaves no control characters,
so nothing that a model writes can move the cursor, set a title or touch the clipboard; ordinary Unicode, joined emoji
and combining marks stay as they are. Rows are made of text that is sanitized already.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple, TextIO

from lmchat.chat.values import ends_torn, join_surrogates
from lmchat.render.terminal import Theme, size_of

_ESCAPE_SHOWN = "␛"
_LINE_ENDS = "\u2028\u2029"
_EMBEDDINGS_AND_OVERRIDES = range(0x202A, 0x202F)
_ISOLATES = range(0x2066, 0x206A)

UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_REVERSES_OR_BREAKS = "[\u2028-\u202e\u2066-\u2069]"
_BLANKS = re.compile(r"[\t\n]+")


def _replacements() -> dict[int, str | None]:
    table: dict[int, str | None] = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)])
    del table[ord("\t")], table[ord("\n")]
    # What followed an escape stays readable, and a sign says why it is there.
    table[0x1B] = _ESCAPE_SHOWN
    table.update(dict.fromkeys(map(ord, _LINE_ENDS), "\n"))
    table.update({code: f"⟪U+{code:04X}⟫" for code in (*_EMBEDDINGS_AND_OVERRIDES, *_ISOLATES)})
    return table


_REPLACEMENTS = _replacements()


def sanitize(text: str) -> str:
    """Return text that may go to a terminal: its only control characters are tabs and newlines.

    CR and CRLF become newlines, an escape a visible sign, bidirectional overrides their names and lone surrogates
    U+FFFD; other control characters are removed.
    """
    if not UNSAFE.search(text):
        return text
    return join_surrogates(text).replace("\r\n", "\n").replace("\r", "\n").translate(_REPLACEMENTS)


def sanitize_line(text: str) -> str:
    """Return sanitized text for a single line (names, titles, errors): line ends and tabs become blanks."""
    return _BLANKS.sub(" ", sanitize(text)).strip()


def shown_in_line(character: str) -> str:
    """Return what is shown for a typed character: its name if a terminal would reverse or break the line at it."""
    return f"⟪U+{ord(character):04X}⟫" if re.match(_REVERSES_OR_BREAKS, character) else character


class Sanitizer:
    """A sanitizer of a text that comes in chunks, with the result that `sanitize` has on the whole text."""

    def __init__(self) -> None:
        self._waiting = ""

    def feed(self, chunk: str) -> str:
        """Return what is final; a CR or half a character at the end waits for the next chunk."""
        text = self._waiting + chunk
        self._waiting = text[-1] if text.endswith("\r") or ends_torn(text) else ""
        return sanitize(text[: len(text) - len(self._waiting)])

    def flush(self) -> str:
        """Return what was still waiting, at the end of the text."""
        text, self._waiting = self._waiting, ""
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
    """Split a text into what a terminal shows as one character, each with its width in cells."""
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
    """Tell whether a character is a combining mark, drawn above or below the one before it."""
    if character.isascii():
        return False
    from unicodedata import category

    return category(character) in ("Mn", "Me")


def with_base(text: str) -> str:
    """Put a blank before a combining mark at the start of a text: terminals add it to the row above at each paint."""
    return _NO_BREAK_BLANK + text if text and not text.isascii() and is_mark(text[0]) else text


def cut(text: str, width: int) -> str:
    """Return as much of the beginning as fits in `width` cells."""
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
    """Return the text within `width` cells, with an ellipsis at the end if it was cut."""
    if cells(text) <= width:
        return text
    return cut(text, width - 1).rstrip() + ELLIPSIS if width > 0 else ""


def padded(text: str, width: int, *, right: bool = False) -> str:
    """Pad a text with blanks to `width` cells; with `right` it is set at the right."""
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
            # What is in brackets belongs to the word before it, and never begins a row.
            blank = next((index for index in reversed(blanks) if row[index + 1 : index + 2] != ["("]), 0) or max(
                blanks, default=0
            )
            end = blank + 1 if blank else len(row) - 1
            rows.append("".join(row[:end]).rstrip())
            row = row[end:]
            used = sum(map(cells, row))
    return [*rows, "".join(row)]


# All but ASCII, Latin, Greek, Cyrillic, Armenian, symbols, Chinese, Japanese, Korean and single emoji: terminals
# disagree on the width of joined emoji, flags, skin tones, invisible characters and the vowel signs of many scripts.
_DISPUTED = (
    "[^\x00-\xac\xae-\u034e\u0350-\u0482\u048a-\u058f\u1e00-\u1fff\u2000-\u200a\u2010-\u205f\u2070-\u20cf"
    "\u2100-\u3163\u3165-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff9f\uffa1-\uffef"
    "\U0001f300-\U0001f3fa\U0001f400-\U0001faff\U00020000-\U0003fffd]"
)

_FLAG_LETTER_OR_SKIN_TONE = "[\U0001f1e6-\U0001f1ff\U0001f3fb-\U0001f3ff]"


class Row(NamedTuple):
    """One row: `text` with its escapes, and its width in cells.

    `disputed` says that terminals disagree on that width, `may_wrap` that some may find the row too wide.
    """

    text: str
    cells: int
    disputed: bool = False
    may_wrap: bool = False


BLANK = Row("", 0)


def measured(written: str, text: str, width: int) -> Row:
    """Make a row of what is written; `text` is the same without escapes, `width` that of the window."""
    disputed = not text.isascii() and re.search(_DISPUTED, text) is not None
    used = cells(text)
    most = sum(map(_widest, text)) if disputed else used
    # After a full row, some terminals begin the next one even for a character without width.
    may_wrap = most > width or (most == width and text != "" and cells(text[-1]) == 0)
    return Row(written, used, disputed, may_wrap)


def row_of(text: str, style: str, theme: Theme, width: int) -> Row:
    """Make one row of a sanitized text in one style, shortened to `width` cells."""
    fitted = shorten(text, width)
    return measured(theme.styled(fitted, style), fitted, width)


def line_row(text: str, style: str, theme: Theme, width: int) -> Row:
    """Make one row of any text: sanitized, on one line, shortened."""
    return row_of(sanitize_line(text), style, theme, width)


def _widest(character: str) -> int:
    """Return the width on a terminal that joins no characters, but shows accents above their letters."""
    if re.match(_FLAG_LETTER_OR_SKIN_TONE, character):
        return 2
    return cells(character) or int(character != _JOINER and not is_mark(character))


def fitted(line: str, stream: TextIO, environ: Mapping[str, str]) -> str:
    """Fold a sanitized line at blanks if it is wider than the terminal; in a pipe it stays one line."""
    if not stream.isatty():
        return line
    return "\n".join(fold(line, size_of(stream, environ)()[0]))
