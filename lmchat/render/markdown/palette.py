"""The colours of code: the terminal's own, or those of a theme somebody chose.

It knows rich's and Pygments' themes, and nothing of code.
"""

from pygments.token import _TokenType
from rich.color import ColorSystem
from rich.style import Style
from rich.syntax import Syntax

from lmchat.render.theme import Depth, Theme

_SYSTEMS = {
    Depth.SIXTEEN: ColorSystem.STANDARD,
    Depth.MANY: ColorSystem.EIGHT_BIT,
    Depth.ALL: ColorSystem.TRUECOLOR,
}
_MARK = "x"


class Palette:
    """Tell the look of a token; backgrounds are left to the terminal."""

    def __init__(self, theme: Theme) -> None:
        name = theme.code_theme or ("ansi_dark" if theme.dark else "ansi_light")
        self._theme = Syntax.get_theme(name)
        self._system = _SYSTEMS[theme.depth]
        self._coloured = theme.code_colours
        self._looks: dict[_TokenType, str] = {}

    def look(self, kind: _TokenType) -> str:
        """Return the SGR parameters of a kind of token."""
        if not self._coloured:
            return ""
        found = self._looks.get(kind)
        if found is None:
            found = self._looks[kind] = self._made(self._theme.get_style_for_token(kind))
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
