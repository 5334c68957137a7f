"""Inline Markdown as styled spans.

The parser is markdown-it's, without reference links (they would need what comes after them), with formulas, and with
emphasis beside Chinese, Japanese and Korean, which are written without blanks. For that the rule is that of the
CJK-friendly amendments to CommonMark (github.com/tats-u/markdown-cjk-friendly): punctuation of these scripts counts as
a letter, and other punctuation beside a character of theirs does not keep a run of marks from opening or closing there.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from markdown_it import MarkdownIt
from markdown_it.common.utils import isMdAsciiPunct, isPunctChar, isWhiteSpace
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Scanned
from markdown_it.token import Token

from lmchat.render.markdown import maths
from lmchat.render.markdown.spans import Span, joined
from lmchat.render.terminal import Theme
from lmchat.render.text import cells, sanitize, with_base

_NOTHING_SPECIAL = re.compile(r"[^\\`*_~\[\]!<&$\n]*$")
_FOLLOWED = re.compile(r"(?:https?|ftp|mailto):[!-~]{1,2000}$")
_WIDE = 2
_BREAK = re.compile(r"<br\s*/?>$", re.IGNORECASE)


class Inline:
    """A parser of paragraphs, headings and cells, which makes spans of their source."""

    def __init__(self, theme: Theme) -> None:
        self._styles = theme.styles
        self._links = theme.links
        self._unicode = theme.unicode_maths
        self._parser = MarkdownIt("commonmark").enable("strikethrough")
        # While a paragraph grows, its addresses are parsed again and again.
        self._parser.normalizeLink = lru_cache(maxsize=256)(self._parser.normalizeLink)  # type: ignore[method-assign]
        self._parser.inline.ruler.before("escape", "formula", _formula)

    def spans(self, source: str, style: str = "") -> list[Span]:
        """Return the spans; a newline in one is a hard break."""
        if _NOTHING_SPECIAL.match(source):
            return [Span(with_base(source), style)]
        tokens = self.tokens(source)
        if self._unicode:
            for token in tokens:
                if token.type == "formula":
                    token.content = maths.in_unicode(token.content)
        return _Walk(self._styles_of_tags(), self._styles.link, self._styles.faint, links=self._links).spans(
            tokens, style
        )

    def tokens(self, source: str) -> list[Token]:
        """Return the parser's tokens; a formula is a token of the type `formula`, with its delimiters."""
        inline = self._parser.inline
        if not has_cjk(source):
            return inline.parse(source, self._parser, {}, [])
        state = CjkState(source, self._parser, {}, [])
        inline.tokenize(state)
        for rule in inline.ruler2.getRules(""):
            rule(state)
        return state.tokens

    def _styles_of_tags(self) -> dict[str, str]:
        styles = self._styles
        return {"strong": styles.strong, "em": styles.emphasis, "s": styles.struck, "code_inline": styles.code}


def _formula(state: StateInline, silent: bool) -> bool:
    """Parse a formula as one token: a rule of markdown-it."""
    if state.src[state.pos] not in "$\\" or not (found := maths.FORMULA.match(state.src, state.pos, state.posMax)):
        return False
    if maths.is_price(found[0]):
        return False
    if not silent:
        state.push("formula", "", 0).content = found[0]
    state.pos = found.end()
    return True


