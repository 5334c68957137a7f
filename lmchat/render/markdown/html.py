"""Markdown as HTML that loads and runs nothing, with all text escaped; it is parsed as for the terminal."""

import re
from collections.abc import Iterator, Sequence
from html import escape, unescape
from typing import assert_never
from xml.etree.ElementTree import tostring

from markdown_it.token import Token

from lmchat.render.markdown.blocks import Blocks
from lmchat.render.markdown.inline import Inline, is_break
from lmchat.render.markdown.structure import (
    Align,
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
from lmchat.render.terminal import PLAIN
from lmchat.render.text import cells, sanitize, sanitize_line

_ALIGNED = {Align.LEFT: "", Align.RIGHT: ' class="right"', Align.CENTRE: ' class="center"'}
_TASK = re.compile(r"\[([ xX])\](?:[ \n]+|$)")
_TAGS = {"strong": "strong", "em": "em", "s": "s"}
_WIDE = 2


def markdown_html(text: str) -> str:
    """Render Markdown as HTML."""
    blocks, writer = Blocks(), _Writer()
    steps = [step for line in sanitize(text).split("\n") for step in blocks.take(line)]
    return "".join(part for step in (*steps, *blocks.end()) for part in writer.take(step))


class _Writer:
    """A writer of one document as HTML."""

    def __init__(self) -> None:
        self._inline = Inline(PLAIN)
        self._closing: list[str] = []
        self._verbatim: list[str] = []
        self._language: str | None = None
        self._begun = False

    def take(self, step: Step) -> Iterator[str]:  # noqa: C901 - one case for each kind of step
        """Yield the HTML that a step adds."""
        begun, self._begun = self._begun, False
        match step:
            case QuoteOpened():
                yield self._opened("blockquote")
            case ListOpened(_, None):
                yield self._opened("ul")
            case ListOpened(_, start):
                yield self._opened("ol", "" if start == 1 else f' start="{start}"')
            case ItemOpened():
                yield self._opened("li")
                self._begun = True
            case Closed():
                yield f"{self._closing.pop()}\n"
            case Prose(_, text, 0):
                yield from self._paragraph(text, first=begun)
            case Prose(_, text, level):
                yield f"<h{level}>{self.inline(text)}</h{level}>\n"
            case Rule():
                yield "<hr>\n"
            case CodeOpened(_, info):
                self._language = next(iter(info.split()), "")
            case HtmlOpened():
                self._language = None
            case Verbatim(text):
                self._verbatim.append(text)
            case VerbatimClosed():
                yield self._verbatim_block()
            case Table():
                yield from self._table(step)
            case Formula():
                yield from self._formula(step)
            case _:
                assert_never(step)

    def inline(self, source: str) -> str:
        """Return the HTML of a paragraph, a heading or a cell."""
        try:
            return "".join(_inline_parts(self._inline.tokens(source.replace("\t", " "))))
        except Exception:  # noqa: BLE001 - whatever the parser fails at, the reply is shown
            return escaped(source)

    def _opened(self, tag: str, attributes: str = "") -> str:
        self._closing.append(f"</{tag}>")
        return f"<{tag}{attributes}>"

    def _paragraph(self, text: str, *, first: bool) -> Iterator[str]:
        box = ""
        task = _TASK.match(text) if first else None
        if task:
            box = f'<input type="checkbox" disabled{"" if task[1] == " " else " checked"}> '
            text = text[task.end() :]
        yield f"<p>{box}{self.inline(text)}</p>\n"

    def _verbatim_block(self) -> str:
        text, self._verbatim = "\n".join(self._verbatim), []
        if self._language is None:
            return f'<div class="own">{escaped(text)}</div>\n'
        return f"<pre><code>{_coloured(text, self._language)}\n</code></pre>\n"

    def _table(self, step: Table) -> Iterator[str]:
        yield "<table>\n"
        for tag, row in zip(("th", *["td"] * len(step.rows)), step.rows, strict=False):
            made = (
                f"<{tag}{_ALIGNED[aligned]}>{self.inline(cell)}</{tag}>"
                for aligned, cell in zip(step.alignments, row, strict=True)
            )
            yield f"<tr>{''.join(made)}</tr>\n"
        yield "</table>\n"

    def _formula(self, step: Formula) -> Iterator[str]:
        if not step.closed:
            yield f"<p>{self.inline(step.opener + step.source)}</p>\n"
        else:
            yield _mathml(step.source, "block") or f"<pre><code>{escaped(step.source.strip())}\n</code></pre>\n"


def _inline_parts(tokens: Sequence[Token]) -> Iterator[str]:  # noqa: C901 - one case for each kind of token
    for at, token in enumerate(tokens):
        kind, _, side = token.type.rpartition("_")
        match token.type:
            case "link_open":
                yield _link(str(token.attrs.get("href", "")))
            case "link_close":
                yield "</a>"
            case "softbreak":
                yield "" if _joins(tokens, at) else "\n"
            case "hardbreak":
                yield "<br>\n"
            case "html_inline":
                yield "<br>" if is_break(token) else escaped(token.content)
            case "code_inline":
                yield f"<code>{escaped(token.content)}</code>"
            case "formula":
                yield _formula(token.content)
            case "image":  # the page loads nothing, so a link leads to it
                address = str(token.attrs.get("src", ""))
                yield f"{_link(address)}{escaped_line(token.content or address)}</a>"
            case _ if kind in _TAGS:
                yield f"<{'/' if side == 'close' else ''}{_TAGS[kind]}>"
            case _:
                yield escaped(token.content)


def _joins(tokens: Sequence[Token], at: int) -> bool:
    """Tell whether a line break in the source is between two wide characters, which are written without blanks."""
    before = tokens[at - 1].content[-1:] if at else ""
    after = tokens[at + 1].content[:1] if at + 1 < len(tokens) else ""
    return cells(before) == _WIDE == cells(after)


def _link(address: str) -> str:
    return f'<a href="{escaped_line(address)}" rel="noreferrer">'


def _formula(written: str) -> str:
    size = 2 if written.startswith(("$$", "\\")) else 1
    display = "block" if written.startswith(("$$", "\\[")) else "inline"
    return _mathml(written[size:-size], display) or f"<code>{escaped(written)}</code>"


def _mathml(source: str, display: str) -> str:
    """Return a formula as MathML, empty if the library is not installed or does not understand it."""
    try:
        from latex2mathml.converter import convert_to_element
    except ImportError:
        return ""
    try:
        math = convert_to_element(source, display=display)
    except Exception:  # noqa: BLE001 - it fails in many ways at what models write, which is then shown as TeX
        return ""
    for element in math.iter():  # the library's own conversion to text would let tags through
        element.text = unescape(element.text) if element.text else element.text
    return tostring(math, encoding="unicode")


def _coloured(code: str, language: str) -> str:
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return escaped(code)
    return str(highlight(code, lexer, HtmlFormatter(nowrap=True))).removesuffix("\n")


def escaped(text: str) -> str:
    """Return a text from anywhere as HTML shows it."""
    return escape(sanitize(text))


def escaped_line(text: str) -> str:
    """Return a text from anywhere as HTML shows it, on one line."""
    return escape(sanitize_line(text))
