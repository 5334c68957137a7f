"""Where something stands in the settings file: file and line in front of a message.

It must not know which settings there are.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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
    """Find the line, from 1, on which `key` begins; None where it cannot be told."""
    lines = span(key, text)
    return lines[0] + 1 if lines else None


def span(key: KeyPath, text: str) -> tuple[int, int] | None:
    """Find the lines a key and its value take: the first, from 0, and the one after the last.

    tomllib keeps no lines. A key begins on the line after the longest beginning of the file that can be read by
    itself and does not have it, and ends with the shortest one that has it. The span of a table is its header.
    """
    lines = text.split("\n")  # splitlines would also split at signs that TOML allows inside of text
    for start, line in enumerate(lines):
        if key[-1] in line and _has(lines[:start], key) is False:
            for end in range(start + 1, len(lines) + 1):
                has = _has(lines[:end], key)
                if has:
                    return start, end
                if has is False:
                    break
    return None


def found(document: Mapping[str, Any], key: KeyPath) -> Any:
    """Return what stands at `key`, None where nothing does (TOML has no value like that)."""
    there: Any = document
    for part in key:
        there = there.get(part) if isinstance(there, Mapping) else None
    return there


def _has(lines: list[str], key: KeyPath) -> bool | None:
    """Tell whether some lines of TOML have a key; None where they cannot be read by themselves."""
    from tomllib import TOMLDecodeError, loads

    try:
        return found(loads("\n".join([*lines, ""])), key) is not None
    except TOMLDecodeError:
        return None
