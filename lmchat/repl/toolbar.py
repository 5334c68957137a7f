"""The line below the input: where one is, in as much room as there is.

It is drawn on every key, so it only puts together what is known already.
"""

from collections.abc import Sequence

from prompt_toolkit.styles import Style

from lmchat.dataclass import dataclass
from lmchat.render.text import cells, sanitize_line, shorten

_GAP = " · "
_SHORTEST_NAME = 8
_THOUSAND = 1000


@dataclass(frozen=True, slots=True)
class Status:
    """What the toolbar says; what is empty or None is left out.

    `changing` is the turn whose prompt is being changed.
    """

    session: str
    model: str = ""
    turn: int | None = None
    used: int | None = None
    context: int | None = None
    attached: Sequence[str] = ()
    changing: int | None = None
    private: bool = False


def toolbar(status: Status, width: int) -> str:
    """Write the line within `width` cells: the least important goes first, then names are shortened."""
    session = sanitize_line(status.session)
    # What goes first where the window is narrow comes last here.
    ranked = [
        ("changing", f"changing turn {status.changing}" if status.changing is not None else ""),
        ("session", session),
        ("used", context_words(status.used, status.context)),
        ("attached", _attached(status.attached)),
        ("turn", f"turn {status.turn}" if status.turn is not None else ""),
        ("private", "private" if status.private else ""),
        ("model", sanitize_line(status.model)),
    ]
    wanted = {name: text for name, text in ranked if text}
    for name in [name for name, _ in reversed(ranked) if name in wanted]:
        if _width(wanted) <= width:
            break
        room = cells(wanted[name]) - (_width(wanted) - width)
        if name in {"model", "session"} and room >= _SHORTEST_NAME:
            wanted[name] = shorten(wanted[name], room)
        elif len(wanted) > 1:
            del wanted[name]
    order = ("changing", "session", "private", "model", "turn", "used", "attached")
    return shorten(_GAP.join(wanted[name] for name in order if name in wanted), width)


def context_words(used: int | None, context: int | None) -> str:
    """Say how full the context is: `34 % of 8.2k`, or the tokens alone where its size is not known."""
    if used is None:
        return ""
    return f"{used / context:.0%} of {_short(context)}" if context else f"{_short(used)} tokens"


def _short(tokens: int) -> str:
    return f"{tokens / _THOUSAND:.1f}k".replace(".0k", "k") if tokens >= _THOUSAND else str(tokens)


def _attached(names: Sequence[str]) -> str:
    named = ", ".join(sanitize_line(name) for name in names)
    return f"attached: {shorten(named, 30)}" if named else ""


def _width(wanted: dict[str, str]) -> int:
    return sum(map(cells, wanted.values())) + len(_GAP) * (len(wanted) - 1)


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
