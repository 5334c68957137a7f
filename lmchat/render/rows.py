"""A row of a terminal: what is written, and how many cells it takes.

Everything that is painted is rows; who makes them must have made their text safe before.
"""

import re
from dataclasses import dataclass

from lmchat.render.cells import cells, is_mark, shorten
from lmchat.render.text import safe_line
from lmchat.render.theme import Theme

# All but ASCII, Latin, Greek, Cyrillic, Armenian, signs, Chinese, Japanese, Korean and single emoji: joined emoji,
# flags, skin tones, invisible characters and the vowel signs of many scripts terminals count differently.
_DISPUTED = re.compile(
    "[^\x00-\xac\xae-\u034e\u0350-\u0482\u048a-\u058f\u1e00-\u1fff\u2000-\u200a\u2010-\u205f\u2070-\u20cf"
    "\u2100-\u3163\u3165-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff9f\uffa1-\uffef"
    "\U0001f300-\U0001f3fa\U0001f400-\U0001faff\U00020000-\U0003fffd]"
)

_JOINER = "\u200d"
_FLAG_LETTER_OR_SKIN_TONE = re.compile("[\U0001f1e6-\U0001f1ff\U0001f3fb-\U0001f3ff]")


@dataclass(frozen=True, slots=True)
class Row:
    """Hold one row: `text` with its escapes, and its width in cells.

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
    return row_of(safe_line(text), look, theme, width)


def _widest(character: str) -> int:
    """Return the width where a terminal shows every character by itself, but accents above what they belong to."""
    if _FLAG_LETTER_OR_SKIN_TONE.match(character):
        return 2
    return cells(character) or int(character != _JOINER and not is_mark(character))
