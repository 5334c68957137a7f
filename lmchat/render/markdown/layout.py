"""The layout of the block parser's steps as rows: prefixes of quotes and lists, gaps, prose, code and tables.

Rows that were returned are settled.
"""

import re
from enum import Enum
from itertools import islice
from typing import TYPE_CHECKING, assert_never

from lmchat.dataclass import dataclass, replace
from lmchat.render.markdown import maths
from lmchat.render.markdown.growing import GrowingParagraph, close_open_marks, grown
from lmchat.render.markdown.inline import Inline
from lmchat.render.markdown.spans import Span, fold, narrowed, row, table, width_of, wrap
from lmchat.render.markdown.structure import (
    Closed,
    CodeOpened,
    Formula,
    HtmlOpened,
    ItemOpened,
    ListOpened,
    Prose,
    QuoteOpened,
    Rule,
    Step,
    Table,
    Verbatim,
    VerbatimClosed,
)
from lmchat.render.terminal import Theme
from lmchat.render.text import BLANK, Row, cells, shorten, with_base

if TYPE_CHECKING:  # Pygments is loaded with the first code that is coloured
    from lmchat.render.markdown.code import Highlighter, Palette

_BULLETS = "•◦‣"
_QUOTE_BAR = "▌ "
_RULE, _CODE_RULE = "─", "╌"
_CODE_RULE_CELLS = 40
_LEAST_ROOM = 16
_TAB = 4
_INDENT = "    "
_LONGEST_PREVIEW, _CUT = 16_384, 4_096
_LANGUAGE = re.compile(r"[{.\s]*([\w+#.-]+)")
_TASK = re.compile(r"\[([ xX])\](?:[ \n]+|$)")


class _Kind(Enum):
    ROOT = "root"
    QUOTE = "quote"
    LIST = "list"
    ITEM = "item"


@dataclass(frozen=True, slots=True)
class _Frame:
    """An open container: the prefixes of its first row and of the others, and whether it has rows and blocks yet."""

    kind: _Kind
    first: tuple[Span, ...] = ()
    rest: tuple[Span, ...] = ()
    shown: bool = False
    filled: bool = False
    number: int | None = None
    delimiter: str = ""


class RenderContext:
    """What the layouts of a document share: the theme, the inline parser, highlighters and the open paragraph."""

    def __init__(self, theme: Theme) -> None:
        self.theme = theme
        self.inline = Inline(theme)
        self.growing: GrowingParagraph | None = None
        self._palette: Palette | None = None
        self._highlighters: dict[str, Highlighter] = {}

    def highlighter(self, language: str) -> "Highlighter | None":
        """Return a highlighter of a language, None without colours; with the first one Pygments is imported."""
        if not language or not self.theme.code_colours:
            return None
        from lmchat.render.markdown.code import Highlighter, Palette

        self._palette = self._palette or Palette(self.theme)
        if language not in self._highlighters:  # finding a lexer and what it needs is slow
            self._highlighters[language] = Highlighter(language, self._palette)
        return self._highlighters[language].copy()


