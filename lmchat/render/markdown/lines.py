"""What a single line can be: the patterns of CommonMark's block starts, and a line that is consumed from the left."""

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
    """A line of source, consumed from the left; tabs before text extend to the next multiple of four columns."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._column = 0

    @property
    def rest(self) -> str:
        """Return what is not consumed yet."""
        return self._text[self._position :]

    @property
    def blank(self) -> bool:
        """Tell whether only blanks are left."""
        return not self.rest.strip(" \t")

    def indent(self) -> int:
        """Count the columns of blanks before what is left."""
        rest = self.rest
        body = rest.lstrip(" \t")
        blanks = rest[: len(rest) - len(body)]
        if "\t" in blanks:
            blanks = (" " * self._column + blanks).expandtabs(TAB)[self._column :]
            self._text, self._position = blanks + body, 0
        return len(blanks)

    def consume(self, count: int) -> None:
        """Consume characters; blanks must have been counted before."""
        self._position += count
        self._column += count


@dataclass(frozen=True, slots=True)
class Marker:
    """The marker of an item: its kind (the bullet, or the sign after the number), its number and its width."""

    kind: str
    number: int | None
    width: int


def is_rule(text: str) -> bool:
    """Tell whether the text is a thematic break."""
    sign = text[:1]
    return sign in ("*", "-", "_") and not text.rstrip(sign + " \t") and text.count(sign) >= _SIGNS_OF_RULE


def heading(text: str) -> tuple[int, str] | None:
    """Return the level and the text of a heading with number signs, None for any other text."""
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
    """Return the fence that the text opens, None if it opens none."""
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
    """Return the pattern that ends the HTML block that the text begins; some kinds cannot interrupt a paragraph."""
    if not text.startswith("<"):
        return None
    for start, end, interrupts in HTML_SEQUENCES:
        if start.search(text):
            return end if interrupts or not interrupting else None
    return None


def marker(text: str) -> Marker | None:
    """Return the marker of a list item that the text begins with."""
    found = _MARKER.match(text)
    if not found:
        return None
    if found[1]:
        return Marker(found[1], None, 1)
    return Marker(found[3], int(found[2]), found.end())


def consume_quote_sign(line: Line) -> bool:
    """Consume the sign of a quote, and return whether it was there."""
    indent = line.indent()
    if indent >= CODE_INDENT or not line.rest.startswith(">", indent):
        return False
    line.consume(indent + 1)
    line.consume(min(line.indent(), 1))
    return True


def consume_item_indent(line: Line, indent: int, *, empty: bool) -> bool:
    """Consume the indentation of an item, and return whether the line belongs to it."""
    if line.blank:
        return not empty  # an item may begin with one empty line at most
    if line.indent() < indent:
        return False
    line.consume(indent)
    return True


def interrupts(marker: Marker, text: str) -> bool:
    """Tell whether an item may begin inside a paragraph, where a line often just begins with a number."""
    return marker.number in (None, 1) and bool(text[marker.width :].strip(" \t"))


def cells_of(text: str) -> list[str]:
    """Split a table row into the sources of its cells; a bar that is escaped or in a code span belongs to its cell."""
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
    """Return the alignments of the columns if the text is the line below the head of a table."""
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
