"""The picker of sessions where no talk runs yet."""

from dataclasses import replace

from lmchat.render.terminal import moves_cursor
from lmchat.render.theme import Theme
from lmchat.repl.picker.browser import Browser, Picked
from lmchat.repl.picker.plain import chosen_by_number, typed_at
from lmchat.repl.picker.screen import screen_of
from lmchat.repl.picker.sessions import picked_session
from lmchat.store.store import Store
from lmchat.world import World


def picked_at(world: World, store: Store, theme: Theme, typed: str) -> Picked | None:
    """Let the person pick a session at the terminal; `typed` narrows the list down already."""
    if not moves_cursor(world.stderr, world.environ):
        offers = [(name, "") for name in store.names()]
        name = chosen_by_number("Which session?", offers, world.stderr.write, typed_at(world))
        return None if name is None else Picked(name)
    browser = Browser(store, replace(theme, links=False), world.now)
    return picked_session(browser, screen_of(world, colours=theme.code_colours), typed)
