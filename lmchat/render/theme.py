"""What a terminal can do, and the looks that follow: one SGR string for each kind of text.

Colours are the terminal's own sixteen, so that they suit any background.
"""

from collections.abc import Mapping
from enum import Enum

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
    """How many colours a terminal has, by the word rich's colours know it by."""

    SIXTEEN = "standard"
    MANY = "256"
    ALL = "truecolor"


@dataclass(frozen=True, slots=True)
class Styles:
    """The SGR parameters of each kind of text; an empty string is the terminal's ordinary text."""

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

    `code_theme` names a Pygments style or is empty for the terminal's own colours; `code_colours` is false where
    code is not highlighted at all; `links` tells whether links can be followed (OSC 8);
    `unicode_maths` is false where formulas stay TeX; `prose_width` is the most cells of a row of prose; `lines` is
    false where none are drawn, since a screen reader spells each of them out.
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

    def styled(self, text: str, look: str) -> str:
        """Return the text within the escapes of a look."""
        return f"\x1b[{look}m{text}\x1b[0m" if look and text else text


PLAIN = Theme(WITHOUT_ANYTHING)


def is_plain(environ: Mapping[str, str]) -> bool:
    """Tell whether nothing can be painted: the terminal knows no escapes, or the person hears what is written."""
    return environ.get("TERM", "") in TERMINALS_WITHOUT_ESCAPES or is_accessible(environ)


def is_accessible(environ: Mapping[str, str]) -> bool:
    """Tell whether the person asked for what screen readers can read (`lmchat.settings.layers` sees to it)."""
    return environ.get(_ACCESSIBLE) == "true"


def theme_for(environ: Mapping[str, str], *, terminal: bool, colour: When = When.AUTO, code_theme: str = "") -> Theme:
    """Choose the looks for a stream.

    `--color` overrides `NO_COLOR`, that `FORCE_COLOR`, and that what the stream is. A terminal without
    colours still has bold and underlined text; a dumb one has nothing.
    """
    plain = is_plain(environ)
    capable = not plain
    if colour is When.ALWAYS or (colour is When.AUTO and forces_colour(environ)):
        coloured = True
    else:
        coloured = terminal and capable and colour is When.AUTO and not environ.get("NO_COLOR")
    if not coloured:
        looks = WITHOUT_COLOURS if terminal and capable else WITHOUT_ANYTHING
        return Theme(looks, links=terminal and _links(environ), lines=not plain)
    return Theme(
        Styles(),
        code_colours=True,
        code_theme=code_theme,
        dark=_dark(environ),
        depth=_depth(environ),
        links=terminal and _links(environ),
        lines=not plain,
    )


def forces_colour(environ: Mapping[str, str]) -> bool:
    """Tell whether colours are wanted even where the stream is no terminal."""
    return environ.get("FORCE_COLOR", "") not in ("", "0", "false") and not environ.get("NO_COLOR")


def _dark(environ: Mapping[str, str]) -> bool:
    """Read the background from `COLORFGBG` ("15;0"), which some terminals set; most are dark."""
    return environ.get("COLORFGBG", "").rpartition(";")[2] not in ("7", "15")


def _depth(environ: Mapping[str, str]) -> Depth:
    if environ.get("COLORTERM", "") in ("truecolor", "24bit"):
        return Depth.ALL
    return Depth.MANY if "256" in environ.get("TERM", "") else Depth.SIXTEEN


def is_known(environ: Mapping[str, str]) -> bool:
    """Tell whether the terminal is one of those that wrap their rows again when they are resized."""
    return (
        environ.get("TERM_PROGRAM") in _KNOWN_PROGRAMS
        or any(environ.get(mark) for mark in _KNOWN_MARKS)
        or environ.get("TERM", "").startswith(_KNOWN_TERMINALS)
    )


def _links(environ: Mapping[str, str]) -> bool:
    """Tell whether the terminal is known to follow OSC 8 links; all that is known of but one does.

    A terminal within a terminal (screen) has the marks of the outer one, and prints what it does not know.
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
