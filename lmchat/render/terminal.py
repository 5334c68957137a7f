"""What a terminal can do: its size, whether it can be painted on, and the style of each kind of text.

A style is a string of SGR parameters. Colours are the terminal's own sixteen, so that they suit any background.
"""

import os
from collections.abc import Callable, Mapping
from enum import Enum
from typing import TextIO

from lmchat.dataclass import dataclass

DEFAULT_PROSE_WIDTH = 100
TERMINALS_WITHOUT_ESCAPES = ("dumb", "unknown")
_ACCESSIBLE = "LMCHAT_ACCESSIBLE"
_KNOWN_PROGRAMS = ("iTerm.app", "WezTerm", "vscode", "ghostty", "Apple_Terminal", "WarpTerminal", "rio")
_KNOWN_MARKS = ("VTE_VERSION", "KITTY_WINDOW_ID", "WT_SESSION", "KONSOLE_VERSION", "ALACRITTY_WINDOW_ID", "TMUX")
_KNOWN_TERMINALS = ("tmux", "xterm-kitty", "alacritty", "foot", "xterm-ghostty", "wezterm", "vte", "konsole")
_WITHOUT_LINKS = ("screen", "linux", "vt1", "vt2", *TERMINALS_WITHOUT_ESCAPES)


class When(Enum):
    """When colours are used."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class Depth(Enum):
    """How many colours a terminal has, in rich's terms."""

    SIXTEEN = "standard"
    MANY = "256"
    ALL = "truecolor"


@dataclass(frozen=True, slots=True)
class Styles:
    """The style of each kind of text; an empty string is the terminal's ordinary text."""

    strong: str = "1"
    emphasis: str = "3"
    struck: str = "9"
    code: str = "36"
    link: str = "4;94"
    faint: str = "2"
    headings: tuple[str, ...] = ("1;4;35", "1;35", "1;36", "1", "3", "3")
    bullet: str = "35"
    table_head: str = "1"
    prompt: str = "1;36"
    good: str = "32"
    failure: str = "1;31"


