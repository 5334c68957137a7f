"""A reply as `POST /v1/responses` sends it (PROTOCOL.md section 6)."""

import secrets
import time
from collections.abc import Iterator, Mapping
from typing import Any

from lmchat.chat.exchange import Finished, MessageDelta, Part, PartEnded, ReasoningDelta, Started
from lmchat.chat.values import Item as ReplyItem
from lmchat.chat.values import Message, Reasoning, Reply
from lmchat.dataclass import dataclass, field
from lmchat.local.answers import event_frame, openai_error
from lmchat.local.refusals import Refusal
from lmchat.local.requests import ChatBody
from lmchat.local.turn import Item

_NAMES = {Part.MESSAGE: "output_text", Part.REASONING: "reasoning_text"}
_LOGPROBS: Mapping[Part, dict[str, Any]] = {Part.MESSAGE: {"logprobs": []}, Part.REASONING: {}}
_IDS = {Part.MESSAGE: "msg", Part.REASONING: "rs"}


@dataclass(slots=True)
class ResponseAnswer:
    """The events of one reply, numbered; `output` are its items so far."""

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
        """Yield an item as events of the stream."""
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
                yield from self._close("completed")
            case Refusal():
                self.failed = True
                error = openai_error(item)
                yield self._event(
                    "error", error=error, code=error["code"], message=error["message"], param=error["param"]
                )
            case Finished(reply, cut) if not self.failed:
                yield from self._close("completed")
                kind = "incomplete" if cut else "completed"
                yield self._event(f"response.{kind}", response=self._response(kind, reply))
            case _:
                pass

    def whole(self, finished: Finished) -> dict[str, Any]:
        """Return the reply as one JSON object."""
        reply = finished.reply
        self.model = reply.model_instance_id
        self.output = [_item(f"{_IDS[_part(each)]}_{secrets.token_hex(24)}", each) for each in reply.items]
        return self._response("incomplete" if finished.cut else "completed", reply)

    def _delta(self, part: Part, text: str) -> Iterator[bytes]:
        if part is not self.part:
            yield from self._close("completed")
            self.part, self.item_id, self.pieces = part, f"{_IDS[part]}_{secrets.token_hex(24)}", []
            begun = _item(self.item_id, _value(part, "")) | {"status": "in_progress", "content": []}
            yield self._event("response.output_item.added", output_index=len(self.output), item=begun)
            yield self._of_part("response.content_part.added", part=_content(part, ""))
        self.pieces.append(text)
        yield self._of_part(f"response.{_NAMES[part]}.delta", delta=text, **_LOGPROBS[part])

    def _close(self, status: str) -> Iterator[bytes]:
        """End the item that is open."""
        if self.part is None:
            return
        part, text = self.part, "".join(self.pieces)
        yield self._of_part(f"response.{_NAMES[part]}.done", text=text, **_LOGPROBS[part])
        yield self._of_part("response.content_part.done", part=_content(part, text))
        done = _item(self.item_id, _value(part, text)) | {"status": status}
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
            "usage": None if reply is None else _usage(reply),
        }


def _part(item: ReplyItem) -> Part:
    return Part.REASONING if isinstance(item, Reasoning) else Part.MESSAGE


def _value(part: Part, text: str) -> Message | Reasoning:
    return Message(text) if part is Part.MESSAGE else Reasoning(text)


def _item(item_id: str, item: ReplyItem) -> dict[str, Any]:
    text = item.text if isinstance(item, Message | Reasoning) else ""
    content = [_content(_part(item), text)]
    if isinstance(item, Reasoning):
        return {"id": item_id, "type": "reasoning", "summary": [], "content": content, "status": "completed"}
    return {"id": item_id, "type": "message", "role": "assistant", "status": "completed", "content": content}


def _content(part: Part, text: str) -> dict[str, Any]:
    if part is Part.REASONING:
        return {"type": "reasoning_text", "text": text}
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _usage(reply: Reply) -> dict[str, Any]:
    given, made = reply.stats.input_tokens or 0, reply.stats.total_output_tokens or 0
    return {
        "input_tokens": given,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": made,
        "output_tokens_details": {"reasoning_tokens": reply.stats.reasoning_output_tokens or 0},
        "total_tokens": given + made,
    }
