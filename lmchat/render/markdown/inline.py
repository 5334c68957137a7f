"""Inline Markdown as styled spans, and the marks that are still open closed for a preview.

The parser is markdown-it's, without reference links (they would need what comes after them), with formulas, and with
emphasis beside Chinese, Japanese and Korean.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from lmchat.render.markdown import maths
from lmchat.render.markdown.flanking import CjkState, has_cjk, sides
from lmchat.render.markdown.spans import Span, joined
from lmchat.render.terminal import Theme
from lmchat.render.text import cells, grounded, sanitize

_HALF_LINK = re.compile(r"!?\[([^\[\]\n]*)(?:\]\([^()\s]*)?$")
_HALF_MARK = re.compile(r"(?:\\|&#?[a-z0-9]{0,8}|<https?:[^<>\s]*)$")
_MOST_OPEN = 8
_LONGEST_MARK = 3
_MARKS = re.compile(rf"(?P<formula>{maths.FORMULA.pattern})|\\.|(?P<ticks>`+)|(?P<marks>\*+|_+|~~)", re.DOTALL)


def is_half_link(text: str) -> bool:
    """Tell whether a text ends within a link."""
    return _HALF_LINK.search(text) is not None


def close_open_marks(text: str) -> str:
    """Return the text with its open marks closed and without the half mark at its end."""
    text = _HALF_MARK.sub("", _HALF_LINK.sub(r"\1", text))
    open_marks: list[str] = []
    position = 0
    cjk = has_cjk(text)
    while found := _MARKS.search(text, position):
        if closer := maths.unclosed(text, position, found.start()):
            return text + closer + "".join(reversed(open_marks))
        position = found.end()
        if ticks := found["ticks"]:
            closing = re.compile(rf"(?<!`){ticks}(?!`)").search(text, position)
            if closing is None:
                return text + ticks if text[position:].strip() else text[: found.start()].rstrip()
            position = closing.end()
        elif found["marks"]:
            before, after = text[max(found.start() - 1, 0) : found.start()], text[position : position + 1]
            _take_mark(found["marks"], before, after, open_marks, cjk=cjk)
    if len(open_marks) > _MOST_OPEN:
        return text
    stripped = text.rstrip("*_~")
    if open_marks and stripped != text and text[len(stripped) :].endswith(open_marks[-1]):
        text = text[: len(text) - len(open_marks.pop())]
    return text.rstrip(" ") + "".join(reversed(open_marks))


def _take_mark(mark: str, before: str, after: str, open_marks: list[str], *, cjk: bool) -> None:
    """Let a run of marks close what is open, or open something itself."""
    if mark[0] == "_" and before.isalnum() and after.isalnum():
        return
    opens, closes = sides(before or " ", after or " ", cjk=cjk)
    while mark and closes and open_marks and mark.startswith(open_marks[-1]):
        mark = mark[len(open_marks.pop()) :]
    # At the end of the text nothing is known yet of what follows.
    if len(mark) <= _LONGEST_MARK and (opens or not after):
        open_marks += filter(None, (mark[:2], mark[2:]))


_NOTHING_SPECIAL = re.compile(r"[^\\`*_~\[\]!<&$\n]*$")
_FOLLOWED = re.compile(r"(?:https?|ftp|mailto):[!-~]{1,2000}$")
_WIDE = 2
_BREAK = re.compile(r"<br\s*/?>$", re.IGNORECASE)


class Inline:
    """The parser of a paragraph, a heading or a cell, which makes spans of its source."""

    def __init__(self, theme: Theme) -> None:
        self._looks = theme.styles
        self._links = theme.links
        self._unicode = theme.unicode_maths
        self._parser = MarkdownIt("commonmark").enable("strikethrough")
        # While a paragraph grows, its addresses are looked at again and again.
        self._parser.normalizeLink = lru_cache(maxsize=256)(self._parser.normalizeLink)  # type: ignore[method-assign]
        self._parser.inline.ruler.before("escape", "formula", _formula)

    def spans(self, source: str, look: str = "") -> list[Span]:
        """Return the spans; a newline in one is a hard break."""
        if _NOTHING_SPECIAL.match(source):
            return [Span(grounded(source), look)]
        tokens = self.tokens(source)
        if self._unicode:
            for token in tokens:
                if token.type == "formula":
                    token.content = maths.in_unicode(token.content)
        return _Walk(self._looks_of_tags(), self._looks.link, self._looks.faint, links=self._links).spans(tokens, look)

    def tokens(self, source: str) -> list[Token]:
        """Return the parser's tokens; a formula is one of type `formula`, with its delimiters."""
        inline = self._parser.inline
        if not has_cjk(source):
            return inline.parse(source, self._parser, {}, [])
        state = CjkState(source, self._parser, {}, [])
        inline.tokenize(state)
        for rule in inline.ruler2.getRules(""):
            rule(state)
        return state.tokens

    def _looks_of_tags(self) -> dict[str, str]:
        looks = self._looks
        return {"strong": looks.strong, "em": looks.emphasis, "s": looks.struck, "code_inline": looks.code}


