"""A chat request as LM Studio's own JSON (PROTOCOL.md section 2): only what was set, since unknown keys are refused.

Assistant messages cannot be sent, so turns that the server lacks go in front of the prompt as a recap.
"""

import base64
from collections.abc import Iterable, Sequence
from typing import Any

from lmchat.chat.exchange import ChatRequest
from lmchat.chat.models import EphemeralMcp, Integration, OtherIntegration, Plugin
from lmchat.chat.session import Outcome, Turn
from lmchat.chat.values import Image
from lmchat.errors import BadUseError

_OPENING = "Here is our conversation so far, which you cannot see otherwise."
_CLOSING = "The conversation so far ends here. Now answer my next message:"


def native_body(request: ChatRequest, *, stream: bool) -> dict[str, Any]:
    """Return the JSON object of a chat request; raise BadUseError for a schema, which the route has not."""
    if request.schema is not None:
        raise BadUseError(
            "LM Studio's own API cannot bind a reply to a schema.",
            hint="Its OpenAI-style API can: --api completions, or leave --api out.",
        )
    body: dict[str, Any] = {"model": request.model, "input": _input(request)}
    if request.follows is not None:
        body["previous_response_id"] = request.follows
    elif request.system_prompt:
        # Only the first request of a chain may bring it; the chain keeps it.
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
    before = recap(request.history, request.left_out)
    text = f"{before}\n\n{request.prompt.text}" if before else request.prompt.text
    earlier = dict.fromkeys(image for turn in request.history for image in turn.prompt.images)
    images = [_image(each) for each in (*earlier, *request.prompt.images)]
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


def recap(turns: Sequence[Turn], left_out: int = 0) -> str:
    """Write `turns` (oldest first) as one text, or an empty one for no turns.

    `left_out` says how many still older turns are missing from it.
    """
    if not turns:
        return ""
    missing = [f"({left_out} earlier messages are left out.)"] if left_out else []
    parts = [part for turn in turns for part in _parts(turn)]
    return "\n\n".join([_OPENING, *missing, *parts, _CLOSING])


def _parts(turn: Turn) -> list[str]:
    if turn.summary:
        return [f"Summary of everything before: {turn.reply.text}"]
    pictures = "".join(f" [picture: {image.name}]" for image in turn.prompt.images)
    asked = f"I said: {turn.prompt.text}{pictures}"
    if turn.outcome is Outcome.COMPLETE:
        tools = ", ".join(call.tool for call in turn.reply.tool_calls if call.tool)
        return [asked, f"You answered: {turn.reply.text}" if turn.reply.text else f"You called tools only: {tools}"]
    if turn.reply.text:
        return [asked, f"You answered, but were cut short: {turn.reply.text}"]
    return [asked, "You had not answered yet when you were cut short."]
