"""Code, highlighted line by line, and its colours.

The lexer stops at the end of each line and continues from its state there. If a language has tokens that its lexer
recognizes only whole (comments of several lines, scripts in HTML), lines wait for the end of the token, up to a limit.
"""

from pygments.lexer import ExtendedRegexLexer, Lexer, RegexLexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Error, Text, _TokenType
from pygments.util import ClassNotFound
from rich.color import ColorSystem
from rich.style import Style
from rich.syntax import Syntax

from lmchat.render.markdown.spans import Span
from lmchat.render.terminal import Depth, Theme

_SYSTEMS = {
    Depth.SIXTEEN: ColorSystem.STANDARD,
    Depth.MANY: ColorSystem.EIGHT_BIT,
    Depth.ALL: ColorSystem.TRUECOLOR,
}
_MARK = "x"


class Palette:
    """The style of each kind of token; the background is always that of the terminal."""

    def __init__(self, theme: Theme) -> None:
        name = theme.code_theme or ("ansi_dark" if theme.dark else "ansi_light")
        self._theme = Syntax.get_theme(name)
        self._system = _SYSTEMS[theme.depth]
        self._coloured = theme.code_colours
        self._styles: dict[_TokenType, str] = {}

    def style(self, kind: _TokenType) -> str:
        """Return the SGR parameters of a kind of token."""
        # A lexer finds many errors in code that is still being written.
        if not self._coloured or kind in Error:
            return ""
        found = self._styles.get(kind)
        if found is None:
            found = self._styles[kind] = self._made(self._theme.get_style_for_token(kind))
        return found

    def _made(self, style: Style) -> str:
        plain = Style(
            color=None if style.color is None or style.color.is_default else style.color,
            bold=style.bold,
            dim=style.dim,
            italic=style.italic,
            underline=style.underline,
        )
        before, mark, _ = plain.render(_MARK, color_system=self._system).partition(_MARK)
        return before.removeprefix("\x1b[").removesuffix("m") if mark else ""


_MOST_WAITING = 40
_LONGEST = 2000
_COMMENTS = (("/*", "*/"), ("<!--", "-->"))
_EMBEDDED = (("<script", "</script>"), ("<style", "</style>"))

_Tokens = list[tuple[_TokenType, str]]
_Pair = tuple[str, str]


class Highlighter:
    """A highlighter of the lines of one block of code."""

    def __init__(self, name: str, palette: Palette) -> None:
        self._palette = palette
        self._lexer = _lexer(name)
        self._stack: tuple[str, ...] = ("root",)
        self._waiting: list[str] = []
        self._within: _Pair | None = None
        self._pairs = self._needed_pairs(self._lexer) if self._lexer else []

    def copy(self) -> "Highlighter":
        """Return a highlighter in the same state, to try out an incomplete line."""
        copy = object.__new__(Highlighter)
        copy._palette, copy._lexer, copy._pairs = self._palette, self._lexer, self._pairs
        copy._stack, copy._waiting, copy._within = self._stack, list(self._waiting), self._within
        return copy

    def push(self, line: str) -> list[list[Span]]:
        """Add the next line, and return the lines that are settled by it."""
        if self._lexer is None or len(line) > _LONGEST:
            return [*self.flush(), [Span(line)]]
        self._waiting.append(line)
        pair = self._open_pair()
        if pair is None:
            return self._settle(None)
        return self._settle(pair) if len(self._waiting) >= _MOST_WAITING else []

    def flush(self) -> list[list[Span]]:
        """Return the lines that were waiting."""
        return self._settle(self._open_pair()) if self._waiting else []

    def _needed_pairs(self, lexer: Lexer) -> list[_Pair]:
        """Find out which comments the lexer recognizes only whole."""
        needed = list(_EMBEDDED) if any("html" in alias for alias in lexer.aliases) else []
        for opener, closer in _COMMENTS:
            whole, _ = self._lexed(f"{opener} x\nx {closer}\n")
            if whole[0][0] not in Comment or "x" not in whole[0][1]:
                continue
            _, stack = self._lexed(f"{opener} x\n")
            before, self._stack = self._stack, stack
            resumed, _ = self._lexed(f"x {closer}\n")
            self._stack = before
            if resumed[0][0] not in Comment:
                needed.append((opener, closer))
        return needed

    def _open_pair(self) -> _Pair | None:
        """Find the pair that is open at the end of the waiting lines."""
        text = "\n".join(self._waiting)
        for pair in self._pairs:
            opener, closer = pair
            opened = text.rfind(opener)
            if self._within == pair and opened < 0:
                opened = 0
            if opened < 0 or text.find(closer, opened) >= 0:
                continue
            if len(self._waiting) > 1 or self._within == pair or pair in _EMBEDDED or self._in_comment(text, closer):
                return pair
        return None

    def _in_comment(self, text: str, closer: str) -> bool:
        """Tell whether the text ends inside a comment: what looks like its opener may be in a string."""
        tokens, _ = self._lexed(text + closer)
        return bool(tokens) and tokens[-1][0] in Comment

    def _settle(self, pair: _Pair | None) -> list[list[Span]]:
        """Highlight the waiting lines; `pair` is still open after them."""
        lines, self._waiting = self._waiting, []
        text = "\n".join(lines) + "\n"
        front = self._within[0] if self._within else ""
        if front.startswith("<") and not front.startswith("<!"):
            front += ">"
        back = pair[1] if pair else ""
        tokens, stack = self._lexed(front + text + back)
        self._within = pair
        self._stack = stack
        return _by_line(_trimmed(tokens, len(front), len(text) - 1), self._palette, len(lines))

    def _lexed(self, text: str) -> tuple[_Tokens, tuple[str, ...]]:
        """Run the lexer over the text from the current state; return the tokens and the state after them."""
        lexer = self._lexer
        stack = list(self._stack)
        try:
            if isinstance(lexer, RegexLexer) and not isinstance(lexer, ExtendedRegexLexer):
                tokens = _run(lexer, text, stack)
            else:
                tokens = [(kind, value) for _, kind, value in lexer.get_tokens_unprocessed(text)] if lexer else []
        except Exception:  # noqa: BLE001 - there are hundreds of lexers; code without colours is better than no reply
            return [(Text, text)], self._stack
        # A lexer may lose characters; then its colours are of no use.
        whole = "".join(value for _, value in tokens) == text
        return (tokens, tuple(stack)) if whole else ([(Text, text)], self._stack)