def _formula(state: StateInline, silent: bool) -> bool:
    """Take a formula whole: a rule of markdown-it."""
    if state.src[state.pos] not in "$\\" or not (found := maths.FORMULA.match(state.src, state.pos, state.posMax)):
        return False
    if maths.is_price(found[0]):
        return False
    if not silent:
        state.push("formula", "", 0).content = found[0]
    state.pos = found.end()
    return True


class _Walk:
    """One walk through the tokens of one text."""

    def __init__(self, looks: dict[str, str], link: str, faint: str, *, links: bool) -> None:
        self._looks = looks
        self._link_look = link
        self._faint = faint
        self._links = links
        self._spans: list[Span] = []
        self._soft = False

    def spans(self, tokens: Sequence[Token], look: str) -> list[Span]:
        stack = [look]
        address, link_began = "", 0
        for token in tokens:
            link = address if self._follows(address) else ""
            match _kind(token):
                case "link_open":
                    address, link_began = str(token.attrs.get("href", "")), len(self._spans)
                    stack.append(joined(stack[-1], self._link_look))
                case "link_close":
                    stack.pop()
                    self._close_link(address, link_began, stack[-1])
                    address = ""
                case "strong_open" | "em_open" | "s_open":
                    stack.append(joined(stack[-1], self._looks[token.type.removesuffix("_open")]))
                case "strong_close" | "em_close" | "s_close":
                    stack.pop()
                case "softbreak":
                    self._soft = True
                case "hardbreak":
                    self._add("\n", stack[-1], "")
                case "image":
                    self._image(token, stack[-1], address)
                case "code_inline":
                    self._add(token.content, joined(stack[-1], self._looks["code_inline"]), link)
                case _:
                    self._add(_text(token), stack[-1], link)
        return self._spans

    def _add(self, text: str, look: str, link: str) -> None:
        if not text:
            return
        if not self._spans or self._spans[-1].text == "\n":
            text = grounded(text)
        if self._soft:
            self._soft = False
            last = self._spans[-1].text[-1:] if self._spans else ""
            # Chinese and Japanese are written without blanks, also where the source breaks a line.
            if not (cells(last) == _WIDE == cells(text[0])):
                self._spans.append(Span(" ", look, link))
        self._spans.append(Span(text, look, link))

    def _close_link(self, address: str, began: int, look: str) -> None:
        text = "".join(span.text for span in self._spans[began:])
        if not self._follows(address) and address and text not in (address, address.removeprefix("mailto:")):
            self._add(f" ({address})", joined(look, self._faint), "")

    def _image(self, token: Token, look: str, target: str) -> None:
        """Add the picture's text; within a link it leads to where the link does."""
        address = str(token.attrs.get("src", ""))
        began = len(self._spans)
        text = "".join(map(_text, token.children or ())) or token.content or "picture"
        leads = target if self._follows(target) else address
        self._add(f"[{text}]", joined(look, self._link_look), leads if self._follows(leads) else "")
        if leads != target or not target:
            self._close_link(address, began, look)

    def _follows(self, address: str) -> bool:
        return self._links and bool(_FOLLOWED.match(address))


def _kind(token: Token) -> str:
    """Return a token's type, where `<br>` is a hard break."""
    return "hardbreak" if is_break(token) else token.type


def is_break(token: Token) -> bool:
    """Tell whether a token is `<br>`, the one tag that is obeyed."""
    return token.type == "html_inline" and bool(_BREAK.match(token.content))


def _text(token: Token) -> str:
    """Return a token's text made safe once more: the parser itself decodes `&#13;`, and `%1b` in `<addresses>`."""
    return sanitize(token.content).replace("\n", " ").replace("\t", " ")
