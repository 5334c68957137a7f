"""A row of a terminal: what is written, and how many cells it takes.

Everything that is painted is rows; who makes them must have made their text safe before.
"""

import re
from dataclasses import dataclass

from lmchat.render.cells import cells, shorten
from lmchat.render.text import safe_line
from lmchat.render.theme import Theme

# Joined emoji, flags, skin tones and emoji presentation: terminals count them as one character or as several.
_DISPUTED = re.compile("[\u200d\ufe0f\U0001f1e6-\U0001f1ff\U0001f3fb-\U0001f3ff]")

_FLAG_LETTER = re.compile("[\U0001f1e6-\U0001f1ff]")


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
    shaky = unsure and sum(map(_widest, text)) > width
    return Row(written, cells(text), unsure, shaky)


def row_of(text: str, look: str, theme: Theme, width: int) -> Row:
    """Make one row of a safe text in one look, shortened to `width` cells."""
    fitted = shorten(text, width)
    return measured(theme.styled(fitted, look), fitted, width)


def line_row(text: str, look: str, theme: Theme, width: int) -> Row:
    """Make one row of any text: made safe, on one line, shortened."""
    return row_of(safe_line(text), look, theme, width)


def _widest(character: str) -> int:
    """Return the width where a terminal shows every character by itself; flags are pairs of letters."""
    return 2 if _FLAG_LETTER.match(character) else cells(character)
