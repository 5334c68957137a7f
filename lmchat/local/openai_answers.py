"""Replies as the OpenAI-style routes send them (PROTOCOL.md section 6)."""

import secrets
import time
from collections.abc import Iterator
from typing import Any

from lmchat.chat.exchange import Finished, MessageDelta, Part, PartEnded, ReasoningDelta, Started
from lmchat.chat.values import Message, Reasoning, Reply
from lmchat.dataclass import dataclass, field
from lmchat.local.answers import event_frame, openai_error
from lmchat.local.refusals import Refusal
from lmchat.local.requests import ChatBody
from lmchat.local.turn import Item


@dataclass(slots=True)
class CompletionAnswer:
    """One reply as `POST /v1/chat/completions` sends it.

    The first chunk has the role, the last but one the reason why the reply ended.
    """

    usage: bool = False
    model: str = ""
    failed: bool = False
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")
    created: int = field(default_factory=lambda: int(time.time()))

    def frames(self, item: Item) -> Iterator[bytes]:
        """Yield the chunks that an item makes."""
        match item:
            case Started(model):
                self.model = model
                yield self._chunk({"role": "assistant", "content": ""})
            case ReasoningDelta(text):
                yield self._chunk({"reasoning_content": text})
            case MessageDelta(text):
                yield self._chunk({"content": text})
            case Refusal():
                self.failed = True
                yield event_frame({"error": openai_error(item)}, "error")
            case Finished(reply) if not self.failed:
                yield self._chunk({}, _reason(item))
                if self.usage:
                    used = {"choices": [], "usage": _usage(reply, "prompt", "completion")}
                    yield event_frame(self._head("chat.completion.chunk") | used)
                yield b"data: [DONE]\n\n"
            case _:
                pass

    def complete(self, finished: Finished) -> dict[str, Any]:
        """Return the reply as one JSON object."""
        reply = finished.reply
        self.model = reply.model_instance_id
        message = {"role": "assistant", "content": reply.text}
        if reply.reasoning:
            message["reasoning_content"] = reply.reasoning
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _reason(finished)}
        return self._head("chat.completion") | {"choices": [choice], "usage": _usage(reply, "prompt", "completion")}

    def _chunk(self, delta: dict[str, str], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return event_frame(self._head("chat.completion.chunk") | {"choices": [choice]})

    def _head(self, kind: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": self.model,
        }


@dataclass(slots=True)
class ResponseAnswer:
    """One reply as `POST /v1/responses` sends it: numbered events; `output` are the items so far."""

    body: ChatBody
    response_id: str
    model: str = ""
    number: int = 0
    failed: bool = False
    part: Part | None = None
    item_id: str = ""
    pieces: list[str] = field(default_factory=list)
    output: list[dict[str, Any]] = field(default_factory=list)
    created: int = field(default_factory=lambda: int(time.time()))

    def frames(self, item: Item) -> Iterator[bytes]:
        """Yield the events that an item makes."""
        match item:
            case Started(model):
                self.model = model
                for kind in ("created", "in_progress"):
                    yield self._event(f"response.{kind}", response=self._response("in_progress"))
            case ReasoningDelta(text):
                yield from self._delta(Part.REASONING, text)
            case MessageDelta(text):
                yield from self._delta(Part.MESSAGE, text)
            case PartEnded():
                yield from self._close()
            case Refusal():
                self.failed = True
                yield from self._close()
                error = openai_error(item)
                details = {key: error[key] for key in ("code", "message", "param")}
                yield self._event("error", error=error, **details)
            case Finished(reply) if not self.failed:
                yield from self._close()
                yield self._event(f"response.{_status(item)}", response=self._response(_status(item), reply))
            case _:
                pass

    def complete(self, finished: Finished) -> dict[str, Any]:
        """Return the reply as one JSON object."""
        reply = finished.reply
        self.model = reply.model_instance_id
        for each in reply.items:
            if isinstance(each, Message | Reasoning):
                part = Part.REASONING if isinstance(each, Reasoning) else Part.MESSAGE
                self.output.append(_item(_new_id(part), part, each.text))
        return self._response(_status(finished), reply)

    def _delta(self, part: Part, text: str) -> Iterator[bytes]:
        if part is not self.part:
            yield from self._close()
            self.part, self.item_id, self.pieces = part, _new_id(part), []
            begun = _item(self.item_id, part, "") | {"status": "in_progress", "content": []}
            yield self._event("response.output_item.added", output_index=len(self.output), item=begun)
            yield self._of_part("response.content_part.added", part=_content(part, ""))
        self.pieces.append(text)
        yield self._of_part(f"response.{_NAMES[part]}.delta", delta=text, **_logprobs(part))

    def _close(self) -> Iterator[bytes]:
        """End the item that is open."""
        if self.part is None:
            return
        part, text = self.part, "".join(self.pieces)
        yield self._of_part(f"response.{_NAMES[part]}.done", text=text, **_logprobs(part))
        yield self._of_part("response.content_part.done", part=_content(part, text))
        done = _item(self.item_id, part, text)
        yield self._event("response.output_item.done", output_index=len(self.output), item=done)
        self.output.append(done)
        self.part = None

    def _of_part(self, kind: str, **data: Any) -> bytes:
        return self._event(kind, item_id=self.item_id, output_index=len(self.output), content_index=0, **data)

    def _event(self, kind: str, **data: Any) -> bytes:
        self.number += 1
        return event_frame({"type": kind, "sequence_number": self.number - 1, **data}, kind)

    def _response(self, status: str, reply: Reply | None = None) -> dict[str, Any]:
        body = self.body
        wanted: dict[str, Any] = {"type": "text"}
        if body.schema is not None:
            wanted = {"type": "json_schema", "name": "reply", "schema": body.schema}
        return {
            "id": self.response_id,
            "object": "response",
            "created_at": self.created,
            "status": status,
            "error": None,
            "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
            "instructions": body.instructions,
            "max_output_tokens": body.max_output_tokens,
            "metadata": {},
            "model": self.model,
            "output": list(self.output) if reply else [],
            "parallel_tool_calls": True,
            "previous_response_id": body.previous_response_id,
            "reasoning": {"effort": body.reasoning, "summary": None},
            "store": body.store,
            "temperature": body.sampling.get("temperature"),
            "text": {"format": wanted},
            "tool_choice": "auto",
            "tools": [],
            "top_p": body.sampling.get("top_p"),
            "truncation": "auto",
            "usage": None if reply is None else _response_usage(reply),
        }


_NAMES = {Part.MESSAGE: "output_text", Part.REASONING: "reasoning_text"}


def _new_id(part: Part) -> str:
    return f"{'rs' if part is Part.REASONING else 'msg'}_{secrets.token_hex(24)}"


def _item(item_id: str, part: Part, text: str) -> dict[str, Any]:
    item = {"id": item_id, "status": "completed", "content": [_content(part, text)]}
    if part is Part.REASONING:
        return item | {"type": "reasoning", "summary": []}
    return item | {"type": "message", "role": "assistant"}


def _content(part: Part, text: str) -> dict[str, Any]:
    content = {"type": _NAMES[part], "text": text, **_logprobs(part)}
    return content if part is Part.REASONING else content | {"annotations": []}


def _logprobs(part: Part) -> dict[str, Any]:
    return {} if part is Part.REASONING else {"logprobs": []}


def _status(finished: Finished) -> str:
    return "incomplete" if finished.cut else "completed"


def _reason(finished: Finished) -> str:
    return "length" if finished.cut else "stop"


def _response_usage(reply: Reply) -> dict[str, Any]:
    return _usage(reply, "input", "output") | {"input_tokens_details": {"cached_tokens": 0}}


def _usage(reply: Reply, given: str, made: str) -> dict[str, Any]:
    """Return the token counts by the names that a route has for what it was given and what it made."""
    stats = reply.stats
    asked, answered = stats.input_tokens or 0, stats.total_output_tokens or 0
    return {
        f"{given}_tokens": asked,
        f"{made}_tokens": answered,
        "total_tokens": asked + answered,
        f"{made}_tokens_details": {"reasoning_tokens": stats.reasoning_output_tokens or 0},
    }
