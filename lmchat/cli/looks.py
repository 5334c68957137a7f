"""How listings look on stdout: colours as the settings and the environment say, cut to a terminal's width."""

from lmchat.cli.call import Call
from lmchat.cli.house import settings_of
from lmchat.render.terminal import size_of
from lmchat.render.theme import Theme, When, theme_for


def theme_of(call: Call) -> Theme:
    """Choose the looks for stdout; raise SettingsError where `color` is none of its three words."""
    colour = When(settings_of(call).text("color"))
    return theme_for(call.world.environ, terminal=call.world.stdout.isatty(), colour=colour)


def width_of(call: Call) -> int | None:
    """Return the width of the terminal, None in a pipe, where nothing is cut."""
    world = call.world
    return size_of(world.stdout, world.environ)()[0] if world.stdout.isatty() else None
