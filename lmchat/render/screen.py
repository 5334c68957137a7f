"""A turn on a terminal: progress, reasoning, tool calls, the reply as Markdown, notes and statistics.

Progress is cleared when the turn ends, however it ends.
"""

from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, assert_never

from lmchat.chat.exchange import (
    Branched,
    Event,
    Fault,
    Finished,
    MessageDelta,
    PartEnded,
    PartStarted,
    Progress,
    Quiet,
    ReasoningDelta,
    Resending,
    Started,
    ToolDone,
    ToolFailed,
    ToolNamed,
    ToolStarted,
    Unknown,
)
from lmchat.chat.values import InvalidToolCall, Message, OtherItem, Reasoning, Reply, ToolCall
from lmchat.render.margin import DisplayOptions, Thoughts
from lmchat.render.messages import show_note
from lmchat.render.notes import INTERRUPTED, branched_note, finished_note, resending_note, thought_note
from lmchat.render.painter import DeferredInterrupt, Painter, silent_keyboard
from lmchat.render.progress import Activity, Thinking, call_rows, invalid_call_rows, queued_row
from lmchat.render.terminal import Theme, reflows, size_of
from lmchat.render.text import BLANK, Row, Sanitizer, line_row, sanitize
from lmchat.world import World

if TYPE_CHECKING:
    from lmchat.render.markdown.stream import MarkdownStream

_FRAME_SECONDS = 0.05


