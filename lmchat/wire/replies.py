"""What the dialects share of reading a reply."""

from collections.abc import Iterator, Mapping
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
from lmchat.chat.values import Cut, InvalidToolCall, Message, OtherItem, Reasoning, Reply, ToolCall
from lmchat.dataclass import dataclass, field
from lmchat.wire.loose_json import parse_json


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
    """Yield the events that a reply which came at once would have come with."""
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
