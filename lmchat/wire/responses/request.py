"""A chat request as the JSON of `POST /v1/responses`: what the server lacks as messages, the rest by an id."""

from collections.abc import Mapping
from typing import Any

from lmchat.chat.exchange import ChatRequest
from lmchat.wire.messages import RoleMessage, data_url, messages, options

NAMES: Mapping[str, str | None] = {"context_length": None}
"""Options whose name differs from lmchat's; None: the route has no such option."""


def responses_body(request: ChatRequest, *, stream: bool) -> dict[str, Any]:
    """Return the JSON object of a chat request; raise BadUseError for what the route has not."""
    given: dict[str, Any] = dict(options(request, NAMES))
    if "reasoning" in given:
        given["reasoning"] = {"effort": given["reasoning"]}
    body = {"model": request.model, "input": [_item(each) for each in messages(request)], **given}
    if request.follows is not None:
        body["previous_response_id"] = request.follows
    if not request.store:
        body["store"] = False
    if request.schema is not None:
        body["text"] = {"format": {"type": "json_schema", "name": "reply", "schema": request.schema}}
    if stream:
        # llama-server reports the progress of a long prompt then; others pass it over.
        body |= {"stream": True, "return_progress": True}
    return body


def _item(message: RoleMessage) -> dict[str, Any]:
    # llama-server refuses an answer without its type.
    item: dict[str, Any] = {"type": "message", "role": message.role, "content": message.text}
    if message.images:
        parts = [{"type": "input_text", "text": message.text}] if message.text else []
        item["content"] = parts + [{"type": "input_image", "image_url": data_url(each)} for each in message.images]
    return item
