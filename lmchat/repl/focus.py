"""What a terminal says of the focus of its window (`ESC [ ? 1004 h` asks for it) among the keys that are typed."""

_FOCUS = {"\x1b[I": True, "\x1b[O": False}
"""What is sent when the window gets and when it loses the focus."""


def focus_in(data: str, before: bool | None) -> bool | None:
    """Return whether the window has the focus after what came from the terminal; None where it never said so."""
    place, latest = max((data.rfind(sequence), sequence) for sequence in _FOCUS)
    return before if place < 0 else _FOCUS[latest]
