"""The settings file: where it is, what it may contain, and where in it an error is."""

import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lmchat.dataclass import dataclass, field
from lmchat.errors import SettingsError, nearest
from lmchat.settings.keys import BY_NAME, HEADER, SERVER_SHAPES, Value
from lmchat.settings.shapes import Shape, misfit
from lmchat.world import World

KeyPath = tuple[str, ...]
"""A key with the tables around it, outermost first."""


def locate_error(error: SettingsError, text: str, path: Path, key: KeyPath) -> SettingsError:
    """Return the error with the file and the line before its message."""
    line = _line_of(key, text)
    where = f"{path}, line {line}" if line else f"{path}"
    return SettingsError(f"{where}: {error.message}", hint=error.advice)


def dotted(key: KeyPath) -> str:
    """Write a key as TOML does."""
    return ".".join(part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else repr(part) for part in key)


def _line_of(key: KeyPath, text: str) -> int | None:
    """Return the line, from 1, on which `key` begins, None if it cannot be found."""
    lines = key_lines(key, text)
    return lines[0] + 1 if lines else None


def key_lines(key: KeyPath, text: str) -> tuple[int, int] | None:
    """Return the lines of a key and its value: the first, from 0, and the one after the last.

    tomllib reports no lines. A key begins on the line after the longest beginning of the file that can be parsed and
    does not contain it, and ends with the shortest one that does. The lines of a table are those of its header.
    """
    lines = text.split("\n")  # splitlines would also split at characters that TOML allows inside strings
    for start, line in enumerate(lines):
        if key[-1] in line and _has(lines[:start], key) is False:
            for end in range(start + 1, len(lines) + 1):
                has = _has(lines[:end], key)
                if has:
                    return start, end
                if has is False:
                    break
    return None


def value_at(document: Mapping[str, Any], key: KeyPath) -> Any:
    """Return the value at `key`, None if there is none (TOML itself has no null)."""
    value: Any = document
    for part in key:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _has(lines: list[str], key: KeyPath) -> bool | None:
    """Tell whether lines of TOML contain a key, None if they cannot be parsed by themselves."""
    from tomllib import TOMLDecodeError, loads

    try:
        return value_at(loads("\n".join([*lines, ""])), key) is not None
    except TOMLDecodeError:
        return None


def leaves(document: Mapping[str, Any], key: KeyPath = ()) -> Iterator[tuple[KeyPath, object]]:
    """Yield every key with its value; only tables that settings have are entered."""
    for name, value in document.items():
        here = (*key, name)
        if isinstance(value, dict) and is_table(here):
            yield from leaves(value, here)
        else:
            yield here, value


def is_table(key: KeyPath) -> bool:
    """Tell whether only a table may be at `key`."""
    match key:
        case ("profile" | "mcp",) | ("profile" | "mcp", _) | ("mcp", _, "headers"):
            return True
        case _:
            return False


def check(key: KeyPath, value: object) -> None:
    """Raise SettingsError if there is no such key, or its value does not fit."""
    if wrong := misfit(shape_at(key), value):
        raise SettingsError(f"'{dotted(key)}' {wrong}.", hint="`lmchat settings edit` opens the file.")


def shape_at(key: KeyPath) -> Shape:
    """Return the shape of the value at `key`; raise SettingsError with the nearest keys if there is no such key."""
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
    raise SettingsError(f"'{dotted(key)}' is not a setting.", hint=_nearest_keys(key))


def _nearest_keys(key: KeyPath) -> str:
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
    """Return the error for a profile that is not in the file, with the nearest names; `source` says what names it."""
    known = f"Profiles: {', '.join(profiles)}." if profiles else "No [profile.NAME] is in the settings file yet."
    return SettingsError(
        f"There is no profile '{name}', which {source} names.", hint=nearest(name, list(profiles)) or known
    )


FILE_NAME = "settings.toml"
_DEEPEST = 50
LARGEST_FILE = 1_000_000
"""Bytes; a file of settings has a few thousand."""

EDIT_HINT = "`lmchat settings edit` opens the file."


@dataclass(frozen=True, slots=True)
class McpServer:
    """An ephemeral MCP server of the file; its headers are secrets and never shown."""

    label: str
    url: str = ""
    tools: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """The contents of a settings file."""

    path: Path
    values: Mapping[str, Value] = field(default_factory=dict)
    profiles: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    servers: Mapping[str, McpServer] = field(default_factory=dict)


def settings_path(world: World) -> Path:
    """Return where the settings file is, or would be."""
    return world.directories.settings / FILE_NAME


def read_file(path: Path) -> SettingsFile:
    """Read and check the settings file; one that does not exist sets nothing. Raise SettingsError for a flaw."""
    text = file_text(path)
    return SettingsFile(path) if text is None else _parse_settings(text, path)


def file_text(path: Path) -> str | None:
    """Read the text of the file with its own line ends, None if there is no file; raise SettingsError for a failure."""
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise SettingsError(f"{path} cannot be read: it is not a file.")
            data = file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from None
    if len(data) > LARGEST_FILE:
        raise SettingsError(f"{path} is too large for settings: more than {LARGEST_FILE} bytes.", hint=EDIT_HINT)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SettingsError(f"{path}, line {line}: this is not UTF-8 text.", hint=EDIT_HINT) from None


def _without_waiting(path: str, flags: int) -> int:
    """Open a path without waiting, in case it is a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def validate_text(text: str, path: Path) -> None:
    """Raise SettingsError for the first flaw in the text of a settings file; `path` is only named."""
    _parse_settings(text, path)


def _parse_settings(text: str, path: Path) -> SettingsFile:
    """Parse the text of a settings file; raise SettingsError for its first flaw."""
    document = parse_toml(text, path)
    for key, value in leaves(document):
        try:
            check(key, value)
        except SettingsError as error:
            raise locate_error(error, text, path, key) from None
    profiles = document.get("profile", {})
    chosen = document.get("default_profile", "")
    if chosen and chosen not in profiles:
        raise locate_error(
            unknown_profile(chosen, "default_profile", tuple(profiles)), text, path, ("default_profile",)
        )
    return SettingsFile(
        path,
        values={name: value for name, value in document.items() if name in BY_NAME},
        profiles=profiles,
        servers={label: _server(label, table) for label, table in document.get("mcp", {}).items()},
    )


def parse_toml(text: str, path: Path) -> dict[str, Any]:
    """Parse TOML; raise SettingsError with the line where it is broken."""
    from tomllib import TOMLDecodeError, loads

    try:
        document = loads(text)
        if _is_deep(document):
            raise RecursionError
        return document
    except TOMLDecodeError as error:
        what, _, place = str(error).partition(" (at ")
        line = re.match(r"line (\d+)", place)
        number = int(line[1]) if line else text.rstrip("\n").count("\n") + 1
        message = f"{path}, line {number}: this is not TOML: {what[:1].lower()}{what[1:]}."
        raise SettingsError(message, hint=EDIT_HINT) from None
    except RecursionError:
        raise SettingsError(f"{path}: lists or tables are nested too deeply.", hint=EDIT_HINT) from None
    except ValueError:
        raise SettingsError(f"{path}: a number has far too many digits.", hint=EDIT_HINT) from None


def _is_deep(value: object) -> bool:
    """Tell whether tables or lists are nested deeper than Python's own functions can follow."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return bool(level)


def _server(label: str, table: Mapping[str, Any]) -> McpServer:
    return McpServer(label, table.get("url", ""), tuple(table.get("tools", ())), table.get("headers", {}))
