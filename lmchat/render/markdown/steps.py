"""What the block parser says of a document, step by step, in the order of its source.

`blank` tells whether an empty line stood in front of the block. It must not know how blocks look.
"""

from dataclasses import dataclass
from enum import Enum


class Align(Enum):
    """Name how a column of a table is aligned."""

    LEFT = "left"
    CENTRE = "centre"
    RIGHT = "right"


@dataclass(frozen=True, slots=True)
class QuoteOpened:
    """Begin a block quote."""

    blank: bool


@dataclass(frozen=True, slots=True)
class ListOpened:
    """Begin a list; `start` is the first number, None for a bullet list, `delimiter` what follows a number."""

    blank: bool
    start: int | None
    delimiter: str


@dataclass(frozen=True, slots=True)
class ItemOpened:
    """Begin an item of the list."""

    blank: bool


@dataclass(frozen=True, slots=True)
class Closed:
    """End the innermost quote, list or item."""


@dataclass(frozen=True, slots=True)
class Prose:
    """Bring a whole paragraph (level 0) or heading (1 to 6): the source of its inline text."""

    blank: bool
    text: str
    level: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """Bring a thematic break."""

    blank: bool


@dataclass(frozen=True, slots=True)
class CodeOpened:
    """Begin code, fenced or indented; `info` is the word or words after the fence."""

    blank: bool
    info: str = ""


@dataclass(frozen=True, slots=True)
class HtmlOpened:
    """Begin a block of HTML, which is shown as it is written."""

    blank: bool


@dataclass(frozen=True, slots=True)
class Verbatim:
    """Bring a line of the code or HTML that is open."""

    text: str


@dataclass(frozen=True, slots=True)
class VerbatimClosed:
    """End the code or HTML."""


@dataclass(frozen=True, slots=True)
class Table:
    """Bring a whole table: the sources of its cells, every row as long as the first."""

    blank: bool
    alignments: tuple[Align, ...]
    rows: tuple[tuple[str, ...], ...]


Step = (
    QuoteOpened
    | ListOpened
    | ItemOpened
    | Closed
    | Prose
    | Rule
    | CodeOpened
    | HtmlOpened
    | Verbatim
    | VerbatimClosed
    | Table
)
