"""One exchange with a server as values: the request, the events of the reply, and how it went.

`Event` is a closed union, so that every `match` over it ends in `assert_never`. Most events come from the server
(PROTOCOL.md section 4); `Quiet`, `Resending` and `Branched` are lmchat's own.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from enum import Enum
from typing import Any

from lmchat.chat.models import Integration
from lmchat.chat.session import Session, Turn
from lmchat.chat.values import Cut, InvalidToolCall, Options, Prompt, Provider, Reply, ResponseId, ToolCall
from lmchat.dataclass import dataclass, field
from lmchat.errors import LmchatError, RefusedError

PARTLY_KEPT = "What came is kept, and the next prompt includes it."
"""The hint for a reply of which a part came."""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A prompt, and everything a server needs to answer it.

    `follows` is the reply that the server keeps and this prompt follows; `history` are the turns since, which the
    server lacks, oldest first, and `left_out` counts still older ones for which there is no room. `system_prompt` is
    always set where there is one, also where the chain that is followed has it already. A reply with a `schema` is
    JSON of that form.
    """

    model: str
    prompt: Prompt
    follows: ResponseId | None = None
    history: tuple[Turn, ...] = ()
    left_out: int = 0
    system_prompt: str = ""
    options: Options = field(default_factory=Options)
    integrations: tuple[Integration, ...] = ()
    store: bool = True
    schema: Mapping[str, Any] | None = None

    @property
    def resent_characters(self) -> int:
        """Return how many characters of earlier turns are sent, without what a dialect writes around them."""
        return sum(len(turn.prompt.text) + len(turn.reply.text) for turn in self.history)


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

    `sent` counts the earlier turns that were sent with the prompt; None where the server keeps them itself.
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
    """Nothing has come for a moment: time to paint and to save what came before."""


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
    """Earlier turns are sent again as text: how many, how long, and how many were left out."""

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


Send = Callable[[ChatRequest], Generator[Event, None, None]]
Show = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Exchange:
    """How a turn went: the session after it, the turn, the id it followed, how many turns were sent again.

    `failure` is what it failed with; for an interrupted turn it is None.
    """

    session: Session
    turn: Turn
    followed: ResponseId | None
    resent: int
    failure: LmchatError | None = None


def why_resent(session: Session, server: str, unsent: Sequence[Turn], *, keeps: bool, private: bool) -> Reason | None:
    """Say why `unsent` is sent, by what the newest of it lacks.

    None where the last turn said so already: to a server that keeps nothing (not `keeps`), all is sent each time.
    """
    newest = unsent[-1]
    if not keeps:
        known = newest.server == server and newest.reply.response_id is None and len(unsent) > 1
        return None if known else Reason.STATELESS
    if newest.summary:
        return Reason.COMPACTED
    if not newest.outcome.answered:
        return Reason.CUT_SHORT
    if newest.server != server:
        return Reason.OTHER_SERVER
    if newest.forgotten:
        return Reason.LOST
    if newest.reply.response_id is None:
        return Reason.PRIVATE if private else Reason.NO_ID
    return Reason.SYSTEM_CHANGED if newest.system != session.system else Reason.LOST


def kept_words(sent: int | None, tokens: int | None) -> str:
    """Say that the server keeps the earlier turns (`sent` None), or how many were sent with a prompt of `tokens`."""
    if sent is None:
        return "kept by the server"
    if not sent:
        return "sent each time"
    turns = f"{sent:,} turn{'' if sent == 1 else 's'}"
    return f"sent each time ({turns}{'' if tokens is None else f', {tokens:,} tokens'})"
