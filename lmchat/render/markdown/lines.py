"""What a single line can be: the patterns of CommonMark's block starts, and a line that is eaten from its left."""

import re

from markdown_it.rules_block.html_block import HTML_SEQUENCES

from lmchat.dataclass import dataclass
from lmchat.render.markdown.structure import Align, Fence

TAB = 4
CODE_INDENT = 4

_SIGNS_OF_RULE = 3
_HEADING = re.compile(r"(#{1,6})(?:[ \t]|$)")
_UNDERLINE = re.compile(r"(=+|-+)[ \t]*$")
_FENCE = re.compile(r"(`{3,})([^`]*)$|(~{3,})(.*)$")
_MARKER = re.compile(r"([-+*])(?=[ \t]|$)|(\d{1,9})([.)])(?=[ \t]|$)")
_DELIMITER_CELL = re.compile(r":?-+:?$")
_CELL_END = re.compile(r"\\.|(?<!`)(`+)(?!`)(?:.*?[^`])\1(?!`)|\|")


class Line:
    """A line of source, eaten from the left; tabs in front of text count to the next stop of four columns."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._column = 0

    @property
    def rest(self) -> str:
        """Return what is not eaten yet."""
        return self._text[self._position :]

    @property
    def blank(self) -> bool:
        """Tell whether nothing but blanks is left."""
        return not self.rest.strip(" \t")

    def indent(self) -> int:
        """Count the columns of blanks in front of what is left."""
        rest = self.rest
        body = rest.lstrip(" \t")
        blanks = rest[: len(rest) - len(body)]
        if "\t" in blanks:
            blanks = (" " * self._column + blanks).expandtabs(TAB)[self._column :]
            self._text, self._position = blanks + body, 0
        return len(blanks)

    def eat(self, count: int) -> None:
        """Eat characters; blanks must have been counted before."""
        self._position += count
        self._column += count


@dataclass(frozen=True, slots=True)
class Marker:
    """An item's marker: its kind (the bullet, or what follows the number), its number, its width."""

    kind: str
    number: int | None
    width: int


def is_rule(text: str) -> bool:
    """Tell whether the text is a thematic break."""
    sign = text[:1]
    return sign in ("*", "-", "_") and not text.rstrip(sign + " \t") and text.count(sign) >= _SIGNS_OF_RULE


def heading(text: str) -> tuple[int, str] | None:
    """Return level and text of a heading with number signs."""
    found = _HEADING.match(text)
    if not found:
        return None
    content = text[found.end(1) :].strip(" \t")
    without = content.rstrip("#")
    if not without or (without != content and without[-1] in " \t"):
        content = without.rstrip(" \t")
    return len(found[1]), content


def underline(text: str) -> int:
    """Return the level of the heading that this line makes of the paragraph above it, or 0."""
    found = _UNDERLINE.match(text)
    return 0 if not found else 1 if found[1][0] == "=" else 2


def fence(text: str, indent: int) -> Fence | None:
    """Return the fence that the text opens."""
    found = _FENCE.match(text)
    if not found:
        return None
    signs = found[1] or found[3]
    return Fence(signs[0], len(signs), indent, (found[2] or found[4] or "").strip())


def closes(opened: Fence, text: str) -> bool:
    """Tell whether the text closes the fence."""
    signs = text.rstrip(" \t")
    return len(signs) >= opened.length and not signs.strip(opened.sign)


def html_end(text: str, *, interrupting: bool) -> re.Pattern[str] | None:
    """Return what ends the HTML block that the text begins; some cannot interrupt a paragraph."""
    if not text.startswith("<"):
        return None
    for start, end, interrupts in HTML_SEQUENCES:
        if start.search(text):
            return end if interrupts or not interrupting else None
    return None


def marker(text: str) -> Marker | None:
    """Return the marker of a list's item that the text begins with."""
    found = _MARKER.match(text)
    if not found:
        return None
    if found[1]:
        return Marker(found[1], None, 1)
    return Marker(found[3], int(found[2]), found.end())


def eat_quote_sign(line: Line) -> bool:
    """Eat the sign of a quote, and return whether it was there."""
    indent = line.indent()
    if indent >= CODE_INDENT or not line.rest.startswith(">", indent):
        return False
    line.eat(indent + 1)
    line.eat(min(line.indent(), 1))
    return True


def eat_item_indent(line: Line, indent: int, *, empty: bool) -> bool:
    """Eat the indentation of an item, and return whether the line belongs to it."""
    if line.blank:
        return not empty  # an item may begin with one empty line at most
    if line.indent() < indent:
        return False
    line.eat(indent)
    return True


def interrupts(marker: Marker, text: str) -> bool:
    """Tell whether an item may begin in the middle of a paragraph: a number at a line's begin is often just that."""
    return marker.number in (None, 1) and bool(text[marker.width :].strip(" \t"))


def cells_of(text: str) -> list[str]:
    """Cut a table's row into the sources of its cells; an escaped bar, and one in a code span, belongs to its cell."""
    cells, begin = [], 0
    for found in _CELL_END.finditer(text):
        if found[0] == "|":
            cells.append(text[begin : found.start()])
            begin = found.end()
    cells.append(text[begin:])
    if cells and not cells[0].strip():
        del cells[0]
    if cells and not cells[-1].strip():
        del cells[-1]
    return [cell.strip().replace("\\|", "|") for cell in cells]


def alignments(text: str) -> tuple[Align, ...] | None:
    """Return the columns' alignments where the text is the line below a table's head."""
    if text.strip("|-: \t") or "-" not in text or text.rstrip(" \t") == "-" or text[:2] in ("- ", "-\t"):
        return None
    cells = cells_of(text)
    if not all(_DELIMITER_CELL.match(cell) for cell in cells):
        return None
    return tuple(_alignment(cell) for cell in cells) or None


def _alignment(cell: str) -> Align:
    if cell.endswith(":"):
        return Align.CENTRE if cell.startswith(":") else Align.RIGHT
    return Align.LEFT
