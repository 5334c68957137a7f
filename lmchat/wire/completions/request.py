"""A chat request as the JSON of `POST /v1/chat/completions`: the whole conversation, each time."""

from collections.abc import Mapping
from typing import Any

from lmchat.chat.exchange import ChatRequest
from lmchat.wire.messages import RoleMessage, data_url, messages, options

NAMES: Mapping[str, str | None] = {
    "max_output_tokens": "max_tokens",
    "reasoning": "reasoning_effort",
    "context_length": None,
}
"""Options whose name differs from lmchat's; None: the route has no such option."""


def completions_body(request: ChatRequest, *, stream: bool) -> dict[str, Any]:
    """Return the JSON object of a chat request; raise BadUseError for what the route has not."""
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [_message(each) for each in messages(request)],
        **options(request, NAMES),
    }
    if request.schema is not None:
        form = {"name": "reply", "schema": request.schema}
        body["response_format"] = {"type": "json_schema", "json_schema": form}
    if stream:
        # llama-server reports the progress of a long prompt then; others pass it over.
        body |= {"stream": True, "stream_options": {"include_usage": True}, "return_progress": True}
    return body


def _message(message: RoleMessage) -> dict[str, Any]:
    if not message.images:
        return {"role": message.role, "content": message.text}
    parts: list[dict[str, Any]] = [{"type": "text", "text": message.text}] if message.text else []
    parts += [{"type": "image_url", "image_url": {"url": data_url(image)}} for image in message.images]
    return {"role": message.role, "content": parts}
