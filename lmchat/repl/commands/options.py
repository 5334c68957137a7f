"""The sampling options as they are typed, checked by the API's ranges (one table with the settings)."""

from dataclasses import replace

from lmchat.chat.values import Options
from lmchat.errors import BadUseError, nearest
from lmchat.settings.shapes import misfit
from lmchat.settings.table import SAMPLING, Key

OPTIONS = {key.name: key for key in SAMPLING}


def option_named(name: str) -> Key:
    """Find an option, however its dashes are written; raise BadUseError, with the nearest names, for none."""
    written = name.lstrip("-").replace("-", "_").lower()
    if written not in OPTIONS:
        hint = nearest(written, list(OPTIONS)) or f"There are: {', '.join(OPTIONS)}."
        raise BadUseError(f"There is no option '{name}'.", hint=hint)
    return OPTIONS[written]


def with_option(options: Options, name: str, text: str) -> Options:
    """Return the options with one set to what was typed; raise BadUseError where it does not fit."""
    key = option_named(name)
    value = key.shape.read(text)
    if wrong := misfit(key.shape, value):
        raise BadUseError(f"{key.name} {wrong}.", hint=key.help)
    return replace(options, **{key.name: value})  # type: ignore[arg-type]  # it fits the option's shape
