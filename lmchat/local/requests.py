"""Request bodies of LM Studio's own routes, read strictly (PROTOCOL.md sections 2 and 5).

Unknown keys and wrong types are refused.
"""

from collections.abc import Mapping
from typing import Any

from lmchat.dataclass import dataclass, field
from lmchat.local.checks import Check, checked, flag, number, picture, sequence, text, unknown_keys, whole, wrong_type
from lmchat.local.messages import Message, message, pictures_of
from lmchat.local.refusals import Refusal


@dataclass(frozen=True, slots=True)
class ChatBody:
    """One chat request of any route; `messages` are what it adds to the chain it follows.

    `system_prompt` is kept by the chain, `instructions` are for this reply only. `sampling` has llama.cpp's names.
    A reply with a `schema` is JSON that fits it.
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
        """Tell whether there are pictures among the messages."""
        return any(pictures_of(each) for each in self.messages)


def chat_body(body: dict[str, Any]) -> ChatBody:
    """Read the body of `POST /api/v1/chat`."""
    values = _strict(body, _CHAT, required=("model", "input"))
    sampling = {key: values.pop(key) for key in _SAMPLING if key in values}
    return ChatBody(messages=(values.pop("input"),), sampling=sampling, **values)


def load_body(body: dict[str, Any]) -> dict[str, Any]:
    """Read the body of `POST /api/v1/models/load`."""
    return _strict(body, _LOAD, required=("model",))


def unload_body(body: dict[str, Any]) -> str:
    """Read the body of `POST /api/v1/models/unload`: the instance's id."""
    return str(_strict(body, {"instance_id": text}, required=("instance_id",))["instance_id"])


def download_body(body: dict[str, Any]) -> str:
    """Read the body of `POST /api/v1/models/download`: the model's name or address."""
    return str(_strict(body, {"model": text, "quantization": text}, required=("model",))["model"])


def _strict(body: dict[str, Any], checks: Mapping[str, Check], required: tuple[str, ...]) -> dict[str, Any]:
    if unknown := [key for key in body if key not in checks]:
        raise Refusal(unknown_keys(unknown), code="unrecognized_keys")
    for key in required:
        if key not in body:
            raise Refusal(f'"{key}" is required', code="missing_required_parameter", param=key)
    return checked(body, checks)


def _input(key: str, value: Any) -> Message:
    """Return the message that the items of the input make."""
    if isinstance(value, str):
        items: list[Any] = [{"type": "text", "content": value}]
    elif isinstance(value, list):
        items = value
    else:
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
        raise Refusal("Input must not be empty", code="invalid_value", param=key)
    return message("user", joined, pictures)


def _content(item: dict[str, Any], name: str, place: str) -> Any:
    """Return what an item contains; it has that, its type and nothing else."""
    problems = [] if name in item else [f"'{place}.{name}' is required"]
    if unknown := [key for key in item if key not in {"type", name}]:
        problems.append(unknown_keys(unknown))
    if problems:
        raise Refusal(", ".join(problems), code="invalid_union", param=place.partition(".")[0])
    return item[name]


_CONTENT = {"text": "content", "image": "data_url"}
_SAMPLING: Mapping[str, Check] = {
    "temperature": number(0, 1),
    "top_p": number(0, 1),
    "min_p": number(0, 1),
    "top_k": whole(0),
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
    "context_length": whole(1),
    "max_output_tokens": whole(1),
    **_SAMPLING,
}
_LOAD: Mapping[str, Check] = {
    "model": text,
    "context_length": whole(1),
    "eval_batch_size": whole(1),
    "flash_attention": flag,
    "num_experts": whole(1),
    "offload_kv_cache_to_gpu": flag,
    "parallel": whole(1),
    "echo_load_config": flag,
}
