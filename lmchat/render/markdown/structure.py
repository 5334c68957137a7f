"""The structure of a document: the steps that the block parser reports, and the containers and the leaf that are open.

`blank` says whether an empty line came before the block.
"""

import re
from enum import Enum

from lmchat.dataclass import dataclass


class Align(Enum):
    """How a column of a table is aligned."""

    LEFT = "left"
    CENTRE = "centre"
    RIGHT = "right"


@dataclass(frozen=True, slots=True)
class QuoteOpened:
    """The beginning of a block quote."""

    blank: bool


@dataclass(frozen=True, slots=True)
class ListOpened:
    """The start of a list; `start` is the first number, None for a bullet list, `delimiter` the sign after a number."""

    blank: bool
    start: int | None
    delimiter: str


@dataclass(frozen=True, slots=True)
class ItemOpened:
    """The beginning of an item of the list."""

    blank: bool


@dataclass(frozen=True, slots=True)
class Closed:
    """The end of the innermost quote, list or item."""


@dataclass(frozen=True, slots=True)
class Prose:
    """A whole paragraph (level 0) or heading (1 to 6): the source of its inline text."""

    blank: bool
    text: str
    level: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """A thematic break."""

    blank: bool


@dataclass(frozen=True, slots=True)
class CodeOpened:
    """The beginning of code, fenced or indented; `info` is the text after the fence."""

    blank: bool
    info: str = ""


@dataclass(frozen=True, slots=True)
class HtmlOpened:
    """The beginning of a block of HTML, which is shown as source."""

    blank: bool


@dataclass(frozen=True, slots=True)
class Verbatim:
    """A line of the code or HTML that is open."""

    text: str


@dataclass(frozen=True, slots=True)
class VerbatimClosed:
    """The end of the code or HTML."""


@dataclass(frozen=True, slots=True)
class Table:
    """A whole table: the sources of its cells; every row and the alignments are as long as the longest row."""

    blank: bool
    alignments: tuple[Align, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Formula:
    """A display formula: its source and its delimiters; `closed` is false if its end is missing."""

    blank: bool
    source: str
    opener: str
    closer: str
    closed: bool


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
    | Formula
)


@dataclass(frozen=True, slots=True)
class Fence:
    """The opening of a fence: its sign, how often it is repeated, how far it was indented, and the info."""

    sign: str
    length: int
    indent: int
    info: str


@dataclass(frozen=True, slots=True)
class Quote:
    """An open block quote."""


@dataclass(frozen=True, slots=True)
class List:
    """An open list, with the kind its markers share."""

    kind: str


@dataclass(frozen=True, slots=True)
class Item:
    """An open item: the indentation of its content in columns, and whether it is still empty."""

    indent: int
    empty: bool


Container = Quote | List | Item


@dataclass(frozen=True, slots=True)
class Paragraph:
    """An open paragraph, with its lines so far."""

    blank: bool
    lines: list[str]


@dataclass(frozen=True, slots=True)
class Fenced:
    """Open fenced code."""

    fence: Fence


@dataclass(frozen=True, slots=True)
class Indented:
    """Open indented code, with the empty lines that wait for more of it."""

    waiting: list[str]


@dataclass(frozen=True, slots=True)
class Html:
    """An open block of HTML, with what ends it."""

    end: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class OpenTable:
    """An open table, with its rows so far."""

    blank: bool
    alignments: tuple[Align, ...]
    rows: list[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class OpenFormula:
    """An open display formula, with its lines so far."""

    blank: bool
    closer: str
    lines: list[str]


Leaf = Paragraph | Fenced | Indented | Html | OpenTable | OpenFormula


def copied(leaf: Leaf | None) -> Leaf | None:
    """Return a copy of the leaf, so that a line added to one is not added to the other."""
    match leaf:
        case Paragraph(blank, source):
            return Paragraph(blank, list(source))
        case Indented(waiting):
            return Indented(list(waiting))
        case OpenTable(blank, columns, rows):
            return OpenTable(blank, columns, list(rows))
        case OpenFormula(blank, closer, source):
            return OpenFormula(blank, closer, list(source))
        case _:
            return leaf
