"""A chat request as the API's JSON (PROTOCOL.md section 2): only what was set, since unknown keys are refused."""

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Any

from lmchat.chat.values import ChatRequest, EphemeralMcp, Image, Integration
from lmchat.errors import BadUseError


def chat_body(request: ChatRequest, *, stream: bool) -> dict[str, Any]:
    """Return the JSON object of a chat request."""
    body: dict[str, Any] = {"model": request.model, "input": _input(request)}
    if request.system_prompt:
        body["system_prompt"] = request.system_prompt
    if request.follows is not None:
        body["previous_response_id"] = request.follows
    if not request.store:
        body["store"] = False
    if stream:
        body["stream"] = True
    body.update(request.options.given())
    if request.integrations:
        body["integrations"] = [_integration(each) for each in request.integrations]
    return body


def json_bytes(body: Mapping[str, Any]) -> bytes:
    """Return a JSON object as UTF-8; raise BadUseError for a number that JSON does not have."""
    try:
        text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError as error:
        raise BadUseError("An option is not a finite number.", hint="Give it a number, or leave it out.") from error
    # Half of a surrogate pair (from a damaged file name or paste) has no UTF-8.
    return text.encode("utf-8", errors="replace")


def _input(request: ChatRequest) -> str | list[dict[str, str]]:
    """Return the prompt behind its recap; with images one text item at most, since templates may refuse two."""
    text = f"{request.recap}\n\n{request.prompt.text}" if request.recap else request.prompt.text
    images = [_image(each) for each in (*request.recap_images, *request.prompt.images)]
    if not images:
        return text
    return [{"type": "text", "content": text}, *images] if text else images


def _image(image: Image) -> dict[str, str]:
    encoded = base64.b64encode(image.data).decode("ascii")
    return {"type": "image", "data_url": f"data:{image.media_type};base64,{encoded}"}


def _integration(integration: Integration) -> str | dict[str, Any]:
    match integration:
        case EphemeralMcp(server_label, server_url, allowed_tools, headers):
            written: dict[str, Any] = {
                "type": "ephemeral_mcp",
                "server_label": server_label,
                "server_url": server_url,
            }
            return written | _tools(allowed_tools) | ({"headers": dict(headers)} if headers else {})
        case _:
            tools = _tools(integration.allowed_tools)
            return {"type": "plugin", "id": integration.id} | tools if tools else integration.id


def _tools(allowed: Iterable[str]) -> dict[str, list[str]]:
    names = list(allowed)
    return {"allowed_tools": names} if names else {}
