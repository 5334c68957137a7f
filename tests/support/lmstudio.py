"""A small LM Studio made of bytes written by hand (PROTOCOL.md sections 3 to 5), which answers by route."""

import json
import threading
from collections.abc import Callable
from typing import Any

from tests.support.scripted import Answer, Request, ScriptedServer, Steps, answer, stream

BIG = {
    "type": "llm", "key": "acme/big", "display_name": "Big", "size_bytes": 12_000_000_000, "max_context_length": 8192,
    "loaded_instances": [{"id": "acme/big", "config": {"context_length": 1000}}],
    "capabilities": {"vision": False, "reasoning": {"allowed_options": ["low", "xhigh"], "default": "low"}},
}  # fmt: skip
EYES = {
    "type": "llm", "key": "acme/eyes", "display_name": "Eyes", "loaded_instances": [], "max_context_length": 4096,
    "capabilities": {"vision": True},
}  # fmt: skip
EMBEDDING = {"type": "embedding", "key": "acme/vectors", "loaded_instances": []}


def event(kind: str, **data: Any) -> bytes:
    """Write one frame of a stream."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n".encode()


def ended(text: str, number: int = 1, *, tokens: int = 40, output: list[dict[str, Any]] | None = None) -> bytes:
    """Write the frame that ends a reply."""
    result = {
        "model_instance_id": "acme/big",
        "output": output or [{"type": "message", "content": text}],
        "stats": {"input_tokens": tokens, "total_output_tokens": 10, "tokens_per_second": 50.0},
        "response_id": f"resp_{number:048x}",
    }
    return event("chat.end", result=result)


def spoken(text: str, number: int = 1, *, tokens: int = 40) -> Steps:
    """Answer with an ordinary reply."""
    started = event("chat.start", model_instance_id="acme/big")
    return stream(started, event("message.delta", content=text), ended(text, number, tokens=tokens))


def refused(message: str = "No.", param: str = "model") -> Steps:
    """Answer with a refusal."""
    return answer(400, json.dumps({"error": {"message": message, "type": "invalid_request", "param": param}}))


class Studio:
    """Answer chats with `replies`, one after the other and then numbered ones; every other route as LM Studio does."""

    def __init__(self, *replies: Answer, models: tuple[dict[str, Any], ...] = (BIG, EYES, EMBEDDING)) -> None:
        self.replies = list(replies)
        self.models = models
        self.routes: dict[str, Callable[[Request], Steps]] = {}
        self.chats: list[dict[str, Any]] = []
        self.asked = threading.Event()
        self.server = ScriptedServer(self._answer)

    def _answer(self, request: Request) -> Steps:
        for route, answering in self.routes.items():
            if request.path.startswith(route):
                return answering(request)
        if request.path == "/api/v1/models":
            return answer(200, json.dumps({"models": self.models}))
        if request.path == "/lmstudio-greeting":
            return answer(200, '{"lmstudio": true}')
        if request.path != "/api/v1/chat":
            return answer(200, '{"error": "Unexpected endpoint or method."}')
        self.chats.append(request.json)
        self.asked.set()
        if not self.replies:
            return spoken(f"Reply {len(self.chats)}.", len(self.chats))
        given = self.replies.pop(0)
        return given(request) if callable(given) else given
