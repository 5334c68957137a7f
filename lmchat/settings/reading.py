"""Put the layers together: flags, environment, profile and file, for one run of the program."""

from collections.abc import Mapping
from dataclasses import replace

from lmchat.settings.layers import Settings, layer
from lmchat.settings.source import read_source, settings_path
from lmchat.settings.structure import unknown_profile
from lmchat.settings.table import BY_NAME, KEYS, TOKEN_VARIABLE
from lmchat.world import World

NO_FLAGS: Mapping[str, object] = {}


def read_settings(world: World, *, flags: Mapping[str, object] = NO_FLAGS, profile: str | None = None) -> Settings:
    """Read what holds for this run; flags go by the settings' names, and None means not given.

    `profile` is what `--profile` said. Raise SettingsError for a broken file, a value that does not fit and a profile
    that does not exist, KeyError for a flag that is no setting.
    """
    source = read_source(settings_path(world))
    file_name = source.path.name
    given = {name: value for name, value in {**flags, "default_profile": profile}.items() if _is_given(name, value)}
    variables = {key.name: key.variable for key in KEYS if world.environ.get(key.variable)}
    settings = Settings(
        source.path,
        flags=layer(given, {name: BY_NAME[name].option_for(value) for name, value in given.items()}),
        environment=layer({name: world.environ[variable] for name, variable in variables.items()}, variables),
        file=layer(source.values, dict.fromkeys(source.values, file_name)),
        servers=source.servers,
        has_token=bool(world.environ.get(TOKEN_VARIABLE)),
    )
    name = settings.profile
    if not name:
        return settings
    if name not in source.profiles:
        raise unknown_profile(name, settings.source("default_profile"), tuple(source.profiles))
    values = source.profiles[name]
    return replace(settings, of_profile=layer(values, dict.fromkeys(values, f"profile '{name}' in {file_name}")))


def _is_given(name: str, value: object) -> bool:
    """Tell whether a flag was given; an empty variable of a script counts as none, an empty system prompt is one."""
    return value is not None and (value != "" or name == "system")
