"""Change the settings file as a careful person would: one value, with every comment left where it belongs.

A change is made to the text's lines where that is enough, otherwise by tomlkit. Either must read back as the very
document that was meant, or nothing is written.
"""

import re
from collections.abc import Callable, Iterable
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

from lmchat.errors import SettingsError
from lmchat.settings.lines import with_key, without_key
from lmchat.settings.places import KeyPath, found
from lmchat.settings.saving import write_safely
from lmchat.settings.source import EDIT_HINT, file_text, loaded, settings_path
from lmchat.settings.structure import check, is_table, shape_at, unknown_profile
from lmchat.settings.table import KEYS
from lmchat.world import World

Document = dict[str, Any]
Change = Callable[[], str]

_PART = r"""(?:"[^"]+"|'[^']+'|[^."'\s]+)"""


def edit_value(world: World, key: str, value_text: str) -> Path:
    """Set one value in the settings file, given as typed, and return the file's path.

    `key` is a setting or dotted: `profile.work.url`, `mcp.LABEL.headers.NAME`. Raise SettingsError, with nothing
    written, for an unknown key, a value that does not fit and a file that is broken.
    """
    path, text, document = _opened(world)
    where = parsed_key(key)
    value = shape_at(where).read(value_text)
    check(where, value)
    if where == ("default_profile",) and value and value not in document.get("profile", {}):
        raise unknown_profile(str(value), "default_profile", tuple(document.get("profile", {})))
    wanted = deepcopy(document)
    _put(wanted, where, value)
    by_tomlkit = partial(_by_tomlkit, text, partial(_put, key=where, value=value))
    by_line = partial(with_key, text, document, where, _written(value))
    changes = (by_line, by_tomlkit) if found(document, where) is None else (by_tomlkit,)
    write_safely(path, _first_right(changes, wanted, path))
    return path


def remove_value(world: World, key: str) -> Path:
    """Remove one value, or a whole profile or MCP server, from the settings file, and return the file's path.

    Raise SettingsError, with nothing written, where it is not set or the file is broken.
    """
    path, text, document = _opened(world)
    where = parsed_key(key)
    if where in {("profile",), ("mcp",)}:
        raise SettingsError(f"'{key}' holds every one of them.", hint=f"Name one: lmchat settings unset {key}.NAME")
    if found(document, where) is None:
        if not is_table(where):
            shape_at(where)
        raise SettingsError(f"'{key}' is not set in {path}.", hint="`lmchat settings` shows where each value is set.")
    if where == ("profile", document.get("default_profile")):
        raise SettingsError(
            f"Profile '{where[1]}' is the default profile.", hint="First: lmchat settings unset default_profile"
        )
    wanted = deepcopy(document)
    _take(wanted, where)
    by_line = partial(without_key, text, document, where)
    by_tomlkit = partial(_by_tomlkit, text, partial(_take, key=where))
    write_safely(path, _first_right((by_line, by_tomlkit), wanted, path))
    return path


def parsed_key(key: str) -> KeyPath:
    """Split a dotted key, whose parts may be quoted, such as `profile."my box".url`."""
    if not re.fullmatch(rf"{_PART}(?:\.{_PART})*", key):
        raise SettingsError(f"{key!r} is not a setting.", hint="`lmchat settings` lists them.")
    return tuple(part.strip("\"'") for part in re.findall(_PART, key))


def starting_text() -> str:
    """Return a settings file that sets nothing, with every setting in a comment: what an editor opens at first."""
    lines = ["# Settings of lmchat; remove the # in front of a line to set it.", ""]
    for key in KEYS:
        lines += [f"# {key.help}", f"# {key.name} = {key.example}", ""]
    lines += ["# [profile.work]", '# url = "http://192.168.1.20:1234"', '# token_env = "WORK_TOKEN"', ""]
    lines += ["# [mcp.search]", '# headers = { Authorization = "Bearer …" }', ""]
    return "\n".join(lines)


def _opened(world: World) -> tuple[Path, str, Document]:
    path = settings_path(world)
    text = file_text(path) or ""
    return path, text, loaded(text, path)


def _first_right(changes: Iterable[Change], wanted: Document, path: Path) -> str:
    """Return the first changed text that reads as the document that is wanted."""
    for change in changes:
        text = change()
        try:
            if loaded(text, path) == wanted:
                return text
        except SettingsError:
            continue
    raise SettingsError(f"{path} is written in a way that this change does not fit into.", hint=EDIT_HINT)


def _by_tomlkit(text: str, change: Callable[[Any], None]) -> str:
    """Let tomlkit change the text; return it as it is where tomlkit cannot."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        whole = tomlkit.parse(text)
        change(whole)
        return tomlkit.dumps(whole)
    except (TOMLKitError, LookupError, TypeError, ValueError):
        return text


def _written(value: object) -> str:
    import tomlkit

    return tomlkit.item(value).as_string()


def _put(document: Any, key: KeyPath, value: object) -> None:
    for part in key[:-1]:
        document = document.setdefault(part, {})
    document[key[-1]] = value


def _take(document: Any, key: KeyPath) -> None:
    table = found(document, key[:-1])
    del table[key[-1]]
    if not table and len(key) == 2:
        del document[key[0]]
