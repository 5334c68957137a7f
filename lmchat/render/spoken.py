"""What goes on in a turn as plain lines, each once: for terminals that nothing can be painted over on."""

from collections.abc import Callable

from lmchat.chat.exchange import Event, MessageDelta, PartEnded, ReasoningDelta, ToolDone, ToolFailed
from lmchat.render.notes import call_note, invalid_call_note, thought_note
from lmchat.render.progress import Activity

_PATIENCE = 2.0
"""Seconds a wait lasts before a word is lost about it: a line cannot be taken back."""


class Spoken:
    """The progress of one turn; `say` writes a line, `thoughts` tells whether thinking is worth one."""

    def __init__(self, now: float, say: Callable[[str], None], *, thoughts: bool) -> None:
        self._activity = Activity(now)
        self._say = say
        self._thoughts = thoughts
        self._thinking_since: float | None = None
        self._said = ""

    def observe(self, event: Event, now: float) -> None:
        """Say what is new with an event at the time `now`, in seconds."""
        self._activity.observe(event, now)
        match event:
            case ReasoningDelta(text) if text and self._thinking_since is None:
                self._thinking_since = now
            case MessageDelta():
                self._end_thought(now)
                self._activity.wait(now)
            case PartEnded():
                self._end_thought(now)
            case ToolDone(call):
                self._once(f"Called {call_note(call.tool, call.arguments)}.")
            case ToolFailed(call):
                self._once(f"A call failed: {invalid_call_note(call)}.")
            case _:
                pass
        if self._thinking_since is None:
            self._once(self._activity.words(now, _PATIENCE))
        elif self._thoughts and now - self._thinking_since >= _PATIENCE:
            self._once("Thinking.")

    def _end_thought(self, now: float) -> None:
        if self._thinking_since is not None:
            if self._thoughts:
                self._once(f"{thought_note(now - self._thinking_since)}.")
            self._thinking_since = None
            self._activity.wait(now)

    def _once(self, line: str) -> None:
        if line and line != self._said:
            self._said = line
            self._say(line)
