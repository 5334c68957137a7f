"""A reply as `POST /api/v1/chat` sends it (PROTOCOL.md sections 3 and 4)."""

import time
from collections.abc import Iterator
from typing import Any

from lmchat.chat.exchange import Finished, MessageDelta, Part, PartEnded, Phase, Progress, ReasoningDelta, Started
from lmchat.chat.values import Message, Reasoning, Reply
from lmchat.dataclass import dataclass
from lmchat.local.answers import event_frame
from lmchat.local.refusals import Refusal
from lmchat.local.turn import Item


@dataclass(slots=True)
class NativeAnswer:
    """The events of one reply; phases and parts begin and end around what they bring. `model` is the one asked for."""

    model: str
    begun: bool = False
    open: str = ""
    since: float = 0.0

    def frames(self, item: Item) -> Iterator[bytes]:
        """Yield an item as events of the stream."""
        for event in self._events(item):
            yield event_frame(event, event["type"])

    def whole(self, finished: Finished) -> dict[str, Any]:
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
            case PartEnded() | Refusal() | Finished():
                yield from self._switch("")
                if isinstance(item, Refusal):
                    yield {"type": "error", "error": item.error}
                if isinstance(item, Finished):
                    yield {"type": "chat.end", "result": _result(item.reply)}
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
