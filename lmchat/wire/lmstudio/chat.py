"""LM Studio's own API: a chat request as its JSON, and its events and replies as values (PROTOCOL.md sections 2 to 4).

Only what was set is sent, since unknown keys are refused. An event is read by its kind, never by its place; what is
missing or odd reads as empty.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from lmchat.chat.exchange import (
    ChatRequest,
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
from lmchat.chat.models import EphemeralMcp, Integration, OtherIntegration, Plugin
from lmchat.chat.values import (
    Cut,
    Image,
    InvalidToolCall,
    Item,
    Message,
    Provider,
    Reasoning,
    Reply,
    ResponseId,
    Stats,
    ToolCall,
)
from lmchat.dataclass import dataclass, replace
from lmchat.errors import BadUseError
from lmchat.wire.dialects import Data
from lmchat.wire.reading import cut_by, decimal, integer, mapping, read_arguments, replay, sequence, text


def native_body(request: ChatRequest, *, stream: bool) -> dict[str, Any]:
    """Return the JSON object of a chat request; raise BadUseError for a schema, which the route does not take."""
    if request.schema is not None:
        raise BadUseError(
            "LM Studio's own API cannot bind a reply to a schema.",
            hint="Its OpenAI-style API can: --api completions, or leave --api out.",
        )
    body: dict[str, Any] = {"model": request.model, "input": _input(request)}
    if request.follows is not None:
        body["previous_response_id"] = request.follows
    elif request.system_prompt:
        # Only the first request of a chain may contain it; the chain keeps it.
        body["system_prompt"] = request.system_prompt
    if not request.store:
        body["store"] = False
    if stream:
        body["stream"] = True
    body.update(request.options.given())
    if request.integrations:
        body["integrations"] = [_integration(each) for each in request.integrations]
    return body


def _input(request: ChatRequest) -> str | list[dict[str, str]]:
    """Return the prompt after its recap; with images one text item at most, since templates may refuse two."""
    text = request.prompt.text
    if request.history:
        from lmchat.wire.messages import recap

        text = f"{recap(request.history, request.left_out)}\n\n{text}"
    earlier = dict.fromkeys(image for turn in request.history for image in turn.prompt.images)
    images = [_image(each) for each in (*earlier, *request.prompt.images)]
    if not images:
        return text
    return [{"type": "text", "content": text}, *images] if text else images


def _image(image: Image) -> dict[str, str]:
    from lmchat.wire.messages import data_url

    return {"type": "image", "data_url": data_url(image)}


def _integration(integration: Integration) -> str | dict[str, Any]:
    match integration:
        case EphemeralMcp(server_label, server_url, allowed_tools, headers):
            written: dict[str, Any] = {
                "type": "ephemeral_mcp",
                "server_label": server_label,
                "server_url": server_url,
            }
            return written | _tools(allowed_tools) | ({"headers": dict(headers)} if headers else {})
        case Plugin(id, allowed_tools):
            tools = _tools(allowed_tools)
            return {"type": "plugin", "id": id} | tools if tools else id
        case OtherIntegration(kind):
            raise BadUseError(
                f"This session has an integration of a kind that this lmchat does not know: {kind}.",
                hint="Update lmchat, or choose other integrations for the session.",
            )


def _tools(allowed: Iterable[str]) -> dict[str, list[str]]:
    names = list(allowed)
    return {"allowed_tools": names} if names else {}


def _read_reply(data: Mapping[str, Any]) -> Reply:
    """Read a reply; output items of a kind that is not known are left out."""
    return Reply(
        items=tuple(_items(data.get("output"))),
        response_id=ResponseId(text(data.get("response_id"))) if text(data.get("response_id")) else None,
        stats=_stats(mapping(data.get("stats"))),
        model_instance_id=text(data.get("model_instance_id")),
    )


def _read_tool_call(data: Mapping[str, Any]) -> ToolCall:
    """Read a finished tool call: an output item, or the data of `tool_call.success`."""
    return ToolCall(
        tool=text(data.get("tool")),
        arguments=read_arguments(data.get("arguments")) or {},
        output=_output(data.get("output")),
        provider=_read_provider(data.get("provider_info")),
    )


def _read_invalid_tool_call(data: Mapping[str, Any]) -> InvalidToolCall:
    """Read a tool call that could not be made: an output item, or the data of `tool_call.failure`."""
    about = mapping(data.get("metadata"))
    return InvalidToolCall(
        reason=text(data.get("reason")),
        tool=text(about.get("tool_name")),
        kind=text(about.get("type")),
        arguments=read_arguments(about.get("arguments")),
        provider=_read_provider(about.get("provider_info")),
    )


def _read_provider(value: object) -> Provider | None:
    """Read where a tool comes from, None where it is not said."""
    about = mapping(value)
    kind = text(about.get("type"))
    name = text(about.get("plugin_id")) or text(about.get("server_label"))
    return Provider(kind, name) if kind or name else None


def _items(value: object) -> Iterator[Item]:
    for each in sequence(value):
        item = mapping(each)
        match item.get("type"):
            case "message":
                yield Message(text(item.get("content")))
            case "reasoning":
                yield Reasoning(text(item.get("content")))
            case "tool_call":
                yield _read_tool_call(item)
            case "invalid_tool_call":
                yield _read_invalid_tool_call(item)
            case _:
                pass


def _output(value: object) -> str:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return text(value)


def _stats(data: Mapping[str, Any]) -> Stats:
    return Stats(
        input_tokens=integer(data.get("input_tokens")),
        total_output_tokens=integer(data.get("total_output_tokens")),
        reasoning_output_tokens=integer(data.get("reasoning_output_tokens")),
        tokens_per_second=decimal(data.get("tokens_per_second")),
        time_to_first_token_seconds=decimal(data.get("time_to_first_token_seconds")),
        model_load_time_seconds=decimal(data.get("model_load_time_seconds")),
    )


def _read_event(kind: str, data: Data) -> Event:
    """Read one event of any kind but `error`, which needs judging (`refusals.stream_refusal`)."""
    reader = _READERS.get(kind)
    return reader(data) if reader else Unknown(kind, data)


def _progress(phase: Phase, data: Data) -> Event:
    fraction = decimal(data.get("progress"))
    return Progress(phase, None if fraction is None else min(max(fraction, 0.0), 1.0))


def _begun(phase: Phase, _data: Data) -> Event:
    return Progress(phase)


def _over(phase: Phase, _data: Data) -> Event:
    return Progress(phase, fraction=1.0, done=True)


def _tool_started(data: Data) -> Event:
    return ToolStarted(_tool(data), _read_provider(data.get("provider_info")))


def _tool_named(data: Data) -> Event:
    return ToolNamed(_tool(data), read_arguments(data.get("arguments")), _read_provider(data.get("provider_info")))


def _tool(data: Data) -> str:
    return text(data.get("tool")) or text(data.get("tool_name"))


def _finished(data: Data) -> Event:
    # A server that puts the reply beside `type` instead of under `result` is understood too.
    return Finished(_read_reply(mapping(data.get("result")) or data))


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
    "message.delta": lambda data: MessageDelta(text(data.get("content"))),
    "message.start": lambda _data: PartStarted(Part.MESSAGE),
    "message.end": lambda _data: PartEnded(Part.MESSAGE),
    "tool_call.start": _tool_started,
    "tool_call.name": _tool_named,
    "tool_call.arguments": _tool_named,
    "tool_call.success": lambda data: ToolDone(_read_tool_call(data)),
    "tool_call.failure": lambda data: ToolFailed(_read_invalid_tool_call(data)),
    "chat.end": _finished,
}


@dataclass(frozen=True, slots=True)
class NativeReader:
    """The reader of one reply; each event of this API is complete in itself."""

    request: ChatRequest

    def event(self, kind: str, data: Data) -> tuple[Event]:
        """Return one event."""
        if kind == "message.delta":  # nearly all
            return (MessageDelta(text(data.get("content"))),)
        event = _read_event(kind, data)
        return (replace(event, cut=self._cut(event.reply)) if isinstance(event, Finished) else event,)

    def end(self, *, done: bool) -> Iterator[Event]:
        """Yield nothing: only `chat.end` completes a reply."""
        del done
        yield from ()

    def whole(self, data: Data) -> Iterator[Event]:
        """Yield the events of a reply that did not stream."""
        if "output" in data:
            reply = _read_reply(data)
            yield from replay(reply, cut=self._cut(reply))

    def closing(self, data: Data) -> Data:
        """Return the answer as the event that ends a stream."""
        return {"type": "chat.end", "result": data}

    def _cut(self, reply: Reply) -> Cut | None:
        return cut_by(self.request, reply.stats.total_output_tokens, "")
