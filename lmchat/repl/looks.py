"""How the input line, its menu and its toolbar look."""

from prompt_toolkit.styles import Style

_LOOKS = {
    "prompt": "bold ansicyan",
    "continuation": "dim",
    "status": "dim",
    # "noinherit": prompt_toolkit's own menu is grey on grey.
    "completion-menu": "noinherit",
    "completion-menu.completion": "noinherit",
    "completion-menu.completion.current": "noinherit reverse",
    "completion-menu.meta.completion": "noinherit dim",
    "completion-menu.meta.completion.current": "noinherit reverse",
    "scrollbar.background": "noinherit",
    "scrollbar.button": "noinherit bg:ansibrightblack",
}


def style(*, colours: bool) -> Style:
    """Return the looks; without colours, grey would look like what was typed."""
    return Style.from_dict({**_LOOKS, "auto-suggestion": "ansibrightblack" if colours else "dim"})
