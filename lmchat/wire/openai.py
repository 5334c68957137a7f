"""OpenAI's two routes, as LM Studio, vLLM, llama-server and many others have them.

`POST /v1/chat/completions` is sent the whole conversation each time. In its chunks nothing is certain: `choices` may be
empty, `content` null, `finish_reason` absent, and usage may come in any of them.

`POST /v1/responses` follows the reply before by its id. A 200 does not prove that the server knew the id: some ignore
it. Only the echo of the id does, and it is looked for before the first word is passed on.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from lmchat.chat.exchange import ChatRequest, Event, Finished, Part, Phase, Progress, Started, Unknown
from lmchat.chat.values import Item, Message, Provider, Reasoning, Reply, ResponseId, Stats, ToolCall
from lmchat.dataclass import dataclass, field
from lmchat.errors import ChainLostError
from lmchat.wire.dialects import Data
from lmchat.wire.messages import RoleMessage, data_url, messages, options
from lmchat.wire.reading import (
    GrowingText,
    Stopwatch,
    cut_by,
    decimal,
    integer,
    mapping,
    read_arguments,
    replay,
    sequence,
    text,
)

_COMPLETIONS_NAMES: Mapping[str, str | None] = {
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
        **options(request, _COMPLETIONS_NAMES),
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


_RESPONSES_NAMES: Mapping[str, str | None] = {"context_length": None}
"""The same for the other route."""


def responses_body(request: ChatRequest, *, stream: bool) -> dict[str, Any]:
    """Return the JSON object of a chat request; raise BadUseError for what the route does not have."""
    given: dict[str, Any] = dict(options(request, _RESPONSES_NAMES))
    if "reasoning" in given:
        given["reasoning"] = {"effort": given["reasoning"]}
    body = {"model": request.model, "input": [_item(each) for each in messages(request)], **given}
    if request.follows is not None:
        body["previous_response_id"] = request.follows
    if not request.store:
        body["store"] = False
    if request.schema is not None:
        body["text"] = {"format": {"type": "json_schema", "name": "reply", "schema": request.schema}}
    if stream:
        # llama-server then reports the progress of a long prompt; others ignore it.
        body |= {"stream": True, "return_progress": True}
    return body


def _item(message: RoleMessage) -> dict[str, Any]:
    # llama-server refuses an answer without its type.
    item: dict[str, Any] = {"type": "message", "role": message.role, "content": message.text}
    if message.images:
        parts = [{"type": "input_text", "text": message.text}] if message.text else []
        item["content"] = parts + [{"type": "input_image", "image_url": data_url(each)} for each in message.images]
    return item


_DELTAS = {
    "response.output_text.delta": Part.MESSAGE,
    "response.refusal.delta": Part.MESSAGE,
    "response.reasoning_text.delta": Part.REASONING,
    "response.reasoning_summary_text.delta": Part.REASONING,
    "response.reasoning.delta": Part.REASONING,
}
_LONE_ENDS = ("response.reasoning_text.done", "response.reasoning_summary_text.done")
_ENDS = ("response.completed", "response.incomplete")


@dataclass(slots=True)
class ResponseReader:
    """The reader of one reply; what came in deltas is kept for servers whose last event repeats none of it."""

    request: ChatRequest
    model: str = ""
    echoed: bool = False
    came: GrowingText = field(default_factory=GrowingText)

    def event(self, kind: str, data: Data) -> Iterator[Event]:
        """Yield the events of one event; raise ChainLostError where the server did not follow what it should."""
        response = mapping(data.get("response"))
        if response:
            self._compare(response)
            if not self.model and text(response.get("model")):
                self.model = text(response.get("model"))
                yield Started(self.model)
        if progress := mapping(data.get("prompt_progress")) or mapping(response.get("prompt_progress")):
            yield prompt_progress(progress)
        if kind in _DELTAS:
            yield from self._piece(_DELTAS[kind], text(data.get("delta")))
        elif kind in _LONE_ENDS and not self.came.of(Part.REASONING):
            yield from self._piece(Part.REASONING, text(data.get("text")))
        elif kind in _ENDS:
            self._require_echo()
            yield from self.came.enter(None)
            yield self._finished(response, mapping(data.get("timings")))
        elif not kind.startswith("response."):
            yield Unknown(kind, data)

    def end(self, *, done: bool) -> Iterator[Event]:
        """Yield nothing: only `response.completed` completes a reply."""
        del done
        yield from ()

    def whole(self, data: Data) -> Iterator[Event]:
        """Yield the events of a reply that did not stream."""
        if not isinstance(data.get("output"), list):
            return
        self._compare(data)
        self._require_echo()
        finished = self._finished(data, mapping(data.get("timings")))
        yield from replay(finished.reply, cut=finished.cut)

    def closing(self, data: Data) -> Data:
        """Return the answer as the event that ends a stream."""
        return {"type": "response.completed", "response": data}

    def _compare(self, response: Data) -> None:
        """Raise ChainLostError for an answer that says it follows something else, or nothing."""
        if self.request.follows is None or "previous_response_id" not in response:
            return
        self.echoed = response["previous_response_id"] == self.request.follows
        self._require_echo()

    def _require_echo(self) -> None:
        if self.request.follows is not None and not self.echoed:
            raise ChainLostError(
                "The server did not follow the reply before: it keeps no conversations.",
                hint="The conversation is kept here: ask again, and it is sent as text.",
                param="previous_response_id",
            )

    def _piece(self, part: Part, piece: str) -> Iterator[Event]:
        if piece:
            self._require_echo()
            yield from self.came.add(part, piece)

    def _finished(self, response: Data, timings: Data) -> Finished:
        items = tuple(_items(response))
        thought, said = self.came.of(Part.REASONING), self.came.of(Part.MESSAGE)
        # What came in pieces may be missing in the end, some of it or all.
        if said and not any(isinstance(item, Message | ToolCall) for item in items):
            items = (*items, Message(said))
        if thought and not any(isinstance(item, Reasoning) for item in items):
            items = (Reasoning(thought), *items)
        # Ollama says that it does not store, and gives an id all the same.
        stored = self.request.store and response.get("store") is not False
        response_id = text(response.get("id")) if stored else ""
        reply = Reply(
            items,
            ResponseId(response_id) if response_id else None,
            usage_stats(mapping(response.get("usage")), timings, self.came.watch),
            self.model or text(response.get("model")),
        )
        word = text(mapping(response.get("incomplete_details")).get("reason"))
        if not word and (response.get("status") == "incomplete" or response.get("incomplete_details")):
            word = "incomplete"
        return Finished(reply, cut_by(self.request, reply.stats.total_output_tokens, word))


def _items(response: Data) -> Iterator[Item]:
    for item in map(mapping, sequence(response.get("output"))):
        match item.get("type"):
            case "message":
                yield Message(_texts(item.get("content")))
            case "reasoning":
                if thought := _texts(item.get("content")) or _texts(item.get("summary")):
                    yield Reasoning(thought)
            case "mcp_call":
                arguments = read_arguments(item.get("arguments")) or {}
                provider = Provider("ephemeral_mcp", text(item.get("server_label")))
                yield ToolCall(text(item.get("name")), arguments, text(item.get("output")), provider)
            case _:
                pass


def _texts(parts: object) -> str:
    if isinstance(parts, str):
        return parts
    return "".join(text(part.get("text")) or text(part.get("refusal")) for part in map(mapping, sequence(parts)))
