"""What all dialects share: JSON written and read, times, arguments of tools, what cut a reply.

Whatever is in the JSON, a value of the wanted type comes out. A character that a server tears between two pieces of a
reply (`"\\ud83d"`, `"\\ude00"`) is joined again.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from io import StringIO
from time import monotonic
from typing import Any

from lmchat.chat.exchange import (
    ChatRequest,
    Event,
    Finished,
    MessageDelta,
    Part,
    PartEnded,
    PartStarted,
    ReasoningDelta,
    Started,
    ToolDone,
    ToolFailed,
    ToolStarted,
)
from lmchat.chat.values import (
    Cut,
    InvalidToolCall,
    Message,
    OtherItem,
    Reasoning,
    Reply,
    SurrogateJoiner,
    ToolCall,
    join_surrogates,
)
from lmchat.dataclass import dataclass, field
from lmchat.errors import BadUseError

_LARGEST = 2**63

_MOST_VALUES = 200_000
"""Values in one JSON text: 10 to 230 bytes of memory each, however few bytes they were sent in."""

_DEEPEST = 100

_raw_decode = json.JSONDecoder().raw_decode

_BRACKET = re.compile(r"[\[\]{}]")
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"', re.DOTALL)


def json_bytes(body: Mapping[str, Any]) -> bytes:
    """Return a JSON object as UTF-8; raise BadUseError for a number that JSON does not have."""
    try:
        text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError as error:
        raise BadUseError("An option is not a finite number.", hint="Give it a number, or leave it out.") from error
    # Half of a surrogate pair (from a damaged file name or paste) has no UTF-8.
    return text.encode("utf-8", errors="replace")


def parse_json(text: str) -> Any:
    """Return the value of a JSON text without lone surrogates, which no disk or terminal takes.

    Raise ValueError where it is not JSON, or nested too deeply or divided too finely to read.
    """
    if len(text) > _DEEPEST:
        _require_bounds(text)
    try:
        # Half the time of `json.loads`, which an event of a stream needs only where blanks are around it.
        value, end = _raw_decode(text) if text[:1] == "{" else (None, -1)
        if end != len(text):
            value = json.loads(text)
        return _without_surrogates(value) if "\\u" in text and "\\ud" in text.lower() else value
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _require_bounds(text: str) -> None:
    if _too_deep(text):
        raise ValueError("nested too deeply")
    if len(text) > _MOST_VALUES and _values(text) > _MOST_VALUES and _values(_STRING.sub("", text)) > _MOST_VALUES:
        raise ValueError("too many values")


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
        self.waiting = any(joiner.waiting for joiner in self._joiners.values())
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


@dataclass(slots=True)
class Stopwatch:
    """The times of one reply, in seconds since its request, for a server that does not say how fast it was."""

    begun: float = field(default_factory=monotonic)
    first: float | None = None
    last: float | None = None
    pieces: int = 0

    def piece(self) -> None:
        """Note that a piece of the reply came."""
        self.last = monotonic() - self.begun
        self.first = self.last if self.first is None else self.first
        self.pieces += 1

    def tokens_per_second(self, tokens: int | None) -> float | None:
        """Return the speed after the first piece, None where there is none."""
        if tokens is None or self.first is None or self.last is None or self.pieces < 2:
            return None
        return (tokens - 1) / (self.last - self.first) if self.last > self.first and tokens > 1 else None


@dataclass(slots=True)
class GrowingText:
    """The text of one reply that comes in pieces, by its parts, and its times."""

    watch: Stopwatch = field(default_factory=Stopwatch)
    part: Part | None = None
    texts: dict[Part, StringIO] = field(default_factory=lambda: {part: StringIO() for part in Part})

    def add(self, part: Part, piece: str) -> Iterator[Event]:
        """Yield the events of the next piece; an empty one has none."""
        if piece:
            self.watch.piece()
            yield from self.enter(part)
            self.texts[part].write(piece)
            yield MessageDelta(piece) if part is Part.MESSAGE else ReasoningDelta(piece)

    def enter(self, part: Part | None) -> Iterator[Event]:
        """Yield the end of the part before and the beginning of another (None: of none)."""
        if part is not self.part:
            if self.part is not None:
                yield PartEnded(self.part)
            if part is not None:
                yield PartStarted(part)
            self.part = part

    def of(self, part: Part) -> str:
        """Return what came of a part."""
        return self.texts[part].getvalue()


def read_arguments(value: object) -> Mapping[str, Any] | None:
    """Read a tool's arguments, also where they are JSON within a string; None where there are none."""
    if isinstance(value, str):
        try:
            value = parse_json(value)
        except ValueError:
            return None
    return value if isinstance(value, dict) else None


def cut_by(request: ChatRequest, made: int | None, word: str) -> Cut | None:
    """Return what cut a reply of `made` tokens; `word` is the server's own for why it ended, empty where it says none.

    Many servers call a reply that the request's limit cut complete.
    """
    if word == "content_filter":
        return Cut.CONTENT_FILTER
    limit = request.options.value("max_output_tokens")
    if not isinstance(limit, int):
        return Cut.LENGTH if word else None
    if made is None:
        return Cut.MAX_TOKENS if word else None
    return Cut.MAX_TOKENS if made >= limit else Cut.CONTEXT if word else None


def replay(reply: Reply, *, cut: Cut | None = None) -> Iterator[Event]:
    """Yield the events that a reply which did not stream would have had."""
    yield Started(reply.model_instance_id)
    for item in reply.items:
        match item:
            case Message(content):
                yield from (PartStarted(Part.MESSAGE), MessageDelta(content), PartEnded(Part.MESSAGE))
            case Reasoning(content):
                yield from (PartStarted(Part.REASONING), ReasoningDelta(content), PartEnded(Part.REASONING))
            case ToolCall():
                yield from (ToolStarted(item.tool, item.provider), ToolDone(item))
            case InvalidToolCall():
                yield from (ToolStarted(item.tool, item.provider), ToolFailed(item))
            case OtherItem():
                pass  # the reader of replies makes none
    yield Finished(reply, cut=cut)
