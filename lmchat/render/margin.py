"""What is written beside the reply, on stderr: progress that passes, notes, thoughts where wanted, and numbers."""

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING

from lmchat.chat.exchange import Branched, Event, Finished, PartEnded, ReasoningDelta, Resending
from lmchat.dataclass import dataclass
from lmchat.render.notes import INTERRUPTED, branched_note, finished_note, resending_note
from lmchat.render.sanitize import Sanitizer, sanitize_line
from lmchat.render.terminal import fitted, moves_cursor, reflows, size_of
from lmchat.render.theme import Theme
from lmchat.world import World

if TYPE_CHECKING:
    from lmchat.render.spoken import Spoken

if TYPE_CHECKING:
    from lmchat.render.painter import Painter
    from lmchat.render.progress import Activity


class Thoughts(Enum):
    """What becomes of a model's reasoning: folded to one line, shown whole, or hidden."""

    FOLD = "fold"
    SHOW = "show"
    HIDE = "hide"


@dataclass(frozen=True, slots=True)
class DisplayOptions:
    """What to say beside the reply; `context_length` is the model's window, where it is known."""

    thoughts: Thoughts = Thoughts.FOLD
    stats: bool = False
    context_length: int | None = None


class Margin:
    """What is written to stderr of a turn beside its answer.

    Progress passes on a terminal only, and only until the answer begins: the answer may go to the same terminal
    by way of another program, and painting over it would eat it.
    """

    def __init__(self, world: World, theme: Theme, wanted: DisplayOptions) -> None:
        self._stream, self._environ = world.stderr, world.environ
        self._theme = theme
        self._wanted = wanted
        self._now: Callable[[], float] = world.monotonic
        self._progress = self._live_progress(world) if moves_cursor(world.stderr, world.environ) else None
        spoken = self._progress is None and world.stderr.isatty()
        thoughts = wanted.thoughts is Thoughts.FOLD
        self._spoken = self._spoken_progress(thoughts=thoughts) if spoken else None
        self._thinking: Sanitizer | None = None
        self._stats = ""

    def show(self, event: Event) -> None:
        """Show what an event says beside the answer."""
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
        elif self._spoken is not None:
            self._spoken.observe(event, self._now())

    def note(self, sentence: str) -> None:
        """Write one faint line."""
        if self._progress is not None:
            self._progress[0].clear()
        self._end_thought()
        line = fitted(sanitize_line(sentence), self._stream, self._environ)
        self._write(self._theme.styled(line, self._theme.styles.faint) + "\n")

    def retire(self) -> None:
        """Show no more progress: the answer has begun."""
        self._stop_progress()
        self._end_thought()

    def close(self, *, interrupted: bool = False) -> None:
        """Take away what passes; say the numbers where they are wanted, and that the reply was interrupted."""
        self.retire()
        if interrupted:
            self.note(INTERRUPTED)
        if self._stats:
            self.note(self._stats)

    def _spoken_progress(self, *, thoughts: bool) -> "Spoken":
        from lmchat.render.spoken import Spoken

        return Spoken(self._now(), self.note, thoughts=thoughts)

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
