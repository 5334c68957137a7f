"""What a reader makes of another program's file: conversations as messages in a tree, and what has no place here.

The functions read JSON that may be of any form: what is of the wrong type counts as missing.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

from lmchat.chat.values import Image, Message, Reasoning, Stats
from lmchat.dataclass import dataclass, field
from lmchat.store.database import microseconds, moment

LeftOut = Counter[str]
"""How many parts of which kind were left out."""

_MILLISECONDS = 1e11
"""Seconds since 1970 are below this number until the year 5138, milliseconds are above it since 1973."""

LARGEST_PICTURE = 100_000_000
"""Bytes of a picture that is read."""

_DEEPEST = 20


class Role(Enum):
    """What a message is: asked, answered (by the model or a tool), a system prompt, or nothing that is shown."""

    USER = "user"
    REPLY = "reply"
    SYSTEM = "system"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call; `key` is what its result names it by, empty where the result just follows."""

    key: str
    tool: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool answered."""

    key: str
    tool: str
    output: str


Part = Message | Reasoning | Call | Result


@dataclass(frozen=True, slots=True)
class Said:
    """One message: `parts` are those of a reply, `text` and `images` of all others."""

    key: str
    parent: str | None
    role: Role = Role.NOTHING
    text: str = ""
    images: tuple[Image, ...] = ()
    parts: tuple[Part, ...] = ()
    at: datetime | None = None
    model: str = ""
    stats: Stats = field(default_factory=Stats)
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Found:
    """A conversation of another program; `key` is its identity there, `head` the key of the message shown last."""

    key: str
    title: str
    said: tuple[Said, ...]
    head: str | None = None
    at: datetime | None = None
    used: datetime | None = None
    model: str = ""
    system: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """A conversation that could not be read, and why, as the end of a sentence."""

    title: str
    reason: str


@dataclass(frozen=True, slots=True)
class Source:
    """One file of another program: what its JSON says, or (a database) where it is.

    `attached` returns a file that belongs to it by the beginning of its name, `picture` makes a picture of bytes;
    both return None where there is none.
    """

    name: str
    value: object = None
    path: Path | None = None
    attached: Callable[[str], bytes | None] = lambda _: None
    picture: Callable[[str, bytes], Image | None] = lambda _name, _data: None


def each(items: Iterable[object], read: Callable[[dict[str, Any]], Found], title: str) -> Iterator[Found | Refused]:
    """Read conversations one by one; one that is not understood does not stop the others.

    `title` is the member that has its title.
    """
    for number, item in enumerate(items, 1):
        members = members_of(item)
        try:
            if not members:
                raise ValueError("it is not a conversation")
            yield read(members)
        except (ValueError, OverflowError, RecursionError) as error:
            reason = str(error) if type(error) is ValueError else "it cannot be read"
            yield Refused(text_of(members.get(title)) or f"conversation {number}", reason)


def text_of(value: object) -> str:
    """Return a string, empty where there is none; no text has a NUL in it, which databases end strings with."""
    return value.replace("\0", "\ufffd") if isinstance(value, str) else ""


def joined(texts: Iterable[str], gap: str = "\n\n") -> str:
    """Join those of the texts that are not empty."""
    return gap.join(text for text in texts if text)


def parsed(value: object) -> object:
    """Return what a JSON text says, None where it is none."""
    try:
        return json.loads(value) if isinstance(value, str) else None
    except (ValueError, RecursionError):
        return None


def sender_of(role: str) -> str:
    """Name a message that has no place here by the role of its sender."""
    return f"message of {role}" if role else "message without a sender"


def list_of(value: object) -> list[Any]:
    """Return a list, empty where there is none."""
    return value if isinstance(value, list) else []


def items_of(value: object) -> list[Any]:
    """Return a list, or what is not a list as its only item."""
    return value if isinstance(value, list) else [value]


def members_of(value: object) -> dict[str, Any]:
    """Return an object's members, none where it is not an object."""
    return value if isinstance(value, dict) else {}


def number_of(value: object) -> float | None:
    """Return a number that is one, None where there is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1 << 53:
        return None
    return value


def whole_of(value: object) -> int | None:
    """Return a number of things, None where there is none."""
    number = number_of(value)
    return int(number) if number is not None and number >= 0 else None


def moment_of(value: object) -> datetime | None:
    """Return a time, given in seconds or milliseconds since 1970 or as ISO 8601 says it (in UTC where it says no zone).

    None for what is none, or is outside the years that every zone can show.
    """
    try:
        if isinstance(value, str):
            at = datetime.fromisoformat(value)
            at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
        elif (number := number_of(value)) is None:
            return None
        else:
            at = datetime.fromtimestamp(number / 1000 if number > _MILLISECONDS else number, UTC)
        return moment(microseconds(at))
    except (ValueError, OverflowError, OSError):
        return None


def arguments_of(value: object) -> Mapping[str, Any]:
    """Return the arguments of a tool call, whatever form they are in; what is nested too deeply is cut."""
    if isinstance(value, dict):
        return {str(name): _cut(inner, _DEEPEST) for name, inner in value.items()}
    return {} if value is None or value == "" else {"input": _cut(value, _DEEPEST)}


def _cut(value: object, depth: int) -> object:
    if depth == 0:
        return "…"
    if isinstance(value, dict):
        return {str(name): _cut(inner, depth - 1) for name, inner in value.items()}
    if isinstance(value, list):
        return [_cut(inner, depth - 1) for inner in value]
    return value
