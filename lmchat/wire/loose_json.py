"""Reading JSON that others wrote: whatever is there, a value of the wanted type comes out.

A character that a server tears between two pieces of a reply (`"\\ud83d"`, `"\\ude00"`) is joined again.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from lmchat.chat.values import SurrogateJoiner, join_surrogates

_LARGEST = 2**63

_MOST_VALUES = 200_000
"""Values in one JSON text: 10 to 230 bytes of memory each, however few bytes they were sent in."""

_DEEPEST = 100

_DECODER = json.JSONDecoder()

_BRACKET = re.compile(r"[\[\]{}]")
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"', re.DOTALL)


def parse_json(text: str) -> Any:
    """Return the value of a JSON text without lone surrogates, which no disk or terminal takes.

    Raise ValueError where it is no JSON, or nested too deeply or divided too finely to read.
    """
    if len(text) > _DEEPEST and _too_deep(text):
        raise ValueError("nested too deeply")
    if len(text) > _MOST_VALUES and _values(text) > _MOST_VALUES and _values(_STRING.sub("", text)) > _MOST_VALUES:
        raise ValueError("too many values")
    try:
        # Half the time of `json.loads`, which an event of a stream needs only where blanks are around it.
        value, end = _DECODER.raw_decode(text) if text.startswith("{") else (None, -1)
        if end != len(text):
            value = json.loads(text)
        return _without_surrogates(value) if "\\u" in text and "\\ud" in text.lower() else value
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _too_deep(text: str) -> bool:
    """Tell whether a JSON text is nested so deeply that functions that walk through its value may fail."""
    if text.count("[") + text.count("{") <= _DEEPEST:
        return False
    depth = 0
    for bracket in _BRACKET.finditer(_STRING.sub("", text)):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > _DEEPEST:
            return True
    return False


def _values(text: str) -> int:
    """Return about how many values a JSON text has; at least as many as it has where its strings are left in."""
    return text.count(",") + text.count("[") + text.count("{")


def _without_surrogates(value: Any) -> Any:
    written = json.dumps(value, ensure_ascii=False)
    return json.loads(join_surrogates(written))


def text(value: object) -> str:
    """Return a string as it is, a number as its digits, anything else as nothing."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return ""


def number(value: object) -> float | int | None:
    """Return a number that can be kept (also one written as a string), None where there is none."""
    if isinstance(value, str):
        try:
            value = float(value) if "." in value or "e" in value.lower() else int(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # No disk keeps a larger number, and NaN is smaller than nothing.
    return value if abs(value) < _LARGEST else None


def integer(value: object) -> int | None:
    """Return a whole number, None where there is none."""
    found = number(value)
    return None if found is None else int(found)


def decimal(value: object) -> float | None:
    """Return a number as a float, None where there is none."""
    found = number(value)
    return None if found is None else float(found)


def truth(value: object) -> bool | None:
    """Return a bool, None where there is none."""
    return value if isinstance(value, bool) else None


def mapping(value: object) -> Mapping[str, Any]:
    """Return a JSON object, an empty one where there is none."""
    return value if isinstance(value, dict) else {}


def sequence(value: object) -> Iterable[Any]:
    """Return a JSON array, an empty one where there is none."""
    return value if isinstance(value, list) else ()


_PIECES = frozenset({"content", "delta", "reasoning", "reasoning_content"})
"""Members that have the next characters of a text, in one API or another."""


class TornCharacters:
    """What joins characters that are torn between two events of one stream; `waiting` says that one may be."""

    def __init__(self) -> None:
        self.waiting = False
        self._kind = ""
        self._joiners: dict[str, SurrogateJoiner] = {}

    def joined(self, kind: str, data: Mapping[str, Any], written: str) -> Mapping[str, Any]:
        """Return an event's data, in which a half waits for the next event; `written` is the JSON it was read from.

        Events in which nothing is escaped may be left out while nothing is waiting.
        """
        if kind != self._kind:
            self._kind, self._joiners = kind, {}
        if kind.endswith(".delta") or "choices" in data:
            torn = "\\ud" in written.lower()
            if torn or self.waiting:
                data = self._join(json.loads(written) if torn else data, "")
        self.waiting = any(joiner.held for joiner in self._joiners.values())
        return data

    def _join(self, value: Any, name: str) -> Any:
        match value:
            case str() if name in _PIECES:
                return self._joiners.setdefault(name, SurrogateJoiner()).feed(value)
            case str():
                return join_surrogates(value)
            case list():
                return [self._join(each, name) for each in value]
            case dict():
                return {join_surrogates(key): self._join(each, key) for key, each in value.items()}
            case _:
                return value
