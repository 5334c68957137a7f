"""Who looks away is called back after a long reply; the window's title shows that one runs."""

from collections.abc import Iterator
from contextlib import contextmanager

from lmchat.render.messages import called_back, reports_focus, title_of
from lmchat.repl.state import ReplState


@contextmanager
def at_work(state: ReplState) -> Iterator[None]:
    """Show in the title that a reply runs, for a block, where lmchat sets a title."""
    titled = is_titled(state)
    if titled:
        state.write(title_of(state.session.name, working=True))
    try:
        yield
    finally:
        if titled:
            state.write(title_of(state.session.name, working=False))


def is_titled(state: ReplState) -> bool:
    """Tell whether lmchat sets the window's title."""
    return state.conversation.settings.flag("title") and state.keyboard.terminal.escapes


def call_back(state: ReplState, seconds: float) -> None:
    """Call the person back after a reply that took so many seconds, if that is wanted and they look elsewhere.

    Where a terminal does not say so, they are called back in any case.
    """
    settings, environ = state.conversation.settings, state.conversation.world.environ
    how = settings.text("notify")
    if how == "off" or seconds < (settings.number("notify_after") or 0):
        return
    name = state.session.name or "a private conversation"
    sign = called_back(environ, desktop=how == "desktop", title="lmchat", words=f"{name} has an answer")
    state.keyboard.typed_ahead()  # what the terminal said meanwhile is among the keys that wait
    focused = state.keyboard.focused
    if not (reports_focus(environ) if focused is None else focused):
        state.keyboard.terminal.sign(sign)