class Screen:
    """The view of a turn on a terminal: a context manager whose `show` takes the events."""

    def __init__(
        self, world: World, theme: Theme, wanted: DisplayOptions, queued: Callable[[], str] = lambda: ""
    ) -> None:
        self._queued = queued
        self._next_queued = 0.0
        self._world = world
        self._theme = theme
        self._wanted = wanted
        self._now = world.monotonic
        self._interrupt = DeferredInterrupt()
        size = size_of(world.stdout, world.environ)
        self._painter = Painter(self._write, size, live=True, reflows=reflows(world.environ), now=self._now)
        self._activity = Activity(self._now())
        self._sanitizer = Sanitizer()
        self._thinking: Thinking | None = None
        self._message: MarkdownStream | None = None
        self._next_paint = 0.0
        self._part_began: float | None = None
        self._anything = self._gap_due = False
        self._finished: Finished | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._stack.enter_context(silent_keyboard(self._world.stdin))
        self._stack.enter_context(self._interrupt.installed())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stack:
            if isinstance(error, OSError):  # the terminal is gone
                return
            with self._interrupt.painting():
                self._end_parts()
                if isinstance(error, KeyboardInterrupt) or (error is None and self._finished is None):
                    self._settle([line_row(INTERRUPTED, self._theme.styles.faint, self._theme, self._painter.width)])
                self._painter.close()
            if self._wanted.stats and self._finished is not None:
                self._note(finished_note(self._finished, self._wanted.context_length))

    def show(self, event: Event) -> None:
        """Show one event."""
        with self._interrupt.painting():
            self._show_queued()
            self._take(event)
            if self._message is None:
                self._paint()

    def finish(self, document: dict[str, Any]) -> None:
        """Do nothing: documents are for scripts."""

    def _show_queued(self) -> None:
        """Show what is typed for the next prompt, below everything else."""
        now = self._now()
        if now < self._next_queued or self._finished is not None:
            return
        self._next_queued = now + _FRAME_SECONDS
        row = queued_row(self._queued(), self._theme, self._painter.width)
        self._painter.below = [row] if row else []

    def _take(self, event: Event) -> None:  # noqa: C901 - one case for each kind of event
        match event:
            case MessageDelta(text):
                self._add_to_message(text)
            case ReasoningDelta(text):
                self._add_to_thought(text)
            case PartStarted() | PartEnded() | Fault():
                self._end_parts()
                self._part_began = self._now()
            case ToolStarted() | ToolNamed() | ToolDone() | ToolFailed():
                self._take_tool(event)
            case Started() | Progress():
                if self._message is None:
                    self._activity.observe(event, self._now())
            case Finished(reply):
                self._end_parts()
                self._finished = event
                self._take_whole(reply)
            case Resending():
                self._note(resending_note(event))
            case Branched():
                self._note(branched_note(event))
            case Quiet():
                if self._message is not None:
                    self._message.tick()
            case Unknown():
                pass
            case _:
                assert_never(event)

    def _add_to_message(self, text: str) -> None:
        if self._message is None:
            if not text:
                return
            self._end_parts()
            # Imported with the first words of an answer: the request has been sent, so this delays nothing.
            from lmchat.render.markdown.stream import MarkdownStream

            self._message = MarkdownStream(self._painter, self._theme, self._now, gap=self._anything)
        self._message.feed(self._sanitizer.feed(text))

    def _add_to_thought(self, text: str) -> None:
        if self._thinking is None:
            if not text:
                return
            # A stretch of reasoning lasts from its beginning, which may be long before its first word.
            began = self._now() if self._part_began is None else self._part_began
            self._end_parts()
            self._thinking = Thinking(began, whole=self._wanted.thoughts is Thoughts.SHOW)
        self._thinking.feed(self._sanitizer.feed(text))

    def _end_parts(self) -> None:
        """Settle the message or the reasoning that was open."""
        rest, self._sanitizer = self._sanitizer.flush(), Sanitizer()
        self._part_began = None
        now = self._now()
        if self._message is not None:
            self._message.feed(rest)
            self._message.finish()
            if self._message.wrote:  # models end their turns before a tool with empty lines
                self._anything = self._gap_due = True
            self._message = None
            self._activity.wait(now)
        if self._thinking is not None:
            self._thinking.feed(rest)
            thinking, self._thinking = self._thinking, None
            self._settle(self._thought_rows(thinking, now - thinking.began))
            self._activity.wait(now)

    def _thought_rows(self, thinking: Thinking, seconds: float | None, tokens: int | None = None) -> list[Row]:
        width, faint = self._painter.width, self._theme.styles.faint
        match self._wanted.thoughts:
            case Thoughts.HIDE:
                return []
            case Thoughts.SHOW:
                return [*thinking.settled(self._theme, width), *thinking.open(self._theme, width)]
            case Thoughts.FOLD:
                return [line_row(thought_note(seconds, tokens), faint, self._theme, width)]
            case unknown:
                assert_never(unknown)

    def _take_tool(self, event: ToolStarted | ToolNamed | ToolDone | ToolFailed) -> None:
        self._end_parts()
        now = self._now()
        elapsed = self._activity.tool_seconds(now)
        self._activity.observe(event, now)
        match event:
            case ToolDone(call):
                self._settle(call_rows(call, elapsed, self._theme, self._painter.width))
            case ToolFailed(call):
                self._settle(invalid_call_rows(call, self._theme, self._painter.width))
            case _:
                pass

    def _take_whole(self, reply: Reply) -> None:
        """Show a reply that came in one piece."""
        if self._anything:
            return
        for item in reply.items:
            match item:
                case Message(text):
                    self._add_to_message(text)
                case Reasoning(text, seconds):
                    thinking = Thinking(self._now(), whole=True)
                    thinking.feed(sanitize(text))
                    self._settle(self._thought_rows(thinking, seconds, reply.stats.reasoning_output_tokens))
                case ToolCall():
                    self._take_tool(ToolDone(item))
                case InvalidToolCall():
                    self._take_tool(ToolFailed(item))
                case OtherItem():
                    pass  # no server sends items that only a newer lmchat stores
                case _:
                    assert_never(item)
            self._end_parts()

    def _settle(self, rows: list[Row]) -> None:
        """Write rows for good, after a gap if a message is above them."""
        if rows:
            self._painter.frame([BLANK, *rows] if self._gap_due else rows)
            self._anything, self._gap_due = True, False

    def _paint(self) -> None:
        """Paint progress or reasoning where a frame is due; an open message paints itself."""
        now = self._now()
        if now < self._next_paint or self._finished is not None:
            return
        self._next_paint = now + _FRAME_SECONDS
        width, height = self._painter.width, self._painter.height
        if self._thinking is None or self._wanted.thoughts is Thoughts.HIDE:
            self._painter.frame((), self._activity.rows(now, self._theme, width))
        elif self._wanted.thoughts is Thoughts.SHOW:
            self._settle(self._thinking.settled(self._theme, width))
            self._painter.frame((), self._thinking.open(self._theme, width))
        else:
            self._painter.frame((), self._thinking.rows(now, self._theme, width, height))

    def _note(self, sentence: str) -> None:
        """Write one faint line to stderr, which usually is the same terminal."""
        if sentence:
            self._painter.clear()
            show_note(self._world, sentence)

    def _write(self, text: str) -> None:
        self._world.stdout.write(text)
        self._world.stdout.flush()
