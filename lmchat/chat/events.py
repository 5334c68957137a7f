"""The events of one turn: a closed union, so that every `match` over it ends in `assert_never`.

Most come from the server (PROTOCOL.md section 4); `Quiet`, `Resending` and `Branched` are lmchat's own.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any

from lmchat.chat.values import Cut, InvalidToolCall, Provider, Reply, ToolCall
from lmchat.dataclass import dataclass
from lmchat.errors import RefusedError


class Phase(Enum):
    """What a server does before it generates."""

    MODEL_LOAD = "model_load"
    PROMPT_PROCESSING = "prompt_processing"


class Part(Enum):
    """What a delta belongs to."""

    REASONING = "reasoning"
    MESSAGE = "message"


@dataclass(frozen=True, slots=True)
class Started:
    """The server has begun with this turn."""

    model_instance_id: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a phase is, 0 to 1; `fraction` is None where it is not known, `done` at its end."""

    phase: Phase
    fraction: float | None = None
    done: bool = False


@dataclass(frozen=True, slots=True)
class PartStarted:
    """A new message or a new stretch of reasoning begins."""

    part: Part


@dataclass(frozen=True, slots=True)
class PartEnded:
    """A message or a stretch of reasoning is over."""

    part: Part


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """The next characters of the reasoning."""

    text: str


@dataclass(frozen=True, slots=True)
class MessageDelta:
    """The next characters of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """A tool call begins; the tool may not be known yet (empty)."""

    tool: str = ""
    provider: Provider | None = None


@dataclass(frozen=True, slots=True)
class ToolNamed:
    """More of the call that began last: its tool (empty if unknown), its arguments (None if unknown)."""

    tool: str = ""
    arguments: Mapping[str, Any] | None = None
    provider: Provider | None = None


@dataclass(frozen=True, slots=True)
class ToolDone:
    """A finished tool call with its output."""

    call: ToolCall


@dataclass(frozen=True, slots=True)
class ToolFailed:
    """A tool call that could not be made."""

    call: InvalidToolCall


@dataclass(frozen=True, slots=True)
class Fault:
    """An error from the middle of a stream; the turn has failed, though more may come."""

    error: RefusedError


@dataclass(frozen=True, slots=True)
class Finished:
    """The whole reply, as the server stored it; `cut` is what ended it before the model did.

    `sent` counts the earlier turns that came with the prompt, since the server keeps none; None where it keeps them.
    """

    reply: Reply
    cut: Cut | None = None
    sent: int | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """An event of a kind that lmchat does not know."""

    name: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Quiet:
    """Nothing has come for a moment: time to paint and to save what is held back."""


class Reason(Enum):
    """Why turns are sent again."""

    LOST = "the server no longer has this conversation"
    CUT_SHORT = "the server has no copy of a reply that was cut short"
    SYSTEM_CHANGED = "the system prompt changed"
    OTHER_SERVER = "this server does not have this conversation"
    COMPACTED = "the conversation was compacted"
    STATELESS = "this server keeps no conversations"
    NO_ID = "the server gave no id that could be followed"
    PRIVATE = "the server keeps nothing of a private conversation"


@dataclass(frozen=True, slots=True)
class Resending:
    """Earlier turns go along as text: how many, how long, and how many were left out."""

    reason: Reason
    turns: int
    characters: int
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Branched:
    """Another program moved the session's head meanwhile, so this turn became a branch."""

    turn: int


Event = (
    Started
    | Progress
    | PartStarted
    | PartEnded
    | ReasoningDelta
    | MessageDelta
    | ToolStarted
    | ToolNamed
    | ToolDone
    | ToolFailed
    | Fault
    | Finished
    | Unknown
    | Quiet
    | Resending
    | Branched
)


def kept_words(sent: int | None, tokens: int | None) -> str:
    """Say who keeps the earlier turns: the server (`sent` None), or else how many came with a prompt of `tokens`."""
    if sent is None:
        return "kept by the server"
    if not sent:
        return "sent each time"
    turns = f"{sent:,} turn{'' if sent == 1 else 's'}"
    return f"sent each time ({turns}{'' if tokens is None else f', {tokens:,} tokens'})"
