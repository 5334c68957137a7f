"""Which keys a settings file may hold, in which tables, and what their values look like."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lmchat.errors import SettingsError, nearest
from lmchat.settings.places import KeyPath, dotted
from lmchat.settings.shapes import Shape, misfit
from lmchat.settings.table import BY_NAME, HEADER, SERVER_SHAPES


def leaves(document: Mapping[str, Any], key: KeyPath = ()) -> Iterator[tuple[KeyPath, object]]:
    """Walk over every key with its value, into those tables only that settings have."""
    for name, value in document.items():
        here = (*key, name)
        if isinstance(value, dict) and is_table(here):
            yield from leaves(value, here)
        else:
            yield here, value


def is_table(key: KeyPath) -> bool:
    """Tell whether a table stands at `key`, if anything does."""
    match key:
        case ("profile" | "mcp",) | ("profile" | "mcp", _) | ("mcp", _, "headers"):
            return True
        case _:
            return False


def check(key: KeyPath, value: object) -> None:
    """Raise SettingsError where no such key may be, or its value does not fit."""
    if wrong := misfit(shape_at(key), value):
        raise SettingsError(f"'{dotted(key)}' {wrong}.", hint="`lmchat settings edit` opens the file.")


def shape_at(key: KeyPath) -> Shape:
    """Return what the value at `key` must look like; raise SettingsError with the nearest keys where none may be."""
    match key:
        case (name,) if name in BY_NAME:
            return BY_NAME[name].shape
        case ("profile", _, name) if name in _profile_names():
            return BY_NAME[name].shape
        case ("mcp", _, "headers", name) if re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
            return HEADER
        case ("mcp", _, name) if name in SERVER_SHAPES:
            return SERVER_SHAPES[name]
        case _:
            pass
    if is_table(key):
        example = {"profile": 'url = "http://…"', "mcp": 'url = "https://…"'}[key[0]]
        name = dotted(key) if len(key) > 1 else f"{key[0]}.NAME"
        chooses = " default_profile chooses one." if key == ("profile",) else ""
        raise SettingsError(f"'{dotted(key)}' must be a table.", hint=f"Write [{name}], then {example}.{chooses}")
    raise SettingsError(f"'{dotted(key)}' is not a setting.", hint=_near(key))


def _near(key: KeyPath) -> str:
    match key:
        case ("profile", _, *_):
            known = _profile_names()
        case ("mcp", _, *_):
            known = [*SERVER_SHAPES, "headers"]
        case _:
            known, key = [*BY_NAME, "profile", "mcp"], key[:1]
    return nearest(key[-1], known) or f"Known here: {', '.join(known)}."


def _profile_names() -> list[str]:
    return [key.name for key in BY_NAME.values() if key.in_profile]


def unknown_profile(name: str, source: str, profiles: Sequence[str]) -> SettingsError:
    """Make the error for a profile that the file does not have, with the nearest names; `source` says what names it."""
    known = f"Profiles: {', '.join(profiles)}." if profiles else "No [profile.NAME] is in the settings file yet."
    return SettingsError(
        f"There is no profile '{name}', which {source} names.", hint=nearest(name, list(profiles)) or known
    )
