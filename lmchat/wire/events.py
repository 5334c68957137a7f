"""The API's events as the values of a conversation, by their kind and never by their place (PROTOCOL.md section 4)."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from lmchat.chat.events import (
    Event,
    Finished,
    MessageDelta,
    Part,
    PartEnded,
    PartStarted,
    Phase,
    Progress,
    ReasoningDelta,
    Started,
    ToolDone,
    ToolFailed,
    ToolNamed,
    ToolStarted,
    Unknown,
)
from lmchat.chat.values import Message, Reasoning, Reply, ToolCall
from lmchat.wire.replies import (
    read_arguments,
    read_invalid_tool_call,
    read_provider,
    read_reply,
    read_tool_call,
)
from lmchat.wire.tolerant import decimal, mapping, text

Data = Mapping[str, Any]


def event_kind(name: str, data: Data) -> str:
    """Return an event's kind: its own `type`, else its frame's name; an error may come without either."""
    return text(data.get("type")) or name or ("error" if "error" in data else "")


def read_event(kind: str, data: Data) -> Event:
    """Read one event of any kind but `error`, which needs judging (`faults.stream_refusal`)."""
    reader = _READERS.get(kind)
    return reader(data) if reader else Unknown(kind, data)


def replay(reply: Reply) -> Iterator[Event]:
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
            case _:
                yield from (ToolStarted(item.tool, item.provider), ToolFailed(item))
    yield Finished(reply)


def _progress(phase: Phase, data: Data) -> Event:
    fraction = decimal(data.get("progress"))
    return Progress(phase, None if fraction is None else min(max(fraction, 0.0), 1.0))


def _begun(phase: Phase, _data: Data) -> Event:
    return Progress(phase)


def _over(phase: Phase, _data: Data) -> Event:
    return Progress(phase, fraction=1.0, done=True)


def _tool_started(data: Data) -> Event:
    return ToolStarted(_tool(data), read_provider(data.get("provider_info")))


def _tool_named(data: Data) -> Event:
    return ToolNamed(_tool(data), read_arguments(data.get("arguments")), read_provider(data.get("provider_info")))


def _tool(data: Data) -> str:
    return text(data.get("tool")) or text(data.get("tool_name"))


def _finished(data: Data) -> Event:
    # A server that puts the reply beside `type` instead of under `result` is understood too.
    return Finished(read_reply(mapping(data.get("result")) or data))


_READERS: dict[str, Callable[[Data], Event]] = {
    "chat.start": lambda data: Started(text(data.get("model_instance_id"))),
    "model_load.start": partial(_begun, Phase.MODEL_LOAD),
    "model_load.progress": partial(_progress, Phase.MODEL_LOAD),
    "model_load.end": partial(_over, Phase.MODEL_LOAD),
    "prompt_processing.start": partial(_begun, Phase.PROMPT_PROCESSING),
    "prompt_processing.progress": partial(_progress, Phase.PROMPT_PROCESSING),
    "prompt_processing.end": partial(_over, Phase.PROMPT_PROCESSING),
    "reasoning.start": lambda _data: PartStarted(Part.REASONING),
    "reasoning.delta": lambda data: ReasoningDelta(text(data.get("content"))),
    "reasoning.end": lambda _data: PartEnded(Part.REASONING),
    "message.start": lambda _data: PartStarted(Part.MESSAGE),
    "message.delta": lambda data: MessageDelta(text(data.get("content"))),
    "message.end": lambda _data: PartEnded(Part.MESSAGE),
    "tool_call.start": _tool_started,
    "tool_call.name": _tool_named,
    "tool_call.arguments": _tool_named,
    "tool_call.success": lambda data: ToolDone(read_tool_call(data)),
    "tool_call.failure": lambda data: ToolFailed(read_invalid_tool_call(data)),
    "chat.end": _finished,
}
