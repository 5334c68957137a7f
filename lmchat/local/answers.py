"""Answers as LM Studio sends them over HTTP: headers, JSON, events, refusals, and the reply of its own chat route."""

import base64
import hashlib
import json
import time
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from lmchat.chat.exchange import Finished, MessageDelta, Part, PartEnded, Phase, Progress, ReasoningDelta, Started
from lmchat.chat.values import Message, Reasoning, Reply
from lmchat.dataclass import dataclass
from lmchat.local.refusals import Overflow, Refusal
from lmchat.local.turn import Item

_HEADERS = {"x-powered-by": "Express", "keep-alive": "timeout=5"}
_OPENAI = "/v1/"
"""The start of the OpenAI-style routes' paths."""


def json_response(content: Any, status: int = 200) -> Response:
    """Return an answer with the headers that LM Studio sends."""
    body = json.dumps(content, ensure_ascii=False, indent=2).encode()
    headers = {**_HEADERS, "etag": _etag(body)}
    return Response(body, status, headers, media_type="application/json; charset=utf-8")


def refusal_response(refusal: Refusal, path: str = "") -> Response:
    """Return a refusal in the form that LM Studio's routes of that path give it."""
    if not path.startswith(_OPENAI):
        return json_response({"error": refusal.error}, refusal.status)
    if isinstance(refusal, Overflow) and path.endswith("/completions"):
        return json_response({"error": str(refusal)}, 400)
    return json_response({"error": openai_error(refusal)}, refusal.status)


def openai_error(refusal: Refusal) -> dict[str, Any]:
    """Return a refusal's error with all members that the OpenAI-style routes give it."""
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


@dataclass(slots=True)
class NativeAnswer:
    """One reply as `POST /api/v1/chat` sends it (PROTOCOL.md sections 3 and 4).

    Phases and parts begin with their first event and end when another begins. `model` is the one asked for.
    """

    model: str
    begun: bool = False
    open: str = ""
    since: float = 0.0

    def frames(self, item: Item) -> Iterator[bytes]:
        """Yield the events that an item makes."""
        for event in self._events(item):
            yield event_frame(event, event["type"])

    def complete(self, finished: Finished) -> dict[str, Any]:
        """Return the reply as one JSON object."""
        return _result(finished.reply)

    def _events(self, item: Item) -> Iterator[dict[str, Any]]:
        match item:
            case Started(model):
                yield from self._start(model)
            case Progress(phase, fraction, done):
                yield from self._start(self.model)
                yield from self._switch(phase.value)
                if fraction is not None:
                    yield {"type": f"{phase.value}.progress", **self._of(phase.value), "progress": fraction}
                if done and phase is Phase.MODEL_LOAD:
                    yield from self._switch("")
            case ReasoningDelta(text):
                yield from self._delta(Part.REASONING, text)
            case MessageDelta(text):
                yield from self._delta(Part.MESSAGE, text)
            case PartEnded():
                yield from self._switch("")
            case Refusal(error=error):
                yield from self._switch("")
                yield {"type": "error", "error": error}
            case Finished(reply):
                yield from self._switch("")
                yield {"type": "chat.end", "result": _result(reply)}
            case _:
                pass  # no tools are run here

    def _start(self, model: str) -> Iterator[dict[str, Any]]:
        if not self.begun:
            self.begun, self.model = True, model
            yield {"type": "chat.start", "model_instance_id": model}

    def _delta(self, part: Part, text: str) -> Iterator[dict[str, Any]]:
        yield from self._switch(part.value)
        yield {"type": f"{part.value}.delta", "content": text}

    def _switch(self, kind: str) -> Iterator[dict[str, Any]]:
        """End what is open, and begin another kind (empty: none)."""
        if kind == self.open:
            return
        if self.open:
            ended: dict[str, Any] = {"type": f"{self.open}.end", **self._of(self.open)}
            if self.open == Phase.MODEL_LOAD.value:
                ended["load_time_seconds"] = round(time.monotonic() - self.since, 3)
            yield ended
        self.open, self.since = kind, time.monotonic()
        if kind:
            yield {"type": f"{kind}.start", **self._of(kind)}

    def _of(self, kind: str) -> dict[str, str]:
        return {"model_instance_id": self.model} if kind == Phase.MODEL_LOAD.value else {}


def _result(reply: Reply) -> dict[str, Any]:
    numbers = reply.stats
    stats: dict[str, Any] = {
        "input_tokens": numbers.input_tokens or 0,
        "total_output_tokens": numbers.total_output_tokens or 0,
        "reasoning_output_tokens": numbers.reasoning_output_tokens or 0,
        "tokens_per_second": round(numbers.tokens_per_second or 0.0, 2),
        "time_to_first_token_seconds": round(numbers.time_to_first_token_seconds or 0.0, 3),
    }
    if numbers.model_load_time_seconds is not None:
        stats["model_load_time_seconds"] = numbers.model_load_time_seconds
    output = [
        {"type": "reasoning" if isinstance(item, Reasoning) else "message", "content": item.text}
        for item in reply.items
        if isinstance(item, Message | Reasoning)
    ]
    result: dict[str, Any] = {"model_instance_id": reply.model_instance_id, "output": output, "stats": stats}
    return result if reply.response_id is None else result | {"response_id": reply.response_id}
