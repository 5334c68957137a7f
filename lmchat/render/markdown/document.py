"""A document that arrives piece by piece: rows of what is settled, and a look at the rest.

It must not know time or terminals.
"""

import re

from lmchat.render.markdown.blocks import Blocks
from lmchat.render.markdown.layout import Kit, Layout
from lmchat.render.rows import Row
from lmchat.render.theme import Theme

_MARKS = "-+*_=#|:`~<> \t"
_NUMBER = re.compile(r"\d{1,9}[.)]?$")


class Document:
    """Take text piece by piece; hand each row out once, as soon as nothing can change it any more."""

    def __init__(self, kit: Kit, width: int) -> None:
        self._blocks = Blocks()
        self._layout = Layout(kit, width)
        self._rest = ""

    def set_width(self, width: int) -> None:
        """Make the rows that follow this wide."""
        self._layout.width = width

    def feed(self, text: str) -> list[Row]:
        """Add text, and return the rows that it settled."""
        *lines, self._rest = (self._rest + text).split("\n")
        return [row for line in lines for step in self._blocks.take(line) for row in self._layout.take(step)]

    def end(self) -> list[Row]:
        """Return the rows that were still open, at the end of the text."""
        steps = (self._blocks.take(self._rest) if self._rest else []) + self._blocks.end()
        self._rest = ""
        return [row for step in steps for row in self._layout.take(step)]

    def preview(self, room: int) -> list[Row]:
        """Return the rows that would follow if the text ended here, the last `room` of them exactly."""
        blocks, layout = self._blocks.copy(), self._layout.preview(room)
        # A line of marks alone may still become anything: it is shown when it has become something.
        body = self._rest.strip(_MARKS)
        steps = [] if not body or _NUMBER.match(body) else blocks.take(self._rest)
        return [row for step in (*steps, *blocks.end()) for row in layout.take(step)]


def render_rows(text: str, width: int, theme: Theme) -> list[Row]:
    """Render a whole (safe) text, exactly as it is when it arrives in pieces."""
    document = Document(Kit(theme), width)
    return document.feed(text) + document.end()