class _Walk:
    """A walk through the tokens of one text."""

    def __init__(self, styles: dict[str, str], link: str, faint: str, *, links: bool) -> None:
        self._styles = styles
        self._link_style = link
        self._faint = faint
        self._links = links
        self._spans: list[Span] = []
        self._soft = False

    def spans(self, tokens: Sequence[Token], style: str) -> list[Span]:
        stack = [style]
        address, link_began = "", 0
        for token in tokens:
            link = address if self._follows(address) else ""
            match "hardbreak" if is_break(token) else token.type:
                case "link_open":
                    address, link_began = str(token.attrs.get("href", "")), len(self._spans)
                    stack.append(joined(stack[-1], self._link_style))
                case "link_close":
                    stack.pop()
                    self._close_link(address, link_began, stack[-1])
                    address = ""
                case "strong_open" | "em_open" | "s_open":
                    stack.append(joined(stack[-1], self._styles[token.type.removesuffix("_open")]))
                case "strong_close" | "em_close" | "s_close":
                    stack.pop()
                case "softbreak":
                    self._soft = True
                case "hardbreak":
                    self._add("\n", stack[-1], "")
                case "image":
                    self._image(token, stack[-1], address)
                case "code_inline":
                    self._add(token.content, joined(stack[-1], self._styles["code_inline"]), link)
                case _:
                    self._add(_text(token), stack[-1], link)
        return self._spans

    def _add(self, text: str, style: str, link: str) -> None:
        if not text:
            return
        if not self._spans or self._spans[-1].text == "\n":
            text = with_base(text)
        if self._soft:
            self._soft = False
            last = self._spans[-1].text[-1:] if self._spans else ""
            # Chinese and Japanese are written without blanks, even where the source breaks a line.
            if not (cells(last) == _WIDE == cells(text[0])):
                self._spans.append(Span(" ", style, link))
        self._spans.append(Span(text, style, link))

    def _close_link(self, address: str, began: int, style: str) -> None:
        text = "".join(span.text for span in self._spans[began:])
        if not self._follows(address) and address and text not in (address, address.removeprefix("mailto:")):
            self._add(f" ({address})", joined(style, self._faint), "")

    def _image(self, token: Token, style: str, target: str) -> None:
        """Add the text of a picture; inside a link it leads to the address of the link."""
        address = str(token.attrs.get("src", ""))
        began = len(self._spans)
        text = "".join(map(_text, token.children or ())) or token.content or "picture"
        leads = target if self._follows(target) else address
        self._add(f"[{text}]", joined(style, self._link_style), leads if self._follows(leads) else "")
        if leads != target or not target:
            self._close_link(address, began, style)

    def _follows(self, address: str) -> bool:
        return self._links and bool(_FOLLOWED.match(address))


def is_break(token: Token) -> bool:
    """Tell whether a token is `<br>`, the one tag that has an effect."""
    return token.type == "html_inline" and bool(_BREAK.match(token.content))


def _text(token: Token) -> str:
    """Return the text of a token, sanitized again: the parser decodes `&#13;`, and `%1b` in `<addresses>`."""
    return sanitize(token.content).replace("\n", " ").replace("\t", " ")


# East Asian width W, F or H, but for emoji, and all of Hangul.
_CJK = re.compile(
    "[\u1100-\u11ff\u20a9\u2329\u232a\u2e80-\u33ff\u3400-\u4dbf\u4e00-\ua4cf\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff"
    "\ufe10-\ufe19\ufe30-\ufe6f\uff01-\uffee\U00016fe0-\U0001b2ff\U0001f200\U0001f202-\U0001f219\U0001f21b-\U0001f22e"
    "\U0001f230-\U0001f231\U0001f237\U0001f23b-\U0001f24f\U0001f260-\U0001f265\U00020000-\U0003fffd]"
)
_SELECTORS = "\ufe00\ufe01\ufe02\ufe0e\ufe0f"


def has_cjk(text: str) -> bool:
    """Tell whether the text has a Chinese, Japanese or Korean character."""
    return not text.isascii() and bool(_CJK.search(text))


def sides(before: str, after: str, *, cjk: bool) -> tuple[bool, bool]:
    """Tell whether a run between two characters is left-flanking and whether it is right-flanking."""
    blank_before, blank_after = isWhiteSpace(ord(before)), isWhiteSpace(ord(after))
    mark_before, mark_after = _is_punctuation(before), _is_punctuation(after)
    cjk_before, cjk_after = (bool(_CJK.match(before)), bool(_CJK.match(after))) if cjk else (False, False)
    other_before, other_after = mark_before and not cjk_before, mark_after and not cjk_after
    left = not blank_after and (not other_after or blank_before or other_before or cjk_before)
    right = not blank_before and (not other_before or blank_after or other_after or cjk_after)
    return left, right


class CjkState(StateInline):
    """markdown-it's state of an inline text, with the CJK-friendly rule of what a run of marks can do."""

    def scanDelims(self, start: int, canSplitWord: bool) -> Scanned:  # noqa: N802, N803 - markdown-it's names
        """Return what the run at `start` can do, and its length."""
        marker, end = self.src[start], start
        while end < self.posMax and self.src[end] == marker:
            end += 1
        before = self._before(start)
        after = self.src[end] if end < self.posMax else " "
        left, right = sides(before, after, cjk=True)
        opens = left and (canSplitWord or not right or _is_punctuation(before))
        closes = right and (canSplitWord or not left or _is_punctuation(after))
        return Scanned(opens, closes, end - start)

    def _before(self, start: int) -> str:
        """Return the character before a run, without the selector that varies it."""
        at = start - 1
        if at > 0 and self.src[at] in _SELECTORS:
            at -= 1
        return self.src[at] if at >= 0 else " "


def _is_punctuation(character: str) -> bool:
    return isMdAsciiPunct(ord(character)) or isPunctChar(character)
