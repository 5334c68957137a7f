"""Request bodies, read strictly (PROTOCOL.md sections 2 and 5): unknown keys and wrong types are refused.

It must not know which models or responses there are.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from lmchat.chat.surrogates import join_surrogates
from lmchat.local.refusals import Refusal

Check = Callable[[str, Any], Any]
"""Takes a key and its value, returns the value as it is to be used, or raises Refusal."""


@dataclass(frozen=True, slots=True)
class ChatBody:
    """Hold one chat request; `input` is the text of all its items."""

    model: str
    input: str
    images: bool = False
    system_prompt: str | None = None
    previous_response_id: str | None = None
    store: bool = True
    stream: bool = False
    reasoning: str | None = None
    integrations: tuple[Any, ...] = ()
    context_length: int | None = None
    max_output_tokens: int | None = None
    sampling: Mapping[str, float] = field(default_factory=dict)


def json_object(body: bytes) -> dict[str, Any]:
    """Parse a body that must be one JSON object."""
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_not_json)
    except (ValueError, RecursionError) as problem:
        raise Refusal(f"The request body is not valid JSON: {problem}", code="invalid_json") from None
    if not isinstance(value, dict):
        raise Refusal(f"Expected object, received {_kind(value)}", code="invalid_type")
    return value


def chat_body(body: dict[str, Any]) -> ChatBody:
    """Read the body of `POST /api/v1/chat`."""
    values = _checked(body, _CHAT, required=("model", "input"))
    text, images = values.pop("input")
    sampling = {key: values.pop(key) for key in _SAMPLING if key in values}
    return ChatBody(input=text, images=images, sampling=sampling, **values)


def load_body(body: dict[str, Any]) -> dict[str, Any]:
    """Read the body of `POST /api/v1/models/load`."""
    return _checked(body, _LOAD, required=("model",))


def unload_body(body: dict[str, Any]) -> str:
    """Read the body of `POST /api/v1/models/unload`: the instance's id."""
    return str(_checked(body, {"instance_id": _text}, required=("instance_id",))["instance_id"])


def download_body(body: dict[str, Any]) -> str:
    """Read the body of `POST /api/v1/models/download`: the model's name or address."""
    return str(_checked(body, {"model": _text, "quantization": _text}, required=("model",))["model"])


def _checked(body: dict[str, Any], checks: Mapping[str, Check], required: tuple[str, ...]) -> dict[str, Any]:
    if unknown := [key for key in body if key not in checks]:
        names = ", ".join(f"'{join_surrogates(key)}'" for key in unknown)
        raise Refusal(f"Unrecognized key(s) in object: {names}", code="unrecognized_keys")
    for key in required:
        if key not in body:
            raise Refusal(f"'{key}' is required", code="invalid_type", param=key)
    return {key: checks[key](key, value) for key, value in body.items()}


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str):
        _wrong_type(key, "string", value)
    return join_surrogates(value)


def _flag(key: str, value: Any) -> bool:
    if not isinstance(value, bool):
        _wrong_type(key, "boolean", value)
    return value


def _number(lowest: float, highest: float = math.inf, *, above: bool = False) -> Check:
    def check(key: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            _wrong_type(key, "number", value)
        _in_range(key, value, lowest, highest, above=above)
        return float(value)

    return check


def _whole(lowest: int) -> Check:
    def check(key: str, value: Any) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            _wrong_type(key, "integer", value)
        # Larger ones do not fit the engine's own integers.
        _in_range(key, value, lowest, 2**31 - 1)
        return int(value)

    return check


def _in_range(key: str, value: float, lowest: float, highest: float, *, above: bool = False) -> None:
    if above and value <= lowest:
        raise Refusal(f"Number must be greater than {lowest:g}", code="too_small", param=key)
    if value < lowest:
        raise Refusal(f"Number must be greater than or equal to {lowest:g}", code="too_small", param=key)
    if value > highest:
        raise Refusal(f"Number must be less than or equal to {highest:g}", code="too_big", param=key)


def _list(key: str, value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list):
        _wrong_type(key, "array", value)
    return tuple(value)


def _input(key: str, value: Any) -> tuple[str, bool]:
    """Return the text of the input and whether pictures are among its items."""
    if isinstance(value, str):
        items: list[Any] = [{"type": "text", "content": value}]
    elif isinstance(value, list):
        items = value
    else:
        _wrong_type(key, "string or array", value)
    texts, images = [], False
    for item in items:
        # What an item lacks is checked as null, so that the refusal names the input.
        kind = item.get("type") if isinstance(item, dict) else None
        if kind == "text":
            texts.append(
                _checked({"content": None} | item, {"type": _text, "content": _inner_text}, required=())["content"]
            )
        elif kind == "image":
            _checked({"data_url": None} | item, {"type": _text, "data_url": _inner_text}, required=())
            images = True
        else:
            raise Refusal("Invalid discriminator value. Expected 'text' | 'image'", code="invalid_union", param=key)
    text = "\n\n".join(texts)
    if not text and not images:
        raise Refusal("Input must not be empty", code="invalid_value", param=key)
    return text, images


def _inner_text(_key: str, value: Any) -> str:
    return _text("input", value)


def _wrong_type(key: str, expected: str, value: Any) -> NoReturn:
    raise Refusal(f"Expected {expected}, received {_kind(value)}", code="invalid_type", param=key)


def _kind(value: Any) -> str:
    """Name a value's type as JSON does."""
    names = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "null")


def _not_json(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


_SAMPLING: Mapping[str, Check] = {
    "temperature": _number(0, 1),
    "top_p": _number(0, 1),
    "min_p": _number(0, 1),
    "top_k": _whole(0),
    "repeat_penalty": _number(0, above=True),
    "presence_penalty": _number(-2, 2),
}
_CHAT: Mapping[str, Check] = {
    "model": _text,
    "input": _input,
    "system_prompt": _text,
    "previous_response_id": _text,
    "store": _flag,
    "stream": _flag,
    "reasoning": _text,
    "integrations": _list,
    "context_length": _whole(1),
    "max_output_tokens": _whole(1),
    **_SAMPLING,
}
_LOAD: Mapping[str, Check] = {
    "model": _text,
    "context_length": _whole(1),
    "eval_batch_size": _whole(1),
    "flash_attention": _flag,
    "num_experts": _whole(1),
    "offload_kv_cache_to_gpu": _flag,
    "parallel": _whole(1),
    "echo_load_config": _flag,
}
