"""The values of one request and one reply, in the API's own words (PROTOCOL.md sections 2 and 3).

They know nothing of JSON, disks or terminals; `wire` writes and reads them, `store` keeps them.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any, NewType

from lmchat.dataclass import dataclass, field, fields

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

    Which there are, and which values fit, the settings' table says; one of a newer lmchat goes through as it is.
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
class Plugin:
    """An integration that is set up in LM Studio: `mcp/label`."""

    id: str
    allowed_tools: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class EphemeralMcp:
    """An MCP server for one request; headers may contain secrets and are never kept or shown."""

    server_label: str
    server_url: str
    allowed_tools: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class OtherIntegration:
    """An integration of a kind that only a newer lmchat knows: kept, but never sent."""

    kind: str
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)


Integration = Plugin | EphemeralMcp | OtherIntegration


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
        values = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "extra"}
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
        return {
            Cut.MAX_TOKENS: "the limit of output tokens was reached",
            Cut.CONTEXT: "the context is full",
            Cut.LENGTH: "a limit of the server's own, or the context, was reached",
            Cut.CONTENT_FILTER: "the server's content filter ended it",
        }[self]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered, or what had come of it; `response_id` is None for a part."""

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
