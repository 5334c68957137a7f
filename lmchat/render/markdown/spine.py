"""The spine of a document that is being parsed: the containers and the one leaf that are open.

It must not know how lines open and close them.
"""

import re
from dataclasses import dataclass

from lmchat.render.markdown.lines import Fence
from lmchat.render.markdown.steps import Align


@dataclass(frozen=True, slots=True)
class Quote:
    """Stand for an open block quote."""


@dataclass(frozen=True, slots=True)
class List:
    """Stand for an open list, with the kind its markers share."""

    kind: str


@dataclass(frozen=True, slots=True)
class Item:
    """Stand for an open item: the columns its content is indented, and whether nothing is in it yet."""

    indent: int
    empty: bool


Container = Quote | List | Item


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Stand for an open paragraph, with its lines so far; `blank` tells of an empty line in front of it."""

    blank: bool
    lines: list[str]


@dataclass(frozen=True, slots=True)
class Fenced:
    """Stand for open fenced code."""

    fence: Fence


@dataclass(frozen=True, slots=True)
class Indented:
    """Stand for open indented code, with the empty lines that wait for more of it."""

    waiting: list[str]


@dataclass(frozen=True, slots=True)
class Html:
    """Stand for an open block of HTML, with what ends it."""

    end: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class OpenTable:
    """Stand for an open table, with its rows so far."""

    blank: bool
    alignments: tuple[Align, ...]
    rows: list[tuple[str, ...]]


Leaf = Paragraph | Fenced | Indented | Html | OpenTable


def copied(leaf: Leaf | None) -> Leaf | None:
    """Return the leaf so that adding a line to it leaves the other as it was."""
    match leaf:
        case Paragraph(blank, source):
            return Paragraph(blank, list(source))
        case Indented(waiting):
            return Indented(list(waiting))
        case OpenTable(blank, columns, rows):
            return OpenTable(blank, columns, list(rows))
        case _:
            return leaf
