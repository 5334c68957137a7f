"""The values of one request and one reply, in the API's own words (PROTOCOL.md sections 2 and 3), and their text.

They know nothing of JSON, disks or terminals; `wire` writes and reads them, `store` keeps them. Damaged names, pastes
and JSON (`"\\ud83d"`) contain halves of characters (surrogates), which no disk, terminal or wire takes.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, NewType

from lmchat.advice import Action, Do
from lmchat.dataclass import dataclass, field, field_names, replace
from lmchat.errors import StreamBrokenError

ResponseId = NewType("ResponseId", str)

MESSAGE_GAP = "\n\n"
"""What is put between two messages of one reply (they come apart around tool calls)."""


@dataclass(frozen=True, slots=True)
class Image:
    """A picture sent with a prompt; `media_type` is like `image/png`, sizes are in pixels."""

    name: str
    media_type: str
    data: bytes = field(repr=False)
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a person asks in one turn."""

    text: str
    images: tuple[Image, ...] = ()


OptionValue = float | int | str


@dataclass(frozen=True, slots=True, init=False)
class Options:
    """The options of a request by the API's own names; one that is unset (None) is never sent.

    The settings' table says which there are and which values fit; one of a newer lmchat is passed on as it is.
    """

    _pairs: tuple[tuple[str, OptionValue], ...]

    def __init__(self, **values: OptionValue | None) -> None:
        """Keep the options that are set, in one order, so that the same options are equal."""
        pairs = sorted((name, value) for name, value in values.items() if value is not None)
        object.__setattr__(self, "_pairs", tuple(pairs))

    def given(self) -> dict[str, OptionValue]:
        """Return the options that are set, by their names in the API."""
        return dict(self._pairs)

    def value(self, name: str) -> OptionValue | None:
        """Return one option, None where it is unset."""
        return self.given().get(name)

    def over(self, below: "Options") -> "Options":
        """Return these options, with those of `below` where one is unset here."""
        return Options(**{**below.given(), **self.given()})

    def changed(self, name: str, value: OptionValue | None) -> "Options":
        """Return these options with one set, or (None) unset."""
        return Options(**{**self.given(), name: value})


@dataclass(frozen=True, slots=True)
class Message:
    """A piece of the answer."""

    text: str
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Reasoning:
    """What a model thought before it answered; `seconds` is None where it was not measured."""

    text: str
    seconds: float | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Provider:
    """Where a tool comes from: `kind` is `plugin` or `ephemeral_mcp`, `name` its id or label."""

    kind: str
    name: str
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool call that was made, and what the tool answered."""

    tool: str
    arguments: Mapping[str, Any]
    output: str
    provider: Provider | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class InvalidToolCall:
    """A tool call that could not be made."""

    reason: str
    tool: str = ""
    kind: str = ""
    arguments: Mapping[str, Any] | None = None
    provider: Provider | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class OtherItem:
    """An item of a kind that a newer lmchat knows: kept as it was, and shown by its kind only."""

    kind: str
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)


Item = Message | Reasoning | ToolCall | InvalidToolCall | OtherItem
"""What a reply consists of; `extra` of each is what a newer lmchat kept beside what this one knows."""


@dataclass(frozen=True, slots=True)
class Stats:
    """What the server measured; times are in seconds, None where it sent nothing."""

    input_tokens: int | None = None
    total_output_tokens: int | None = None
    reasoning_output_tokens: int | None = None
    tokens_per_second: float | None = None
    time_to_first_token_seconds: float | None = None
    model_load_time_seconds: float | None = None
    extra: Mapping[str, float | int] = field(default_factory=dict, repr=False)

    def given(self) -> dict[str, float | int]:
        """Return the numbers that are known, by their names in the API; `extra` are those of a newer lmchat."""
        values = {name: getattr(self, name) for name in field_names(self) if name != "extra"}
        return {**self.extra, **{name: value for name, value in values.items() if value is not None}}

    @property
    def context_used(self) -> int | None:
        """Return how many tokens of the context this turn ended with (input counts the whole chain)."""
        if self.input_tokens is None:
            return None
        return self.input_tokens + (self.total_output_tokens or 0)


class Cut(Enum):
    """What ended a reply before the model did; LENGTH is a limit of the server's own, or the context."""

    MAX_TOKENS = "max_tokens"
    CONTEXT = "context"
    LENGTH = "length"
    CONTENT_FILTER = "content_filter"

    @property
    def why(self) -> str:
        """Say what happened."""
        return _WHY[self]


