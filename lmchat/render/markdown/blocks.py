"""The block structure of Markdown, line by line: what a line has settled never changes.

This is CommonMark's own parsing strategy (a stack of open blocks), with GitHub's tables and without reference
definitions, which would change what is above them. The cost of a line is the depth of the stack, however long the
document is.
"""

from typing import assert_never

from lmchat.dataclass import replace
from lmchat.render.markdown import lines, maths
from lmchat.render.markdown.lines import CODE_INDENT, Line, Marker
from lmchat.render.markdown.structure import (
    Align,
    Closed,
    CodeOpened,
    Container,
    Fence,
    Fenced,
    Formula,
    Html,
    HtmlOpened,
    Indented,
    Item,
    ItemOpened,
    Leaf,
    List,
    ListOpened,
    OpenFormula,
    OpenTable,
    Paragraph,
    Prose,
    Quote,
    QuoteOpened,
    Rule,
    Step,
    Table,
    Verbatim,
    VerbatimClosed,
    copied,
)


class Blocks:
    """A parser of a document, line by line; `take` returns the steps that a line settles, `end` the rest."""

    def __init__(self) -> None:
        self._containers: list[Container] = []
        self._leaf: Leaf | None = None
        self._blank = False
        self._steps: list[Step] = []

    def take(self, text: str) -> list[Step]:
        """Parse the next line (without its newline)."""
        line = Line(text)
        depth = self._matched(line)
        matched = depth == len(self._containers)
        if not (matched and self._continues_verbatim(line)):
            self._begin_blocks(line, depth)
        return self._taken()

    def end(self) -> list[Step]:
        """Close everything, at the end of the document."""
        self._close_to(0)
        return self._taken()

    def copy(self) -> "Blocks":
        """Return a parser in the same state, to try out what an incomplete line would be."""
        copy = Blocks()
        copy._containers = list(self._containers)
        copy._leaf = copied(self._leaf)
        copy._blank = self._blank
        return copy

    def _taken(self) -> list[Step]:
        steps, self._steps = self._steps, []
        return steps

    def _matched(self, line: Line) -> int:
        """Consume what continues the open containers, and return how many of them continue."""
        for depth, container in enumerate(self._containers):
            match container:
                case Quote():
                    goes_on = lines.consume_quote_sign(line)
                case Item(indent, empty):
                    goes_on = lines.consume_item_indent(line, indent, empty=empty)
                case List():
                    goes_on = True
            if not goes_on:
                return depth
        return len(self._containers)

    def _continues_verbatim(self, line: Line) -> bool:
        """Add the line to open code or HTML, and tell whether it belonged there."""
        match self._leaf:
            case Fenced(fence):
                self._take_fenced(fence, line)
            case Html(end):
                if not end.search(line.rest.strip(" \t")):
                    self._steps.append(Verbatim(line.rest))
                elif line.blank:
                    return False
                else:
                    self._steps.append(Verbatim(line.rest))
                    self._end_leaf()
            case Indented(waiting):
                return self._take_indented(waiting, line)
            case OpenFormula(_, closer, source):
                if line.blank:
                    return False
                text = line.rest.strip(" \t")
                last = maths.until(text, closer)
                source.append(text if last is None else last)
                if last is not None:
                    self._end_leaf(closed=True)
            case _:
                return False
        return True

    def _take_fenced(self, fence: Fence, line: Line) -> None:
        indent = line.indent()
        if indent < CODE_INDENT and lines.closes(fence, line.rest[indent:]):
            self._end_leaf()
        else:
            line.consume(min(indent, fence.indent))
            self._steps.append(Verbatim(line.rest))

    def _take_indented(self, waiting: list[str], line: Line) -> bool:
        """Add the line to indented code; empty lines wait for more code, since at its end they do not belong to it."""
        indent = line.indent()
        if not line.blank and indent < CODE_INDENT:
            return False
        line.consume(min(indent, CODE_INDENT))
        self._blank = line.blank
        waiting.append(line.rest)
        if not line.blank:
            self._steps += map(Verbatim, waiting)
            waiting.clear()
        return True

    def _begin_blocks(self, line: Line, depth: int) -> None:
        """Begin the blocks that this line begins inside the first `depth` containers; the rest of it is text."""
        paragraph = isinstance(self._leaf, Paragraph)
        here = depth == len(self._containers)
        while not line.blank:
            indent = line.indent()
            text = line.rest[indent:]
            if indent >= CODE_INDENT:
                if paragraph:
                    break
                self._begin_indented(line, depth)
                return
            if (paragraph and here and self._turns_paragraph(text)) or self._begins_leaf(
                text, indent, depth, paragraph
            ):
                return
            if text[0] == ">":
                depth = self._begin_quote(line, depth)
            elif (marker := lines.marker(text)) and not (paragraph and here and not lines.interrupts(marker, text)):
                depth = self._begin_item(line, marker, indent, depth)
            else:
                break
            here = paragraph = False
        self._take_text(line, depth, here=here)

    def _turns_paragraph(self, text: str) -> bool:
        """Turn the open paragraph into a table or a heading, if the text is the line that follows their first."""
        if not isinstance(self._leaf, Paragraph):
            return False
        blank, source = self._leaf.blank, self._leaf.lines
        columns = lines.alignments(text)
        if columns and "|" in source[-1] and len(lines.cells_of(source[-1])) == len(columns):
            head = lines.cells_of(source.pop())
            if source:
                self._end_leaf()
                blank = False
            self._leaf = OpenTable(blank, columns, [tuple(head)])
            return True
        level = lines.underline(text)
        if level:
            self._leaf = None
            self._steps.append(Prose(blank, _inline_source(source), level))
        return bool(level)

    def _begins_leaf(self, text: str, indent: int, depth: int, paragraph: bool) -> bool:
        """Begin a block that contains no others, if the text begins one."""
        if heading := lines.heading(text):
            level, content = heading
            self._steps.append(Prose(self._begin(depth), content, level))
        elif fence := lines.fence(text, indent):
            self._steps.append(CodeOpened(self._begin(depth), fence.info))
            self._leaf = Fenced(fence)
        elif html := lines.html_end(text, interrupting=paragraph or isinstance(self._leaf, OpenTable)):
            self._steps += [HtmlOpened(self._begin(depth)), Verbatim(" " * indent + text)]
            self._leaf = Html(html)
            if html.search(text):
                self._end_leaf()
        elif formula := maths.display(text):
            rest, closer = formula
            blank, last = self._begin(depth), maths.until(rest, closer)
            if last is None:
                self._leaf = OpenFormula(blank, closer, [rest.strip(" \t")])
            else:
                self._steps.append(_formula(blank, closer, [last], closed=True))
        elif lines.is_rule(text):
            self._steps.append(Rule(self._begin(depth)))
        else:
            return False
        return True

    def _begin_indented(self, line: Line, depth: int) -> None:
        self._steps.append(CodeOpened(self._begin(depth)))
        line.consume(CODE_INDENT)
        self._steps.append(Verbatim(line.rest))
        self._leaf = Indented([])

    def _begin_quote(self, line: Line, depth: int) -> int:
        self._steps.append(QuoteOpened(self._begin(depth)))
        self._containers.append(Quote())
        lines.consume_quote_sign(line)
        return len(self._containers)

    def _begin_item(self, line: Line, marker: Marker, indent: int, depth: int) -> int:
        goes_on = depth > 0 and self._containers[depth - 1] == List(marker.kind)
        if goes_on:
            self._close_to(depth)
            self._steps.append(ItemOpened(self._blank))
        else:
            self._steps += [ListOpened(self._begin(depth), marker.number, marker.kind), ItemOpened(blank=False)]
            self._containers.append(List(marker.kind))
        self._blank = False
        line.consume(indent + marker.width)
        blanks = line.indent()
        padding = 1 if line.blank or blanks > CODE_INDENT else blanks
        line.consume(min(padding, blanks))
        self._containers.append(Item(indent + marker.width + padding, empty=True))
        return len(self._containers)

    def _take_text(self, line: Line, depth: int, *, here: bool) -> None:
        """Add the rest of a line in which no more blocks begin."""
        text = line.rest.lstrip(" \t")
        if not text:
            began = depth == len(self._containers) and not here
            self._end_leaf()
            self._close_to(depth)
            self._blank = not began
        elif isinstance(self._leaf, Paragraph):
            self._leaf.lines.append(text)
        elif here and isinstance(self._leaf, OpenTable):
            self._leaf.rows.append(tuple(lines.cells_of(text)))
        else:
            self._leaf = Paragraph(self._begin(depth), [text])

    def _begin(self, depth: int) -> bool:
        """Close what is open inside `depth`, for a new block there; return whether an empty line came before it."""
        if depth and isinstance(self._containers[depth - 1], List):
            depth -= 1
        self._close_to(depth)
        if depth and isinstance(item := self._containers[depth - 1], Item):
            self._containers[depth - 1] = replace(item, empty=False)
        blank, self._blank = self._blank, False
        return blank

    def _close_to(self, depth: int) -> None:
        self._end_leaf()
        while len(self._containers) > depth:
            self._containers.pop()
            self._steps.append(Closed())

    def _end_leaf(self, *, closed: bool = False) -> None:
        match self._leaf:
            case Paragraph(blank, source):
                self._steps.append(Prose(blank, _inline_source(source)))
            case OpenTable(blank, columns, rows):
                self._steps.append(_table(blank, columns, rows))
            case OpenFormula(blank, closer, source):
                self._steps.append(_formula(blank, closer, source, closed=closed))
            case Fenced() | Indented() | Html():
                self._steps.append(VerbatimClosed())
            case None:
                pass
            case _:
                assert_never(self._leaf)
        self._leaf = None


def _inline_source(source: list[str]) -> str:
    return "\n".join(source).strip(" \t\n")


def _table(blank: bool, columns: tuple[Align, ...], rows: list[tuple[str, ...]]) -> Table:
    """Make a table as wide as its longest row."""
    width = max(map(len, rows))
    whole = tuple((*row, *[""] * (width - len(row))) for row in rows)
    return Table(blank, (*columns, *[Align.LEFT] * (width - len(columns))), whole)


def _formula(blank: bool, closer: str, source: list[str], *, closed: bool) -> Formula:
    opener = "$$" if closer == "$$" else "\\["
    return Formula(blank, "\n".join(source), opener, closer, closed)
