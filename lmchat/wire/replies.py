"""What the dialects share of reading a reply."""

from collections.abc import Iterator, Mapping
from typing import Any

from lmchat.chat.events import (
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
from lmchat.chat.values import InvalidToolCall, Message, OtherItem, Reasoning, Reply, ToolCall
from lmchat.wire.loose_json import parse_json


def read_arguments(value: object) -> Mapping[str, Any] | None:
    """Read a tool's arguments, also where they are JSON within a string; None where there are none."""
    if isinstance(value, str):
        try:
            value = parse_json(value)
        except ValueError:
            return None
    return value if isinstance(value, dict) else None


def replay(reply: Reply, *, cut: bool = False) -> Iterator[Event]:
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