_WHY = {
    Cut.MAX_TOKENS: "the limit of output tokens was reached",
    Cut.CONTEXT: "the context is full",
    Cut.LENGTH: "a limit of the server's own, or the context, was reached",
    Cut.CONTENT_FILTER: "the server's content filter ended it",
}

_NEARLY = 2
"""Tokens that a full context may lack: servers count the last one, or the end mark, or do not."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered, or as much of it as came; `response_id` is None for a part."""

    items: tuple[Item, ...] = ()
    response_id: ResponseId | None = None
    stats: Stats = field(default_factory=Stats)
    model_instance_id: str = ""

    @property
    def text(self) -> str:
        """Return the answer itself, without reasoning and tools."""
        return MESSAGE_GAP.join(item.text for item in self.items if isinstance(item, Message) and item.text)

    @property
    def reasoning(self) -> str:
        """Return everything the model thought."""
        return MESSAGE_GAP.join(item.text for item in self.items if isinstance(item, Reasoning) and item.text)

    @property
    def tool_calls(self) -> tuple[ToolCall | InvalidToolCall, ...]:
        """Return the tool calls, made and failed, in their order."""
        return tuple(item for item in self.items if isinstance(item, ToolCall | InvalidToolCall))

    @property
    def answers(self) -> bool:
        """Tell whether the reply is more than reasoning."""
        return bool(self.text or self.tool_calls)

    def with_seconds(self, gathered: Sequence[Item]) -> "Reply":
        """Return the reply with the seconds of thought that were measured while it came."""
        measured = iter([item.seconds for item in gathered if isinstance(item, Reasoning)])
        items = (
            replace(item, seconds=next(measured, None)) if isinstance(item, Reasoning) else item for item in self.items
        )
        return replace(self, items=tuple(items))

    def cut_by(self, said: Cut | None, context_size: Callable[["Reply"], int | None]) -> Cut | None:
        """Return what cut the reply: what the server said, or that the context was full when it ended.

        `context_size` returns how many tokens fit into the context of the model that answered, None if unknown.
        """
        used = self.stats.context_used
        if said not in {None, Cut.LENGTH} or used is None:
            return said
        room = context_size(self)
        return Cut.CONTEXT if room is not None and room - _NEARLY <= used <= room else said

    def require_answer(self, limit: object) -> None:
        """Raise StreamBrokenError where there is no message and no tool call; `limit` is that of output tokens."""
        if self.answers:
            return
        used = self.stats.total_output_tokens
        if isinstance(limit, int) and used is not None and used >= limit:
            raise StreamBrokenError(
                f"The limit of {limit} output tokens was used up before the answer began.",
                hint=("Raise it: ", Do(Action.SET_OPTION, "max_output_tokens N")),
            )
        hint = "Try again, or choose another model."
        raise StreamBrokenError("The server ended the reply without an answer.", hint=hint)


def join_surrogates(text: str) -> str:
    """Return text that can be encoded: halves of a character are joined, or replaced where the other is missing."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def ends_torn(text: str) -> bool:
    """Tell whether a text ends with the first half of a character."""
    return "\ud800" <= text[-1:] <= "\udbff"


class SurrogateJoiner:
    """A stream of chunks in which split characters are joined; `waiting` is a half whose other half may follow."""

    def __init__(self) -> None:
        self.waiting = ""

    def feed(self, chunk: str) -> str:
        """Return what can be passed on now."""
        text = self.waiting + chunk
        self.waiting = text[-1] if ends_torn(text) else ""
        return join_surrogates(text[: len(text) - len(self.waiting)])

    def flush(self) -> str:
        """Return what is left, at the end of the text."""
        text, self.waiting = self.waiting, ""
        return join_surrogates(text)
