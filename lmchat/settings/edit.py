"""Changes to the settings file: one value at a time, with every comment left in its place.

A change is made to the lines of the text if that is enough, otherwise by tomlkit (which would put a new key below the
next table's comment). Either must read back as exactly the wanted document, or nothing is written.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

from lmchat.advice import in_shell
from lmchat.errors import LmchatError, SettingsError
from lmchat.settings.file import (
    EDIT_HINT,
    KeyPath,
    check,
    dotted,
    file_text,
    is_table,
    key_lines,
    locate_error,
    parse_toml,
    settings_path,
    shape_at,
    unknown_profile,
    value_at,
)
from lmchat.settings.keys import KEYS
from lmchat.world import World, replace_file


def _with_key(text: str, document: Mapping[str, Any], key: KeyPath, value: str) -> str:
    """Return the text with a key added after the last one of its table; a new table goes to the end.

    `document` is the parsed text, `value` is TOML. The first key outside tables goes before all of them.
    """
    lines = _split(text)
    new = [f"{dotted(key[-1:])} = {value}"]
    table = value_at(document, key[:-1])
    if table is None:
        at, new = len(lines), [*([""] if lines else []), f"[{dotted(key[:-1])}]", *new]
    else:
        siblings = [place for name in table if (place := key_lines((*key[:-1], name), text))]
        header = key_lines(key[:-1], text) if key[:-1] else None
        own = [end for start, end in siblings if not lines[start].lstrip().startswith("[")]
        at = max([*own, header[1] if header else -1])
        if at < 0:
            at = _after_heading(lines)
            new = [*new, ""] if at < len(lines) else new
    return _joined([*lines[:at], *new, *lines[at:]], text)


def _without_key(text: str, document: Mapping[str, Any], key: KeyPath) -> str:
    """Return the text without the lines of a key, or those of a table from its header to its last key."""
    spans = [place for each in _keys_within(document, key) if (place := key_lines(each, text))]
    if not spans:
        return text
    lines = _split(text)
    return _joined(lines[: spans[0][0]] + lines[max(end for _, end in spans) :], text)


def _keys_within(document: Mapping[str, Any], key: KeyPath) -> Iterator[KeyPath]:
    """Yield a key and every key below it."""
    yield key
    table = value_at(document, key)
    for name in table if isinstance(table, dict) else ():
        yield from _keys_within(document, (*key, name))


def _after_heading(lines: list[str]) -> int:
    """Return the line after the comments at the top of a file, if a blank line separates them from what follows."""
    heading = next((index for index, line in enumerate(lines) if not line.startswith("#")), len(lines))
    if heading == len(lines):
        return heading
    return heading + 1 if heading and not lines[heading].strip() else 0


def _split(text: str) -> list[str]:
    lines = re.split(r"\r?\n", text)
    return lines if lines[-1] else lines[:-1]


def _joined(lines: list[str], like: str) -> str:
    """Join lines with the line ends of another text."""
    ending = "\r\n" if "\r\n" in like else "\n"
    return "".join(f"{line}{ending}" for line in lines)


def write_safely(path: Path, text: str) -> None:
    """Replace the text of a file at once; raise LmchatError if it cannot be written."""
    try:
        replace_file(path, text)
    except (OSError, RuntimeError) as error:
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: Exception) -> LmchatError:
    """Return the error for a refusal of the system; nothing is wrong with the settings."""
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return LmchatError(f"{path} cannot be written: {reason}.", hint="Nothing was changed.")


Document = dict[str, Any]
Change = Callable[[], str]

_PART = r"""(?:"[^"]+"|'[^']+'|[^."'\s]+)"""


def edit_value(world: World, key: str, value_text: str) -> Path:
    """Set one value in the settings file, given as typed, and return the file's path.

    `key` is a setting or dotted: `profile.work.url`, `mcp.LABEL.headers.NAME`. Raise SettingsError, with nothing
    written, for an unknown key, a value that does not fit and a file that is broken.
    """
    path, text, document = _read(world)
    where = _split_key(key)
    _require_tables(document, where if where != ("default_profile",) else ("profile", ""), text, path)
    value = shape_at(where).read(value_text)
    check(where, value)
    if where == ("default_profile",) and value and value not in document.get("profile", {}):
        raise unknown_profile(str(value), "default_profile", tuple(document.get("profile", {})))
    wanted = deepcopy(document)
    _set(wanted, where, value)
    by_tomlkit = partial(_by_tomlkit, text, partial(_set, key=where, value=value))
    by_line = partial(_with_key, text, document, where, _toml(value))
    changes = (by_line, by_tomlkit) if value_at(document, where) is None else (by_tomlkit,)
    write_safely(path, _first_faithful(changes, wanted, path))
    return path


