"""A reply as `POST /v1/chat/completions` sends it (PROTOCOL.md section 6)."""

import secrets
import time
from collections.abc import Iterator
from typing import Any

from lmchat.chat.exchange import Finished, MessageDelta, ReasoningDelta, Started
from lmchat.chat.values import Reply
from lmchat.dataclass import dataclass, field
from lmchat.local.answers import DONE, event_frame, openai_error
from lmchat.local.refusals import Refusal
from lmchat.local.turn import Item


@dataclass(slots=True)
class CompletionAnswer:
    """The chunks of one reply; the first says whose it is, the last but one why it ended."""

    usage: bool = False
    model: str = ""
    failed: bool = False
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")
    created: int = field(default_factory=lambda: int(time.time()))

    def frames(self, item: Item) -> Iterator[bytes]:
        """Yield an item as chunks of the stream."""
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
            case Finished(reply, cut) if not self.failed:
                yield self._chunk({}, _finish(cut=cut is not None))
                if self.usage:
                    yield event_frame(self._head("chat.completion.chunk") | {"choices": [], "usage": _usage(reply)})
                yield DONE
            case _:
                pass

    def whole(self, finished: Finished) -> dict[str, Any]:
        """Return the reply as one JSON object."""
        reply = finished.reply
        self.model = reply.model_instance_id
        message = {"role": "assistant", "content": reply.text}
        if reply.reasoning:
            message["reasoning_content"] = reply.reasoning
        choice = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": _finish(cut=finished.cut is not None),
        }
        return self._head("chat.completion") | {"choices": [choice], "usage": _usage(reply)}

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


def _finish(*, cut: bool) -> str:
    return "length" if cut else "stop"


def _usage(reply: Reply) -> dict[str, Any]:
    given, made = reply.stats.input_tokens or 0, reply.stats.total_output_tokens or 0
    return {
        "prompt_tokens": given,
        "completion_tokens": made,
        "total_tokens": given + made,
        "completion_tokens_details": {"reasoning_tokens": reply.stats.reasoning_output_tokens or 0},
    }
