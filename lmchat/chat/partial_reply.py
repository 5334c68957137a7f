"""A reply as it comes: its parts in order, whether it answers, and what cut it."""

from collections.abc import Callable, Sequence
from datetime import datetime
from io import StringIO

from lmchat.advice import Action, Do
from lmchat.chat.events import (
    Event,
    MessageDelta,
    Part,
    PartEnded,
    PartStarted,
    ReasoningDelta,
    Started,
    ToolDone,
    ToolFailed,
    ToolNamed,
    ToolStarted,
)
from lmchat.chat.request import ChatRequest
from lmchat.chat.values import Cut, Item, Message, Reasoning, Reply
from lmchat.dataclass import dataclass, field, replace
from lmchat.errors import StreamBrokenError


@dataclass(slots=True)
class PartialReply:
    """The items of one reply, collected while it comes.

    `size` counts what came, so that two looks tell whether there is more.
    """

    settled: list[Item] = field(default_factory=list)
    model_instance_id: str = ""
    part: Part | None = None
    # One growing text: a million short strings take ten times the memory.
    text: StringIO = field(default_factory=StringIO)
    since: datetime | None = None
    until: datetime | None = None
    size: int = 0

    def add(self, event: Event, at: datetime) -> None:
        """Take in one event that came at `at`; most kinds add nothing to the reply."""
        match event:
            case Started(model_instance_id):
                self.model_instance_id = model_instance_id
            case MessageDelta(text):
                self._text(Part.MESSAGE, text, at)
            case ReasoningDelta(text):
                self._text(Part.REASONING, text, at)
            case PartStarted() | PartEnded():
                self._close(at)
                # The clock of a stretch of reasoning starts with it, not with its first word.
                self.since = at
            case ToolStarted() | ToolNamed():
                self._close(at)
            case ToolDone(call) | ToolFailed(call):
                self._close(at)
                self.settled.append(call)
                self.size += 1
            case _:
                pass

    def reply(self) -> Reply:
        """Return what has come so far; it has no `response_id`."""
        return Reply(items=(*self.settled, *self._open()), model_instance_id=self.model_instance_id)

    def _text(self, part: Part, text: str, at: datetime) -> None:
        if part is not self.part:
            begun = self.since if not self.text.tell() else None
            self._close(at)
            self.part, self.since = part, begun or at
        self.text.write(text)
        self.until = at
        self.size += 1

    def _close(self, at: datetime) -> None:
        if self.text.tell():
            self.until = at
        self.settled.extend(self._open())
        self.text, self.part, self.since = StringIO(), None, None

    def _open(self) -> list[Item]:
        text = self.text.getvalue()
        if not text or self.part is None:
            return []
        if self.part is Part.MESSAGE:
            return [Message(text)]
        measured = (self.until - self.since).total_seconds() if self.since and self.until else None
        return [Reasoning(text, seconds=measured)]


def with_seconds(reply: Reply, gathered: Sequence[Item]) -> Reply:
    """Return the server's reply with the seconds of thought that were measured while it came."""
    measured = iter([item.seconds for item in gathered if isinstance(item, Reasoning)])
    items = [
        replace(item, seconds=next(measured, None)) if isinstance(item, Reasoning) else item for item in reply.items
    ]
    return replace(reply, items=tuple(items))


_NEARLY = 2
"""Tokens that a full context may lack: servers count the last one, or the end mark, or do not."""


def cut_of(reply: Reply, said: Cut | None, holds: Callable[[Reply], int | None]) -> Cut | None:
    """Return what cut a reply: what the server said, or that the context was full when it ended.

    `holds` gives the tokens that fit into the context of what answered, None where that is not known.
    """
    used = reply.stats.context_used
    if said not in {None, Cut.LENGTH} or used is None:
        return said
    room = holds(reply)
    return Cut.CONTEXT if room is not None and room - _NEARLY <= used <= room else said


def answers(reply: Reply) -> bool:
    """Tell whether a reply is more than reasoning."""
    return bool(reply.text or reply.tool_calls)


def require_answer(reply: Reply | None, request: ChatRequest, *, came: bool) -> None:
    """Raise StreamBrokenError for a reply that never ended, or holds no message and no tool call."""
    if reply is None:
        hint = "What came is kept; the next prompt carries it along." if came else "Try again."
        raise StreamBrokenError("The reply ended before it was complete.", hint=hint)
    if answers(reply):
        return
    limit, used = request.options.value("max_output_tokens"), reply.stats.total_output_tokens
    if isinstance(limit, int) and used is not None and used >= limit:
        raise StreamBrokenError(
            f"The limit of {limit} output tokens was used up before the answer began.",
            hint=("Raise it: ", Do(Action.SET_OPTION, "max_output_tokens N")),
        )
    raise StreamBrokenError("The server ended the reply without an answer.", hint="Try again, or choose another model.")
