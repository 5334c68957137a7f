"""Requests' bodies: those of LM Studio's own chat route read strictly, those of the OpenAI-style routes loosely.

Strictly: unknown keys are refused (PROTOCOL.md section 2). Loosely, as the packages that use these routes expect: what
would change the reply and cannot be done is refused by its name, and other unknown keys are ignored.
"""

from collections.abc import Callable, Mapping
from typing import Any

from lmchat.dataclass import dataclass, field
from lmchat.local.history import Message, message, pictures_of, text_of
from lmchat.local.refusals import (
    Check,
    Refusal,
    checked,
    flag,
    integer,
    mapping,
    missing,
    number,
    picture,
    sequence,
    strict,
    text,
    unknown_keys,
    unsupported,
    wrong_type,
)


@dataclass(frozen=True, slots=True)
class ChatBody:
    """A chat request of any route; `messages` are what it adds to the chain it follows.

    `system_prompt` becomes part of the chain, `instructions` are for this reply only. `sampling` has llama.cpp's
    names. A reply with a `schema` is JSON that fits it.
    """

    model: str
    messages: tuple[Message, ...]
    system_prompt: str | None = None
    instructions: str | None = None
    previous_response_id: str | None = None
    store: bool = True
    stream: bool = False
    reasoning: str | None = None
    integrations: tuple[Any, ...] = ()
    context_length: int | None = None
    max_output_tokens: int | None = None
    sampling: Mapping[str, Any] = field(default_factory=dict)
    schema: Mapping[str, Any] | None = None

    @property
    def has_pictures(self) -> bool:
        """Return whether there are pictures among the messages."""
        return any(pictures_of(each) for each in self.messages)


def chat_body(body: Mapping[str, Any]) -> ChatBody:
    """Read the body of `POST /api/v1/chat`."""
    values = strict(body, _CHAT, required=("model", "input"))
    sampling = {key: values.pop(key) for key in _SAMPLING if key in values}
    return ChatBody(messages=(values.pop("input"),), sampling=sampling, **values)


def completions_body(body: Mapping[str, Any]) -> ChatBody:
    """Read the body of `POST /v1/chat/completions`; its reply is not stored."""
    given = _given(body, _REFUSED_COMPLETIONS)
    messages = tuple(_message("messages", each) for each in sequence("messages", given.get("messages")))
    if not messages:
        raise Refusal("'messages' must not be empty", code="invalid_value", param="messages")
    return ChatBody(
        messages=messages,
        store=False,
        max_output_tokens=_limit("max_tokens", given.get("max_completion_tokens", given.get("max_tokens"))),
        reasoning=_effort("reasoning_effort", given.get("reasoning_effort")),
        schema=_schema("response_format", given.get("response_format"), nested="json_schema"),
        **_shared(given),
    )


def includes_usage(body: Mapping[str, Any]) -> bool:
    """Return whether a stream of `/v1/chat/completions` is to end with a chunk that has the token counts."""
    options = body.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


def responses_body(body: Mapping[str, Any]) -> ChatBody:
    """Read the body of `POST /v1/responses`.

    System messages at the start of the input are the chain's system prompt; `instructions` are for this reply only.
    """
    given = _given(body, _REFUSED_RESPONSES)
    if "input" not in given:
        raise missing("input")
    items = given["input"]
    messages = [message("user", text("input", items))] if isinstance(items, str) else _items(items)
    systems = []
    while messages and messages[0]["role"] == "system":
        systems.append(text_of(messages.pop(0)))
    if not messages:
        raise _empty_input()
    reasoning = mapping("reasoning", given.get("reasoning", {}))
    wanted = mapping("text", given.get("text", {}))
    return ChatBody(
        messages=tuple(messages),
        system_prompt="\n\n".join(systems) if systems else None,
        max_output_tokens=_limit("max_output_tokens", given.get("max_output_tokens")),
        reasoning=_effort("reasoning", reasoning.get("effort")),
        schema=_schema("text", wanted.get("format")),
        **checked(given, {"instructions": text, "previous_response_id": text, "store": flag}),
        **_shared(given),
    )


def _input(key: str, value: Any) -> Message:
    """Return the message that the items of the native route's `input` make."""
    items: list[Any] = [{"type": "text", "content": value}] if isinstance(value, str) else value
    if not isinstance(items, list):
        wrong_type(key, "string or array", value)
    texts, pictures = [], []
    for place, item in enumerate(items):
        kind = item.get("type") if isinstance(item, dict) else None
        if not isinstance(kind, str) or kind not in _CONTENT:
            raise Refusal("Invalid discriminator value. Expected 'text' | 'image'", code="invalid_union", param=key)
        content = _content(item, _CONTENT[kind], f"{key}.{place}")
        if kind == "text":
            texts.append(text(key, content))
        else:
            pictures.append(picture(key, content))
    joined = "\n\n".join(texts)
    if not joined and not pictures:
        raise _empty_input()
    return message("user", joined, pictures)


def _content(item: dict[str, Any], name: str, place: str) -> Any:
    """Return the content of an item, which has that, its type and nothing else."""
    problems = [] if name in item else [f"'{place}.{name}' is required"]
    if unknown := [key for key in item if key not in {"type", name}]:
        problems.append(unknown_keys(unknown))
    if problems:
        raise Refusal(", ".join(problems), code="invalid_union", param=place.partition(".")[0])
    return item[name]


def _empty_input() -> Refusal:
    return Refusal("Input must not be empty", code="invalid_value", param="input")


