"""Calling a person back to the terminal, by a bell or a notification of the desktop; and the title of the window."""

from collections.abc import Mapping

from lmchat.render.sanitize import sanitize_line
from lmchat.render.theme import is_known, is_plain

_BELL = "\a"
_WITH_TITLE = ("rxvt", "foot")
"""Terminals that know `OSC 777 ; notify`, of VTE besides, and not `OSC 9`."""


def called_back(environ: Mapping[str, str], *, desktop: bool, title: str, words: str) -> str:
    """Return what calls a person back; a terminal within a terminal passes on only the bell."""
    within = bool(environ.get("TMUX") or environ.get("STY"))
    if not desktop or within or is_plain(environ):
        return _BELL
    title, words = (sanitize_line(text).replace(";", ",") for text in (title, words))
    if environ.get("VTE_VERSION") or environ.get("TERM", "").startswith(_WITH_TITLE):
        return f"\x1b]777;notify;{title};{words}\a"
    return f"\x1b]9;{title}: {words}\a"


def reports_focus(environ: Mapping[str, str]) -> bool:
    """Tell whether a terminal is known to say when its window loses the focus; tmux does so only where it is set up."""
    if environ.get("TMUX") or environ.get("TERM_PROGRAM") == "Apple_Terminal":
        return False
    return is_known(environ) or bool(environ.get("XTERM_VERSION"))


def title_of(name: str, *, working: bool) -> str:
    """Return what makes a session's name the window's title, with a sign while a reply runs."""
    shown = " - ".join(filter(None, (sanitize_line(name), "lmchat")))
    return f"\x1b]2;{'… ' if working else ''}{shown}\a"