def _lexer(name: str) -> Lexer | None:
    if not name:
        return None
    try:
        return get_lexer_by_name(name)
    except ClassNotFound:
        return None


def _run(lexer: RegexLexer, text: str, stack: list[str]) -> _Tokens:
    """Do what Pygments' RegexLexer does, but begin in any state and leave the state after it in `stack`."""
    tokens: _Tokens = []
    position = 0
    while position < len(text):
        for match, action, new_state in lexer._tokens[stack[-1]]:  # noqa: SLF001 - how its subclasses see them
            found = match(text, position)
            if found is None:
                continue
            if type(action) is _TokenType:
                tokens.append((action, found[0]))
            elif action is not None:
                tokens += [(kind, value) for _, kind, value in action(lexer, found)]
            position = found.end()
            _move(stack, new_state)
            break
        else:
            if text[position] == "\n":
                stack[:] = ["root"]
            tokens.append((Text if text[position] == "\n" else Error, text[position]))
            position += 1
    return [(kind, value) for kind, value in tokens if value]


def _move(stack: list[str], new_state: tuple[str, ...] | int | str | None) -> None:
    """Change the lexer's state as a rule demands."""
    if isinstance(new_state, int):
        del stack[max(len(stack) + new_state, 1) :]
    elif new_state is not None:
        for state in (new_state,) if isinstance(new_state, str) else new_state:
            if state == "#pop":
                del stack[max(len(stack) - 1, 1) :]
            else:
                stack.append(stack[-1] if state == "#push" else state)


def _trimmed(tokens: _Tokens, front: int, length: int) -> _Tokens:
    """Cut `length` characters out of the tokens, from `front` on."""
    trimmed, position = [], 0
    for kind, value in tokens:
        part = value[max(front - position, 0) : max(front + length - position, 0)]
        position += len(value)
        if part:
            trimmed.append((kind, part))
    return trimmed


def _by_line(tokens: _Tokens, palette: Palette, count: int) -> list[list[Span]]:
    lines: list[list[Span]] = [[]]
    for kind, value in tokens:
        first, *more = value.split("\n")
        style = palette.style(kind)
        lines[-1].append(Span(first, style if first.strip() else ""))
        lines += [[Span(part, style if part.strip() else "")] for part in more]
    return lines + [[Span("")] for _ in range(count - len(lines))]
