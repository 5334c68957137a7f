"""`POST /v1/chat/completions`, as many servers have it: the whole conversation is sent each time.

In its chunks nothing is certain: `choices` may be empty, `content` null, `finish_reason` absent, and usage may come in
any of them.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from lmchat.chat.exchange import (
    ChatRequest,
    Event,
    Finished,
    Part,
    Phase,
    Progress,
    Started,
)
from lmchat.chat.values import Item, Message, Reasoning, Reply, Stats
from lmchat.dataclass import dataclass, field
from lmchat.wire.dialects import Data
from lmchat.wire.messages import RoleMessage, data_url, messages, options
from lmchat.wire.reading import GrowingText, Stopwatch, cut_by, decimal, integer, mapping, sequence, text

NAMES: Mapping[str, str | None] = {
    "max_output_tokens": "max_tokens",
    "reasoning": "reasoning_effort",
    "context_length": None,
}
"""Options whose name differs from lmchat's; None: the route has no such option."""


def completions_body(request: ChatRequest, *, stream: bool) -> dict[str, Any]:
    """Return the JSON object of a chat request; raise BadUseError for what the route does not have."""
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [_message(each) for each in messages(request)],
        **options(request, NAMES),
    }
    if request.schema is not None:
        form = {"name": "reply", "schema": request.schema}
        body["response_format"] = {"type": "json_schema", "json_schema": form}
    if stream:
        # llama-server then reports the progress of a long prompt; others ignore it.
        body |= {"stream": True, "stream_options": {"include_usage": True}, "return_progress": True}
    return body


def _message(message: RoleMessage) -> dict[str, Any]:
    if not message.images:
        return {"role": message.role, "content": message.text}
    parts: list[dict[str, Any]] = [{"type": "text", "text": message.text}] if message.text else []
    parts += [{"type": "image_url", "image_url": {"url": data_url(image)}} for image in message.images]
    return {"role": message.role, "content": parts}


@dataclass(slots=True)
class CompletionReader:
    """The reader of one reply; its text is collected here, since no chunk repeats all of it."""

    request: ChatRequest
    model: str = ""
    finish: str = ""
    came: GrowingText = field(default_factory=GrowingText)
    usage: Mapping[str, Any] = field(default_factory=dict)
    timings: Mapping[str, Any] = field(default_factory=dict)

    def event(self, kind: str, data: Data) -> Iterator[Event]:
        """Yield the events of one chunk."""
        del kind  # chunks have none
        if not self.model and text(data.get("model")):
            self.model = text(data.get("model"))
            yield Started(self.model)
        self.usage = mapping(data.get("usage")) or self.usage
        self.timings = mapping(data.get("timings")) or self.timings
        if progress := mapping(data.get("prompt_progress")):
            yield prompt_progress(progress)
        for choice in sequence(data.get("choices")):
            yield from self._choice(mapping(choice))

    def end(self, *, done: bool) -> Iterator[Event]:
        """Yield the reply, unless the stream just stopped."""
        if self.finish == "error" or not (done or self.finish):
            return
        yield from self.came.enter(None)
        reply = self._reply()
        cut = self.finish in {"length", "content_filter"}
        yield Finished(reply, cut_by(self.request, reply.stats.total_output_tokens, self.finish) if cut else None)

    def whole(self, data: Data) -> Iterator[Event]:
        """Yield the events of a reply that did not stream."""
        if isinstance(data.get("choices"), list):
            yield from self.event("", data)
            yield from self.end(done=True)

    def closing(self, data: Data) -> Data:
        """Return the answer as it is: a chunk has the same shape."""
        return data

    def _choice(self, choice: Data) -> Iterator[Event]:
        delta = mapping(choice.get("delta")) or mapping(choice.get("message"))
        thought = text(delta.get("reasoning_content")) or text(delta.get("reasoning"))
        yield from self.came.add(Part.REASONING, thought)
        yield from self.came.add(Part.MESSAGE, text(delta.get("content")))
        self.finish = text(choice.get("finish_reason")) or self.finish

    def _reply(self) -> Reply:
        thought, said = self.came.of(Part.REASONING), self.came.of(Part.MESSAGE)
        items: tuple[Item, ...] = (*([Reasoning(thought)] if thought else []), *([Message(said)] if said else []))
        return Reply(items, None, usage_stats(self.usage, self.timings, self.came.watch), self.model)


def prompt_progress(data: Data) -> Progress:
    """Read how far llama-server is with a prompt."""
    total, processed = decimal(data.get("total")) or 0.0, decimal(data.get("processed")) or 0.0
    fraction = min(max(processed / total, 0.0), 1.0) if total else None
    return Progress(Phase.PROMPT_PROCESSING, fraction, done=fraction == 1.0)


def usage_stats(usage: Data, timings: Data, watch: Stopwatch) -> Stats:
    """Read what was used, by either route's names; times are llama-server's own, or else measured here."""
    details = mapping(usage.get("completion_tokens_details")) or mapping(usage.get("output_tokens_details"))
    made = integer(usage.get("completion_tokens"))
    made = integer(usage.get("output_tokens")) if made is None else made
    given = integer(usage.get("prompt_tokens"))
    return Stats(
        input_tokens=integer(usage.get("input_tokens")) if given is None else given,
        total_output_tokens=made,
        reasoning_output_tokens=integer(details.get("reasoning_tokens")),
        tokens_per_second=decimal(timings.get("predicted_per_second")) or watch.tokens_per_second(made),
        time_to_first_token_seconds=watch.first if watch.pieces > 1 else None,
    )
