"""Add a key to TOML text, or leave one out, line by line: every other line stays as it is, comments included.

It must not know which settings there are, nor whether the outcome is what was meant: whoever asks reads it back.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from lmchat.settings.places import KeyPath, dotted, found, span


def with_key(text: str, document: Mapping[str, Any], key: KeyPath, value: str) -> str:
    """Add a key after the last one of its table; a new table goes to the end, a first key before all tables.

    `document` is the text as it was read, `value` is written as TOML.
    """
    lines = _split(text)
    new = [f"{dotted(key[-1:])} = {value}"]
    table = found(document, key[:-1])
    if table is None:
        at, new = len(lines), [*([""] if lines else []), f"[{dotted(key[:-1])}]", *new]
    else:
        siblings = [taken for name in table if (taken := span((*key[:-1], name), text))]
        header = span(key[:-1], text) if key[:-1] else None
        own = [end for start, end in siblings if not lines[start].lstrip().startswith("[")]
        at = max([*own, header[1] if header else -1])
        if at < 0:
            at = _after_heading(lines)
            new = [*new, ""] if at < len(lines) else new
    return _joined([*lines[:at], *new, *lines[at:]], text)


def without_key(text: str, document: Mapping[str, Any], key: KeyPath) -> str:
    """Leave out the lines of a key, or those of a table from its header to its last key."""
    spans = [taken for each in _inside(document, key) if (taken := span(each, text))]
    if not spans:
        return text
    lines = _split(text)
    return _joined(lines[: spans[0][0]] + lines[max(end for _, end in spans) :], text)


def _inside(document: Mapping[str, Any], key: KeyPath) -> Iterator[KeyPath]:
    """Walk over a key and every key below it."""
    yield key
    table = found(document, key)
    for name in table if isinstance(table, dict) else ():
        yield from _inside(document, (*key, name))


def _after_heading(lines: list[str]) -> int:
    """Find the line after the comments a file begins with, where a blank line parts them from what follows."""
    heading = next((index for index, line in enumerate(lines) if not line.startswith("#")), len(lines))
    if heading == len(lines):
        return heading
    return heading + 1 if heading and not lines[heading].strip() else 0


def _split(text: str) -> list[str]:
    lines = re.split(r"\r?\n", text)
    return lines if lines[-1] else lines[:-1]


def _joined(lines: list[str], like: str) -> str:
    """Join lines with the line ends that another text has."""
    ending = "\r\n" if "\r\n" in like else "\n"
    return "".join(f"{line}{ending}" for line in lines)
