"""Answers as LM Studio sends them over HTTP: headers, JSON, events, refusals."""

import base64
import hashlib
import json
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from lmchat.local.refusals import Overflow, Refusal

_HEADERS = {"x-powered-by": "Express", "keep-alive": "timeout=5"}
OPENAI = "/v1/"
"""What the paths of the OpenAI-style routes begin with."""
DONE = b"data: [DONE]\n\n"


def json_response(content: Any, status: int = 200) -> Response:
    """Return an answer with the headers that LM Studio's have."""
    body = json.dumps(content, ensure_ascii=False, indent=2).encode()
    headers = {**_HEADERS, "etag": _etag(body)}
    return Response(body, status, headers, media_type="application/json; charset=utf-8")


def refusal_response(refusal: Refusal, path: str = "") -> Response:
    """Return the answer that says a refusal, as LM Studio's routes of that path do."""
    if not path.startswith(OPENAI):
        return json_response({"error": refusal.error}, refusal.status)
    if isinstance(refusal, Overflow) and path.endswith("/completions"):
        return json_response({"error": str(refusal)}, 400)
    return json_response({"error": openai_error(refusal)}, refusal.status)


def openai_error(refusal: Refusal) -> dict[str, Any]:
    """Return a refusal's error as the OpenAI-style routes have it: each of its members is there."""
    error = {**refusal.error, "param": refusal.error.get("param"), "code": refusal.error.get("code")}
    kind = error["type"]
    return error | {"type": "invalid_request_error" if kind == "invalid_request" else kind}


def unexpected_response(request: Request) -> Response:
    """Answer an unknown route or method as LM Studio does: with 200 (PROTOCOL.md section 1)."""
    path = request.scope.get("raw_path", request.url.path.encode()).decode("ascii", "replace")
    return json_response({"error": f"Unexpected endpoint or method. ({request.method} {path})"})


def event_frame(data: dict[str, Any], name: str = "") -> bytes:
    """Return one event of a stream."""
    text = f"data: {json.dumps(data, ensure_ascii=False)}\n\n"
    return (f"event: {name}\n{text}" if name else text).encode()


class Stream:
    """An answer whose pieces are sent as they come."""

    def __init__(
        self,
        first: Iterable[bytes],
        rest: AsyncGenerator[bytes],
        *,
        status: int = 200,
        content_type: str = "text/event-stream",
    ) -> None:
        self._first = first
        self._rest = rest
        self._status = status
        self._content_type = content_type

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send the head, then the pieces."""
        headers = {**_HEADERS, "content-type": self._content_type, "cache-control": "no-cache"}
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": self._status, "headers": pairs})
        for piece in self._first:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        async with aclosing(self._rest) as rest:
            async for piece in rest:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body"})


def _etag(body: bytes) -> str:
    """Return the weak tag that Express makes of a body: its length and the beginning of its hash."""
    digest = base64.b64encode(hashlib.sha1(body, usedforsecurity=False).digest()).decode()[:27]
    return f'W/"{len(body):x}-{digest}"'
