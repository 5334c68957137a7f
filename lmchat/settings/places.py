"""Where something stands in the settings file: file and line in front of a message.

It must not know which settings there are.
"""

import re
from pathlib import Path

from lmchat.errors import SettingsError

KeyPath = tuple[str, ...]
"""A key with the tables it stands in, outermost first."""


def placed(error: SettingsError, text: str, path: Path, key: KeyPath) -> SettingsError:
    """Return the error with file and line in front of its message."""
    line = line_of(key, text)
    where = f"{path}, line {line}" if line else f"{path}"
    return SettingsError(f"{where}: {error.message}", hint=error.hint)


def dotted(key: KeyPath) -> str:
    """Write a key as TOML does."""
    return ".".join(part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else repr(part) for part in key)


def line_of(key: KeyPath, text: str) -> int | None:
    """Find the line, from 1, on which `key` begins; None where it cannot be told.

    tomllib keeps no lines. A key begins on the line after the longest beginning of the file that can be read by
    itself and does not have it.
    """
    lines = text.split("\n")  # splitlines would also split at signs that TOML allows inside of text
    for index, line in enumerate(lines):
        if key[-1] in line and _has(lines[:index], key) is False:
            ends = (_has(lines[: end + 1], key) for end in range(index, len(lines)))
            if next((has for has in ends if has is not None), False):
                return index + 1
    return None


def _has(lines: list[str], key: KeyPath) -> bool | None:
    """Tell whether some lines of TOML have a key; None where they cannot be read by themselves."""
    from tomllib import TOMLDecodeError, loads

    try:
        found: object = loads("\n".join(lines))
    except TOMLDecodeError:
        return None
    for part in key:
        if not isinstance(found, dict) or part not in found:
            return False
        found = found[part]
    return True