def remove_value(world: World, key: str) -> Path:
    """Remove one value, or a whole profile or MCP server, from the settings file, and return the file's path.

    Raise SettingsError, with nothing written, if it is not set or the file is broken.
    """
    path, text, document = _read(world)
    where = _split_key(key)
    if where in {("profile",), ("mcp",)}:
        raise SettingsError(
            f"'{key}' is a table of several.", hint=f"Name one: lmchat settings unset {in_shell(f'{key}.NAME')}"
        )
    if value_at(document, where) is None:
        if not is_table(where):
            shape_at(where)
        raise SettingsError(f"'{key}' is not set in {path}.", hint="`lmchat settings` shows where each value is set.")
    if where == ("profile", document.get("default_profile")):
        raise SettingsError(
            f"Profile '{where[1]}' is the default profile.", hint="First: lmchat settings unset default_profile"
        )
    wanted = deepcopy(document)
    _remove(wanted, where)
    by_line = partial(_without_key, text, document, where)
    by_tomlkit = partial(_by_tomlkit, text, partial(_remove, key=where))
    write_safely(path, _first_faithful((by_line, by_tomlkit), wanted, path))
    return path


def _split_key(key: str) -> KeyPath:
    """Split a dotted key, whose parts may be quoted, such as `profile."my box".url`."""
    if not key.isprintable() or not re.fullmatch(rf"{_PART}(?:\.{_PART})*", key):
        raise SettingsError(f"{key!r} is not a setting.", hint="`lmchat settings` lists them.")
    return tuple(part.strip("\"'") for part in re.findall(_PART, key))


def starting_text() -> str:
    """Return a settings file with every setting in a comment, which an editor opens the first time."""
    lines = ["# Settings of lmchat; remove the # in front of a line to set it.", ""]
    for key in KEYS:
        lines += [f"# {key.help}", f"# {key.name} = {key.example}", ""]
    lines += ["# [profile.work]", '# url = "http://192.168.1.20:1234"', '# token_env = "WORK_TOKEN"', ""]
    lines += [
        "# [mcp.search]",
        '# url = "https://search.example.com/mcp"',
        '# headers = { Authorization = "Bearer …" }',
        "",
    ]
    return "\n".join(lines)


def _read(world: World) -> tuple[Path, str, Document]:
    path = settings_path(world)
    text = file_text(path) or ""
    return path, text, parse_toml(text, path)


def _require_tables(document: Document, key: KeyPath, text: str, path: Path) -> None:
    """Raise SettingsError if what must be a table around a key is something else."""
    for length in range(1, len(key)):
        outer = key[:length]
        value = value_at(document, outer)
        if is_table(outer) and value is not None and not isinstance(value, dict):
            try:
                shape_at(outer)
            except SettingsError as error:
                raise locate_error(error, text, path, outer) from None


def _first_faithful(changes: Iterable[Change], wanted: Document, path: Path) -> str:
    """Return the first changed text that reads back as the wanted document; raise SettingsError if none does."""
    for change in changes:
        text = change()
        try:
            if parse_toml(text, path) == wanted:
                return text
        except SettingsError:
            continue
    raise SettingsError(f"{path} is written in a way that does not allow this change.", hint=EDIT_HINT)


def _by_tomlkit(text: str, change: Callable[[Any], None]) -> str:
    """Let tomlkit change the text; return it unchanged if tomlkit cannot."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        whole = tomlkit.parse(text)
        change(whole)
        return tomlkit.dumps(whole)
    except (TOMLKitError, LookupError, TypeError, ValueError):
        return text


def _toml(value: object) -> str:
    import tomlkit

    return tomlkit.item(value).as_string()


def _set(document: Any, key: KeyPath, value: object) -> None:
    for part in key[:-1]:
        document = document.setdefault(part, {})
    document[key[-1]] = value


def _remove(document: Any, key: KeyPath) -> None:
    table = value_at(document, key[:-1])
    del table[key[-1]]
    if not table and len(key) == 2:
        del document[key[0]]
