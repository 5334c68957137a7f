"""How listings look on stdout: colours as `--color` and the environment say, cut to a terminal's width."""

from lmchat.cli.call import Call
from lmchat.render.terminal import size_of
from lmchat.render.theme import Theme, When, theme_for


def theme_of(call: Call) -> Theme:
    """Choose the looks for stdout."""
    world = call.world
    return theme_for(world.environ, terminal=world.stdout.isatty(), colour=When(call.color or When.AUTO.value))


def width_of(call: Call) -> int | None:
    """Return the width of the terminal, None in a pipe, where nothing is cut."""
    world = call.world
    return size_of(world.stdout, world.environ)()[0] if world.stdout.isatty() else None