WITHOUT_COLOURS = Styles(
    code="1", link="4", headings=("1;4", "1;4", "1", "1", "3", "3"), bullet="", prompt="1", good="", failure="1"
)
WITHOUT_ANYTHING = Styles(
    strong="", emphasis="", struck="", code="", link="", faint="", headings=("",) * 6, bullet="", table_head="",
    prompt="", good="", failure="",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Theme:
    """How text is styled for one stream.

    `code_theme` names a Pygments style, or is empty for the terminal's own colours; `code_colours` is false if code is
    not highlighted at all; `links` says whether links can be followed (OSC 8); `unicode_maths` is false if formulas
    stay TeX; `prose_width` is the greatest width of a row of prose in cells; `lines` is false if none are drawn: a
    screen reader would spell out each of them.
    """

    styles: Styles
    code_colours: bool = False
    code_theme: str = ""
    dark: bool = True
    depth: Depth = Depth.SIXTEEN
    links: bool = False
    unicode_maths: bool = True
    prose_width: int = DEFAULT_PROSE_WIDTH
    lines: bool = True

    def styled(self, text: str, style: str) -> str:
        """Return the text in a style."""
        return f"\x1b[{style}m{text}\x1b[0m" if style and text else text


PLAIN = Theme(WITHOUT_ANYTHING)


def is_plain(environ: Mapping[str, str]) -> bool:
    """Tell whether nothing can be painted: the terminal supports no escapes, or the person uses a screen reader."""
    return environ.get("TERM", "") in TERMINALS_WITHOUT_ESCAPES or is_accessible(environ)


def is_accessible(environ: Mapping[str, str]) -> bool:
    """Tell whether the person asked for output for screen readers (`lmchat.settings.layers` sets the variable)."""
    return environ.get(_ACCESSIBLE) == "true"


def theme_for(environ: Mapping[str, str], *, terminal: bool, colour: When = When.AUTO, code_theme: str = "") -> Theme:
    """Choose the theme for a stream.

    `--color` overrides `NO_COLOR`, which overrides `FORCE_COLOR`, which overrides the kind of the stream. A terminal
    without colours still has bold and underlined text; a dumb one has neither.
    """
    plain = is_plain(environ)
    capable = not plain
    if colour is When.ALWAYS or (colour is When.AUTO and _forces_colour(environ)):
        coloured = True
    else:
        coloured = terminal and capable and colour is When.AUTO and not environ.get("NO_COLOR")
    if not coloured:
        styles = WITHOUT_COLOURS if terminal and capable else WITHOUT_ANYTHING
        return Theme(styles, links=terminal and _links(environ), lines=not plain)
    return Theme(
        Styles(),
        code_colours=True,
        code_theme=code_theme,
        dark=_dark(environ),
        depth=_depth(environ),
        links=terminal and _links(environ),
        lines=not plain,
    )


def _forces_colour(environ: Mapping[str, str]) -> bool:
    """Tell whether colours are wanted even if the stream is not a terminal."""
    return environ.get("FORCE_COLOR", "") not in ("", "0", "false") and not environ.get("NO_COLOR")


def _dark(environ: Mapping[str, str]) -> bool:
    """Read the background from `COLORFGBG` ("15;0"), which some terminals set; most are dark."""
    return environ.get("COLORFGBG", "").rpartition(";")[2] not in ("7", "15")


def _depth(environ: Mapping[str, str]) -> Depth:
    if environ.get("COLORTERM", "") in ("truecolor", "24bit"):
        return Depth.ALL
    return Depth.MANY if "256" in environ.get("TERM", "") else Depth.SIXTEEN


def is_known(environ: Mapping[str, str]) -> bool:
    """Tell whether the terminal is known as one that wraps its rows again when it is resized."""
    return (
        environ.get("TERM_PROGRAM") in _KNOWN_PROGRAMS
        or any(environ.get(mark) for mark in _KNOWN_MARKS)
        or environ.get("TERM", "").startswith(_KNOWN_TERMINALS)
    )


def _links(environ: Mapping[str, str]) -> bool:
    """Tell whether the terminal is known to support OSC 8 links, as all known ones but one do.

    A terminal inside another (screen) has the variables of the outer one, and prints escapes that it does not support.
    """
    terminal = environ.get("TERM", "")
    if (
        is_plain(environ)
        or not terminal
        or terminal.startswith(_WITHOUT_LINKS)
        or environ.get("TERM_PROGRAM") == "Apple_Terminal"
    ):
        return False
    return is_known(environ)


_ORDINARY_SIZE = (80, 24)

Size = Callable[[], tuple[int, int]]
"""Returns the width and the height of the window, in cells."""


def size_of(stream: TextIO, environ: Mapping[str, str]) -> Size:
    """Return a function for the window's size: the terminal's, else `COLUMNS` and `LINES`, else 80 × 24."""
    given = (_number(environ, "COLUMNS") or _ORDINARY_SIZE[0], _number(environ, "LINES") or _ORDINARY_SIZE[1])
    try:
        number = stream.fileno()
    except (OSError, ValueError):  # a stream in memory
        return lambda: given

    def measured() -> tuple[int, int]:
        try:
            columns, lines = os.get_terminal_size(number)
        except (OSError, ValueError):
            return given
        return columns or given[0], lines or given[1]

    return measured


def moves_cursor(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Tell whether the stream is a terminal whose rows can be painted over."""
    return stream.isatty() and not is_plain(environ)


def reflows(environ: Mapping[str, str]) -> bool:
    """Tell whether the terminal is known to wrap its rows again when its width changes.

    If it is not known, fewer rows are erased: a row may then be shown twice, but none is lost.
    """
    return is_known(environ)


def _number(environ: Mapping[str, str], name: str) -> int:
    value = environ.get(name, "")
    return int(value) if value.isascii() and value.isdigit() else 0
