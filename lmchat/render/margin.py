"""What is written beside the reply, on stderr: progress, notes, reasoning where it is wanted, and statistics."""

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING

from lmchat.chat.exchange import (
    Branched,
    Event,
    Finished,
    MessageDelta,
    PartEnded,
    ReasoningDelta,
    Resending,
    ToolDone,
    ToolFailed,
)
from lmchat.dataclass import dataclass
from lmchat.render.notes import (
    INTERRUPTED,
    branched_note,
    call_note,
    finished_note,
    invalid_call_note,
    resending_note,
    thought_note,
)
from lmchat.render.terminal import Theme, moves_cursor, reflows, size_of
from lmchat.render.text import Sanitizer, fitted, sanitize_line
from lmchat.world import World

if TYPE_CHECKING:
    from lmchat.render.painter import Painter
    from lmchat.render.progress import Activity


class Thoughts(Enum):
    """How a model's reasoning is shown: folded to one line, in full, or not at all."""

    FOLD = "fold"
    SHOW = "show"
    HIDE = "hide"


@dataclass(frozen=True, slots=True)
class DisplayOptions:
    """What to show beside the reply; `context_length` is the size of the model's context in tokens, if known."""

    thoughts: Thoughts = Thoughts.FOLD
    stats: bool = False
    context_length: int | None = None


class Margin:
    """The output of a turn beside its answer, on stderr.

    Progress is shown on a terminal only, and only until the answer begins: another program may write the answer to the
    same terminal, and painting would erase it.
    """

    def __init__(self, world: World, theme: Theme, wanted: DisplayOptions) -> None:
        self._stream, self._environ = world.stderr, world.environ
        self._theme = theme
        self._wanted = wanted
        self._now: Callable[[], float] = world.monotonic
        self._progress = self._live_progress(world) if moves_cursor(world.stderr, world.environ) else None
        as_lines = self._progress is None and world.stderr.isatty()
        thoughts = wanted.thoughts is Thoughts.FOLD
        self._lines = _ProgressLines(self._now(), self.note, thoughts=thoughts) if as_lines else None
        self._thinking: Sanitizer | None = None
        self._stats = ""

    def show(self, event: Event) -> None:
        """Show what belongs beside the answer."""
        match event:
            case Resending():
                self.note(resending_note(event))
            case Branched():
                self.note(branched_note(event))
            case ReasoningDelta(text) if self._wanted.thoughts is Thoughts.SHOW:
                self._think(text)
            case PartEnded():
                self._end_thought()
            case Finished():
                if self._wanted.stats:
                    self._stats = finished_note(event, self._wanted.context_length)
            case _:
                pass
        if self._progress is not None:
            painter, activity = self._progress
            now = self._now()
            activity.observe(event, now)
            painter.frame((), activity.rows(now, self._theme, painter.width))
        elif self._lines is not None:
            self._lines.observe(event, self._now())

    def note(self, sentence: str) -> None:
        """Write one faint line."""
        if self._progress is not None:
            self._progress[0].clear()
        self._end_thought()
        line = fitted(sanitize_line(sentence), self._stream, self._environ)
        self._write(self._theme.styled(line, self._theme.styles.faint) + "\n")

    def begin_answer(self) -> None:
        """Clear the progress and show none from now on: the answer has begun."""
        self._stop_progress()
        self._end_thought()

    def close(self, *, interrupted: bool = False) -> None:
        """Clear the progress; write that the reply was interrupted, and the statistics where they are wanted."""
        self.begin_answer()
        if interrupted:
            self.note(INTERRUPTED)
        if self._stats:
            self.note(self._stats)

    def _live_progress(self, world: World) -> "tuple[Painter, Activity]":
        from lmchat.render.painter import Painter
        from lmchat.render.progress import Activity

        size = size_of(world.stderr, world.environ)
        painter = Painter(self._write, size, live=True, reflows=reflows(world.environ), now=self._now)
        return painter, Activity(self._now())

    def _stop_progress(self) -> None:
        if self._progress is not None:
            self._progress[0].close()
            self._progress = None

    def _think(self, text: str) -> None:
        self._stop_progress()
        self._thinking = self._thinking or Sanitizer()
        self._write(self._theme.styled(self._thinking.feed(text), self._theme.styles.faint))

    def _end_thought(self) -> None:
        if self._thinking is not None:
            self._write(self._theme.styled(self._thinking.flush(), self._theme.styles.faint) + "\n")
            self._thinking = None

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


_PATIENCE = 2.0
"""Seconds a wait lasts before a line is written about it: a line cannot be cleared."""


class _ProgressLines:
    """The progress of one turn as plain lines, each once: for terminals that cannot move their cursor.

    `say` writes a line; `thoughts` tells whether reasoning gets one.
    """

    def __init__(self, now: float, say: Callable[[str], None], *, thoughts: bool) -> None:
        from lmchat.render.progress import Activity

        self._activity = Activity(now)
        self._say = say
        self._thoughts = thoughts
        self._thinking_since: float | None = None
        self._last = ""

    def observe(self, event: Event, now: float) -> None:
        """Write what is new with an event at the time `now`, in seconds."""
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
        if line and line != self._last:
            self._last = line
            self._say(line)
