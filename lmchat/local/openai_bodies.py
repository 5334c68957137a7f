"""Request bodies of the OpenAI-style routes: what is known is checked, what would change the reply and cannot be
done is refused by its name, and the rest is passed over, as the packages that speak these routes expect.
"""

from collections.abc import Callable, Mapping
from typing import Any

from lmchat.local.checks import Check, checked, flag, mapping, number, picture, sequence, text, whole, wrong_type
from lmchat.local.messages import Message, message, text_of
from lmchat.local.refusals import Refusal
from lmchat.local.requests import ChatBody

_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}


def completions_body(body: Mapping[str, Any]) -> ChatBody:
    """Read the body of `POST /v1/chat/completions`; nothing of it is kept."""
    given = _given(body, _REFUSED_COMPLETIONS)
    said = sequence("messages", given.get("messages"))
    messages = tuple(_message("messages", each) for each in said)
    if not messages:
        raise Refusal("'messages' must not be empty", code="invalid_value", param="messages")
    limit = given.get("max_completion_tokens", given.get("max_tokens"))
    return ChatBody(
        messages=messages,
        store=False,
        max_output_tokens=_limit("max_tokens", limit),
        reasoning=_effort("reasoning_effort", given.get("reasoning_effort")),
        schema=_schema("response_format", given.get("response_format"), nested="json_schema"),
        **_common(given),
    )


def includes_usage(body: Mapping[str, Any]) -> bool:
    """Tell whether a stream of `/v1/chat/completions` is to end with a chunk that says what was used."""
    options = body.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


def responses_body(body: Mapping[str, Any]) -> ChatBody:
    """Read the body of `POST /v1/responses`.

    System messages at the start of the input are the chain's system prompt; `instructions` are for this reply only.
    """
    given = _given(body, _REFUSED_RESPONSES)
    if "input" not in given:
        raise Refusal('"input" is required', code="missing_required_parameter", param="input")
    items = given["input"]
    messages = [message("user", text("input", items))] if isinstance(items, str) else _items(items)
    systems = []
    while messages and messages[0]["role"] == "system":
        systems.append(text_of(messages.pop(0)))
    if not messages:
        raise Refusal("Input must not be empty", code="invalid_value", param="input")
    optional: Mapping[str, Check] = {"instructions": text, "previous_response_id": text, "store": flag}
    reasoning = mapping("reasoning", given.get("reasoning", {}))
    wanted = mapping("text", given.get("text", {}))
    return ChatBody(
        messages=tuple(messages),
        system_prompt="\n\n".join(systems) if systems else None,
        max_output_tokens=_limit("max_output_tokens", given.get("max_output_tokens")),
        reasoning=_effort("reasoning", reasoning.get("effort")),
        schema=_schema("text", wanted.get("format")),
        **checked({key: given[key] for key in optional if key in given}, optional),
        **_common(given),
    )


def _given(body: Mapping[str, Any], refused: Mapping[str, "Harmless"]) -> dict[str, Any]:
    """Leave out what is null; refuse by its name what cannot be done."""
    given = {key: value for key, value in body.items() if value is not None}
    for key, harmless in refused.items():
        if key in given and not harmless(given[key]):
            raise Refusal(f"'{key}' is not supported by this server.", code="unsupported_parameter", param=key)
    return given


def _common(given: Mapping[str, Any]) -> dict[str, Any]:
    checks: Mapping[str, Check] = {"model": text, "stream": flag}
    sampling = checked({key: given[key] for key in _SAMPLING if key in given}, _SAMPLING)
    return {"model": "", **checked({key: given[key] for key in checks if key in given}, checks), "sampling": sampling}


def _items(items: Any) -> list[Message]:
    """Read the items of `input`; what a model thought, which clients send back, is passed over."""
    found = []
    for item in sequence("input", items):
        kind = item.get("type", "message") if isinstance(item, dict) else None
        if kind == "message":
            found.append(_message("input", item))
        elif kind != "reasoning":
            named = f"An input item of type '{kind}'" if isinstance(kind, str) else "An input item without a type"
            raise Refusal(f"{named} is not supported by this server.", code="unsupported_parameter", param="input")
    return found


def _message(key: str, value: Any) -> Message:
    said = mapping(key, value)
    role = said.get("role")
    if said.get("tool_calls") or role in ("tool", "function"):
        raise Refusal("Tool calls are not supported by this server.", code="unsupported_parameter", param=key)
    if not isinstance(role, str) or role not in _ROLES:
        expected = " | ".join(f"'{each}'" for each in _ROLES)
        raise Refusal(f"Invalid role. Expected {expected}", code="invalid_value", param=key)
    content = said.get("content")
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
            raise Refusal(f"Content of type '{kind}' is not supported.", code="unsupported_parameter", param=key)
    return message(_ROLES[role], "\n\n".join(texts), pictures)


def _limit(key: str, value: Any) -> int | None:
    """Read the longest reply in tokens; LM Studio's own examples write -1 for none."""
    if value is None or value == -1:
        return None
    return int(whole(1)(key, value))


def _effort(key: str, value: Any) -> str | None:
    return None if value is None or value == "none" else text(key, value)


def _schema(key: str, value: Any, nested: str = "") -> dict[str, Any] | None:
    """Read the form a reply must have; JSON of any form is an object."""
    wanted = {} if value is None else mapping(key, value)
    match wanted.get("type", "text"):
        case "text":
            return None
        case "json_object":
            return {"type": "object"}
        case "json_schema":
            return mapping(key, (mapping(key, wanted.get(nested)) if nested else wanted).get("schema"))
        case _:
            expected = f"'{key}' has no type that is known. Expected 'text' | 'json_object' | 'json_schema'"
            raise Refusal(expected, code="invalid_value", param=key)


def _stop(key: str, value: Any) -> list[str]:
    if isinstance(value, str):
        return [text(key, value)]
    if not isinstance(value, list):
        wrong_type(key, "string or array", value)
    return [text(key, each) for each in value]


_SAMPLING: Mapping[str, Check] = {
    "temperature": number(0, 2),
    "top_p": number(0, 1),
    "min_p": number(0, 1),
    "top_k": whole(-1),
    "repeat_penalty": number(0, above=True),
    "presence_penalty": number(-2, 2),
    "frequency_penalty": number(-2, 2),
    "seed": whole(-(2**31)),
    "stop": _stop,
    "logit_bias": mapping,
}

Harmless = Callable[[Any], bool]
"""Tells whether a value asks for nothing that cannot be done here."""

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