def _given(body: Mapping[str, Any], refused: Mapping[str, "Harmless"]) -> dict[str, Any]:
    """Leave out what is null; refuse by its name what cannot be done."""
    given = {key: value for key, value in body.items() if value is not None}
    for key, harmless in refused.items():
        if key in given and not harmless(given[key]):
            raise unsupported(f"'{key}'", key)
    return given


def _shared(given: Mapping[str, Any]) -> dict[str, Any]:
    """Check what both OpenAI-style routes have; without a model, the loaded one is meant."""
    return {
        "model": "",
        **checked(given, {"model": text, "stream": flag}),
        "sampling": checked(given, _OPENAI_SAMPLING),
    }


def _items(items: Any) -> list[Message]:
    """Read the items of `input`; earlier reasoning, which clients send back, is ignored."""
    found = []
    for item in sequence("input", items):
        kind = item.get("type", "message") if isinstance(item, dict) else None
        if kind == "message":
            found.append(_message("input", item))
        elif kind != "reasoning":
            named = f"An input item of type '{kind}'" if isinstance(kind, str) else "An input item without a type"
            raise unsupported(named, "input")
    return found


def _message(key: str, value: Any) -> Message:
    """Read a message of the OpenAI-style routes."""
    given = mapping(key, value)
    role = given.get("role")
    if given.get("tool_calls") or role in ("tool", "function"):
        raise Refusal("Tool calls are not supported by this server.", code="unsupported_parameter", param=key)
    if not isinstance(role, str) or role not in _ROLES:
        expected = " | ".join(f"'{each}'" for each in _ROLES)
        raise Refusal(f"Invalid role. Expected {expected}", code="invalid_value", param=key)
    content = given.get("content")
    if content is None or isinstance(content, str):
        return message(_ROLES[role], text(key, content or ""))
    texts, pictures = [], []
    for part in sequence(key, content):
        kind = mapping(key, part).get("type")
        if kind in ("text", "input_text", "output_text"):
            texts.append(text(key, part.get("text")))
        elif kind == "refusal":
            texts.append(text(key, part.get("refusal")))
        elif kind in ("image_url", "input_image"):
            url = part.get("image_url")
            pictures.append(picture(key, url.get("url") if isinstance(url, dict) else url))
        else:
            raise unsupported(f"Content of type '{kind}'", key)
    return message(_ROLES[role], "\n\n".join(texts), pictures)


def _limit(key: str, value: Any) -> int | None:
    """Read the longest reply in tokens; LM Studio's own examples write -1 for no limit."""
    return None if value is None or value == -1 else int(integer(1)(key, value))


def _effort(key: str, value: Any) -> str | None:
    return None if value is None or value == "none" else text(key, value)


def _schema(key: str, value: Any, nested: str = "") -> dict[str, Any] | None:
    """Read the form a reply must have; without a schema, JSON means an object."""
    wanted = {} if value is None else mapping(key, value)
    match wanted.get("type", "text"):
        case "text":
            return None
        case "json_object":
            return {"type": "object"}
        case "json_schema":
            return mapping(key, (mapping(key, wanted.get(nested)) if nested else wanted).get("schema"))
        case _:
            expected = f"'{key}' has an unknown type. Expected 'text' | 'json_object' | 'json_schema'"
            raise Refusal(expected, code="invalid_value", param=key)


def _stop(key: str, value: Any) -> list[str]:
    if isinstance(value, str):
        return [text(key, value)]
    if not isinstance(value, list):
        wrong_type(key, "string or array", value)
    return [text(key, each) for each in value]


_CONTENT = {"text": "content", "image": "data_url"}
_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
_SAMPLING: Mapping[str, Check] = {
    "temperature": number(0, 1),
    "top_p": number(0, 1),
    "min_p": number(0, 1),
    "top_k": integer(0),
    "repeat_penalty": number(0, above=True),
    "presence_penalty": number(-2, 2),
}
_CHAT: Mapping[str, Check] = {
    "model": text,
    "input": _input,
    "system_prompt": text,
    "previous_response_id": text,
    "store": flag,
    "stream": flag,
    "reasoning": text,
    "integrations": sequence,
    "context_length": integer(1),
    "max_output_tokens": integer(1),
    **_SAMPLING,
}
_OPENAI_SAMPLING: Mapping[str, Check] = {
    **_SAMPLING,
    "temperature": number(0, 2),
    "top_k": integer(-1),
    "frequency_penalty": number(-2, 2),
    "seed": integer(-(2**31)),
    "stop": _stop,
    "logit_bias": mapping,
}

Harmless = Callable[[Any], bool]
"""Returns whether a value asks for nothing that cannot be done here."""

_REFUSED: Mapping[str, Harmless] = {
    "tools": lambda value: value == [],
    "tool_choice": lambda value: value in ("none", "auto"),
    "top_logprobs": lambda value: value == 0,
}
_REFUSED_COMPLETIONS: Mapping[str, Harmless] = {
    **_REFUSED,
    "functions": lambda value: value == [],
    "function_call": lambda value: value in ("none", "auto"),
    "n": lambda value: value == 1,
    "logprobs": lambda value: value is False,
    "modalities": lambda value: value == ["text"],
    "audio": lambda _value: False,
    "web_search_options": lambda _value: False,
}
_REFUSED_RESPONSES: Mapping[str, Harmless] = {
    **_REFUSED,
    "background": lambda value: value is False,
    "conversation": lambda _value: False,
    "prompt": lambda _value: False,
}