class Layout:
    """The layout of a document: steps become rows of a width.

    With `room`, a number of rows, it is a preview: open marks are closed, and what has no room is left out.
    """

    def __init__(self, context: RenderContext, width: int) -> None:
        self.width = width
        self._context = context
        self._styles = context.theme.styles
        self._room: int | None = None
        self._frames = [_Frame(_Kind.ROOT)]
        self._highlighter: Highlighter | None = None
        self._html = False

    def preview(self, room: int) -> "Layout":
        """Return a layout in the same state, to try out what an incomplete line would be."""
        copy = Layout(self._context, self.width)
        copy._room = room
        copy._frames = list(self._frames)
        copy._highlighter = self._highlighter and self._highlighter.copy()
        copy._html = self._html
        return copy

    def take(self, step: Step) -> list[Row]:  # noqa: C901 - one case for each kind of step
        """Return the rows that a step settles."""
        match step:
            case QuoteOpened(blank):
                rows = self._gap(blank=blank)
                bar = (Span(_QUOTE_BAR, self._styles.faint),)
                self._frames.append(_Frame(_Kind.QUOTE, bar, bar))
            case ListOpened(blank, start, delimiter):
                rows = self._gap(blank=blank)
                self._frames.append(_Frame(_Kind.LIST, number=start, delimiter=delimiter))
            case ItemOpened(blank):
                rows = self._gap(blank=blank)
                self._open_item()
            case Closed():
                rows = self._close()
            case Prose(blank, text, 0):
                rows = self._paragraph(text, blank=blank)
            case Prose(blank, text, level):
                rows = self._gap(blank=blank)
                rows += self._rows(wrap(self._inline(text, self._styles.headings[level - 1]), self._measure))
            case Rule(blank):
                rows = self._gap(blank=blank) + self._rows([[Span(_RULE * self._inner, self._styles.faint)]])
            case CodeOpened(blank, info):
                rows = self._gap(blank=blank) + self._open_code(info)
            case HtmlOpened(blank):
                rows = self._gap(blank=blank)
                self._html = True
            case Verbatim(text):
                rows = self._verbatim(with_base(text.expandtabs(_TAB)))
            case VerbatimClosed():
                rows = self._close_verbatim()
            case Table(blank):
                rows = self._gap(blank=blank) + self._table(step)
            case Formula():
                rows = self._formula(step)
            case _:
                assert_never(step)
        return rows

    @property
    def _inner(self) -> int:
        """Return the width that the open containers leave."""
        if len(self._frames) == 1:
            return max(self.width, 1)
        taken = sum(width_of(frame.rest) for frame in self._frames)
        return max(self.width - taken, min(self.width * 4 // 5, _LEAST_ROOM), 1)

    @property
    def _measure(self) -> int:
        """Return the width of prose."""
        return min(self._inner, self._context.theme.prose_width)

    def _gap(self, *, blank: bool) -> list[Row]:
        """Begin a block, after an empty row where one is due: in lists only if the source has one."""
        frame = self._frames[-1]
        due = frame.filled and (blank or frame.kind in (_Kind.ROOT, _Kind.QUOTE))
        rows = self._blank_row() if due else []
        if not frame.filled:
            self._frames[-1] = replace(self._frames[-1], filled=True)
        return rows

    def _blank_row(self) -> list[Row]:
        return [BLANK] if len(self._frames) == 1 else self._rows([[]])

    def _rows(self, lines: list[list[Span]]) -> list[Row]:
        return [row(self._prefix(), line, self.width) for line in lines]

    def _rows_below(self, lines: list[list[Span]], kept: int) -> list[Row]:
        """Make rows that follow `kept` rows of the same paragraph."""
        if kept:
            self._prefix()
        return self._rows(lines)

    def _prefix(self) -> list[Span]:
        """Return the prefix of the next row; the marker of an item is in only one."""
        if len(self._frames) == 1:
            return []
        spans: list[Span] = []
        for index, frame in enumerate(self._frames):
            spans += frame.rest if frame.shown else frame.first
            if not frame.shown:
                self._frames[index] = replace(frame, shown=True)
        return narrowed(spans, width_of(spans) + self._inner - self.width)

    def _open_item(self) -> None:
        above = self._frames[-1]
        if above.number is None:
            lists = (frame for frame in reversed(self._frames) if frame.kind is _Kind.LIST and frame.number is None)
            marker = f" {_BULLETS[len(list(islice(lists, len(_BULLETS)))) - 1]} "
        else:
            marker = f"{above.number:>2}{above.delimiter} "
            self._frames[-1] = replace(above, number=above.number + 1)
        self._frames.append(self._item(marker, self._styles.bullet))

    def _item(self, marker: str, style: str) -> _Frame:
        return _Frame(_Kind.ITEM, (Span(marker, style),), (Span(" " * cells(marker)),))

    def _close(self) -> list[Row]:
        """End a container; one without any row still shows its marker."""
        frame = self._frames[-1]
        rows = self._rows([[]]) if not frame.shown and frame.kind in (_Kind.ITEM, _Kind.QUOTE) else []
        self._frames.pop()
        return rows

    def _paragraph(self, text: str, *, blank: bool) -> list[Row]:
        task = _TASK.match(text)
        if task and self._frames[-1].kind is _Kind.ITEM and not self._frames[-1].filled:
            done = task[1] != " "
            text = text[task.end() :]
            if self._frames[-2].number is None:
                marker = f" [{'✓' if done else ' '}] "
                self._frames[-1] = self._item(marker, self._styles.good if done else self._styles.bullet)
        if self._room is not None and len(text) > _LONGEST_PREVIEW:
            # Only the last rows are shown. The cut moves rarely, so that they do not jump.
            text = text[(len(text) - _LONGEST_PREVIEW // 2) // _CUT * _CUT :]
        rows = self._gap(blank=blank)
        if self._room is not None:
            place = (self.width, *self._frames)
            self._context.growing = grown(
                self._context.growing, text, place, self._inline, self._measure, self._rows_below
            )
            return [*rows, *self._context.growing.rows]
        return rows + self._rows(wrap(self._inline(text), self._measure))

    def _inline(self, text: str, style: str = "") -> list[Span]:
        text = text.replace("\t", " ")
        try:
            return self._context.inline.spans(text if self._room is None else close_open_marks(text), style)
        except Exception:  # noqa: BLE001 - whatever the parser fails at, the reply is shown
            return [Span(with_base(text), style)]

    def _formula(self, step: Formula) -> list[Row]:
        """Lay out a formula row by row, indented; one that never ends is text, but its preview is that of a formula."""
        if not step.closed and self._room is None:
            return self._paragraph(step.opener + step.source, blank=step.blank)
        rows = self._gap(blank=step.blank)
        lines = maths.rows_of(step.source) if self._context.theme.unicode_maths else step.source.strip("\n").split("\n")
        for line in lines:
            text = with_base(self._in_unicode(line))
            rows += self._rows(
                [[Span(_INDENT), *part] for part in wrap([Span(text)], max(self._inner - len(_INDENT), 1))]
            )
        return rows

    def _in_unicode(self, line: str) -> str:
        try:
            return maths.unicode_of(line) if self._context.theme.unicode_maths else line
        except Exception:  # noqa: BLE001 - whatever is in a formula, the reply is shown
            return line

    def _table(self, step: Table) -> list[Row]:
        rows = step.rows
        if self._room is not None and len(rows) > self._room:
            rows = (rows[0], *rows[-self._room :])
        head = [[self._inline(cell, self._styles.table_head) for cell in rows[0]]]
        laid = head + [[self._inline(cell) for cell in row] for row in rows[1:]]
        return self._rows(table(laid, step.alignments, self._inner, self._styles))

    def _open_code(self, info: str) -> list[Row]:
        found = _LANGUAGE.match(info)
        language = found[1] if found else ""
        self._highlighter = self._context.highlighter(language.lower())
        return self._code_rule(language)

    def _code_rule(self, language: str = "") -> list[Row]:
        width = min(self._inner, _CODE_RULE_CELLS)
        label = shorten(f"{_CODE_RULE * 2} {language} ", width) if language else ""
        return self._rows([[Span(label + _CODE_RULE * (width - cells(label)), self._styles.faint)]])

    def _verbatim(self, text: str) -> list[Row]:
        lines = self._highlighter.push(text) if self._highlighter else [[Span(text)]]
        return self._folded(lines)

    def _close_verbatim(self) -> list[Row]:
        rows = self._folded(self._highlighter.flush()) if self._highlighter else []
        html, self._highlighter, self._html = self._html, None, False
        return rows if html else rows + self._code_rule()

    def _folded(self, lines: list[list[Span]]) -> list[Row]:
        # The terminal wraps a settled line of code, so that it is copied as one line; a preview must count its rows.
        if self._room is None and not self._html:
            return self._rows(lines)
        return self._rows([part for line in lines for part in fold(line, self._inner)])
