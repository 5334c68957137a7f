"""The setting `accessible`, asked before all others: it decides how even their flaws are shown."""

from contextlib import suppress
from dataclasses import replace

from lmchat.errors import SettingsError
from lmchat.settings.file import file_text, parse_toml, settings_path
from lmchat.settings.keys import BY_NAME
from lmchat.world import World

_KEY = BY_NAME["accessible"]


def made_accessible(world: World) -> World:
    """Return the world, with the variable set to `true` where the variable or the settings file asks for it.

    What cannot be read asks for nothing; that is said where settings are read.
    """
    wanted: object = None
    if typed := world.environ.get(_KEY.variable):
        wanted = _KEY.shape.read(typed)
    else:
        path = settings_path(world)
        with suppress(SettingsError):
            text = file_text(path) or ""
            # Most files do not have it, and need not be parsed twice.
            wanted = parse_toml(text, path).get(_KEY.name) if _KEY.name in text else None
    return replace(world, environ={**world.environ, _KEY.variable: "true"}) if wanted is True else world
