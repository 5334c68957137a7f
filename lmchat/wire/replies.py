"""A whole reply from the API's JSON (PROTOCOL.md section 3); what is missing or odd reads as empty."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from lmchat.chat.values import (
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
from lmchat.wire.tolerant import decimal, integer, mapping, parse_json, sequence, text


def read_reply(data: Mapping[str, Any]) -> Reply:
    """Read a reply; output items of a kind that is not known are left out."""
    return Reply(
        items=tuple(_items(data.get("output"))),
        response_id=ResponseId(text(data.get("response_id"))) if text(data.get("response_id")) else None,
        stats=_stats(mapping(data.get("stats"))),
        model_instance_id=text(data.get("model_instance_id")),
    )


def read_tool_call(data: Mapping[str, Any]) -> ToolCall:
    """Read a finished tool call: an output item, or the data of `tool_call.success`."""
    return ToolCall(
        tool=text(data.get("tool")),
        arguments=read_arguments(data.get("arguments")) or {},
        output=_output(data.get("output")),
        provider=read_provider(data.get("provider_info")),
    )


def read_invalid_tool_call(data: Mapping[str, Any]) -> InvalidToolCall:
    """Read a tool call that could not be made: an output item, or the data of `tool_call.failure`."""
    about = mapping(data.get("metadata"))
    return InvalidToolCall(
        reason=text(data.get("reason")),
        tool=text(about.get("tool_name")),
        kind=text(about.get("type")),
        arguments=read_arguments(about.get("arguments")),
        provider=read_provider(about.get("provider_info")),
    )


def read_arguments(value: object) -> Mapping[str, Any] | None:
    """Read a tool's arguments, also where they are JSON within a string; None where there are none."""
    if isinstance(value, str):
        try:
            value = parse_json(value)
        except ValueError:
            return None
    return value if isinstance(value, dict) else None


def read_provider(value: object) -> Provider | None:
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
                yield read_tool_call(item)
            case "invalid_tool_call":
                yield read_invalid_tool_call(item)
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
