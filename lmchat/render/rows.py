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


@dataclass(frozen=True, slots=True)
class Row:
    """Hold one row: `text` with its escapes, its width in cells, and whether some terminals may find it too wide."""

    text: str
    cells: int
    shaky: bool = False


BLANK = Row("", 0)


def row_of(text: str, look: str, theme: Theme, width: int) -> Row:
    """Make one row of a safe text in one look, shortened to `width` cells."""
    fitted = shorten(text, width)
    return Row(theme.styled(fitted, look), cells(fitted), is_shaky(fitted, width))


def line_row(text: str, look: str, theme: Theme, width: int) -> Row:
    """Make one row of any text: made safe, on one line, shortened."""
    return row_of(safe_line(text), look, theme, width)


def is_shaky(text: str, width: int) -> bool:
    """Tell whether a terminal that joins no characters would need more than `width` cells."""
    if text.isascii() or not _DISPUTED.search(text):
        return False
    return sum(cells(character) for character in text) > width
