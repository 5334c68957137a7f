"""The settings file: read, checked, and every flaw named by file, line, key and the nearest known key.

It must not know what stands above the file.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lmchat.errors import SettingsError
from lmchat.settings.places import placed
from lmchat.settings.structure import check, leaves, unknown_profile
from lmchat.settings.table import BY_NAME, Value
from lmchat.world import World

FILE_NAME = "settings.toml"
EDIT_HINT = "`lmchat settings edit` opens the file."


@dataclass(frozen=True, slots=True)
class McpServer:
    """Hold what the file knows of an ephemeral MCP server; its headers are secrets and never shown."""

    label: str
    url: str = ""
    tools: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Source:
    """Hold what a settings file says."""

    path: Path
    values: Mapping[str, Value] = field(default_factory=dict)
    profiles: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    servers: Mapping[str, McpServer] = field(default_factory=dict)


def settings_path(world: World) -> Path:
    """Return where the settings file is, or would be."""
    return world.directories.settings / FILE_NAME


def read_source(path: Path) -> Source:
    """Read and check the settings file; one that does not exist says nothing. Raise SettingsError for a flaw."""
    text = file_text(path)
    return Source(path) if text is None else parsed(text, path)


def file_text(path: Path) -> str | None:
    """Read the file's text with its own line ends, None where there is no file; raise SettingsError otherwise."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SettingsError(f"{path}, line {line}: this is not UTF-8 text.", hint=EDIT_HINT) from None


def validate_text(text: str, path: Path) -> None:
    """Raise SettingsError for the first flaw of a settings file's text; `path` is only named."""
    parsed(text, path)


def parsed(text: str, path: Path) -> Source:
    """Read a settings file's text and raise SettingsError for its first flaw."""
    document = loaded(text, path)
    for key, value in leaves(document):
        try:
            check(key, value)
        except SettingsError as error:
            raise placed(error, text, path, key) from None
    profiles = document.get("profile", {})
    chosen = document.get("default_profile", "")
    if chosen and chosen not in profiles:
        raise placed(unknown_profile(chosen, "default_profile", tuple(profiles)), text, path, ("default_profile",))
    return Source(
        path,
        values={name: value for name, value in document.items() if name in BY_NAME},
        profiles=profiles,
        servers={label: _server(label, table) for label, table in document.get("mcp", {}).items()},
    )


def loaded(text: str, path: Path) -> dict[str, Any]:
    """Read TOML; raise SettingsError with the line where it is broken."""
    from tomllib import TOMLDecodeError, loads

    try:
        return loads(text)
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


def _server(label: str, table: Mapping[str, Any]) -> McpServer:
    return McpServer(label, table.get("url", ""), tuple(table.get("tools", ())), table.get("headers", {}))
