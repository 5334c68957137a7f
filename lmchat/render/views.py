"""The views of a turn in a pipe or on a plain terminal, and the choice between them, `screen` and JSON.

A view is a context manager whose `show` takes events; leaving it ends every line, whatever happened.
"""

import re
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO, TypeAlias, assert_never

from lmchat.chat.exchange import (
    Branched,
    Event,
    Fault,
    Finished,
    MessageDelta,
    Part,
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
from lmchat.chat.values import MESSAGE_GAP, SurrogateJoiner
from lmchat.dataclass import dataclass, field, replace
from lmchat.render.margin import DisplayOptions, Margin
from lmchat.render.terminal import DEFAULT_PROSE_WIDTH, Theme, When, is_accessible, moves_cursor, size_of, theme_for
from lmchat.render.text import Sanitizer
from lmchat.world import World

if TYPE_CHECKING:
    from lmchat.render.json_output import JsonView
    from lmchat.render.markdown.stream import MarkdownStream
    from lmchat.render.screen import Screen

View: TypeAlias = "PageView | JsonView | Screen"
"""What shows a turn: enter it, hand `show` to the conversation, call `finish` with the turn's document, leave it."""

_FENCE = re.compile(r"^ {0,3}(?:```|~~~)", re.MULTILINE)


class PlainPage:
    """A page of plain text: messages are written as they come, or with `paragraphs` a paragraph at a time."""

    def __init__(self, stream: TextIO, *, paragraphs: bool = False) -> None:
        self._stream = stream
        self._paragraphs = paragraphs
        self._rest = ""
        self._sanitizer: Sanitizer | SurrogateJoiner = Sanitizer() if stream.isatty() else SurrogateJoiner()
        self._last = ""
        self._gap_due = False

    def feed(self, text: str) -> None:
        """Write the next characters of the message; raise BrokenPipeError if the reader is gone."""
        if text and self._gap_due:
            self._gap_due = False
            self._write(MESSAGE_GAP)
        self._add(self._sanitizer.feed(text))

    def tick(self) -> None:
        """Do nothing: all that came is written already."""

    def end_message(self) -> None:
        """End the message; what follows is written after a gap."""
        self._end()
        self._gap_due = bool(self._last)

    def close(self) -> None:
        """End the text with one newline."""
        self._end()
        if self._last and self._last != "\n":
            self._write("\n")

    def _add(self, text: str) -> None:
        """Write what can be written now: a paragraph, or a block of code, only when it is complete."""
        if not self._paragraphs:
            self._write(text)
            return
        self._rest += text
        if MESSAGE_GAP not in self._rest[-len(text) - 1 :]:
            return
        ready, gap, rest = self._rest.rpartition(MESSAGE_GAP)
        if len(_FENCE.findall(ready)) % 2 == 0:
            self._rest = rest
            self._write(ready + gap)

    def _end(self) -> None:
        rest, self._rest = self._rest, ""
        self._write(rest + self._sanitizer.flush())

    def _write(self, text: str) -> None:
        if text:
            self._last = text[-1]
            self._stream.write(text)
            self._stream.flush()


class MarkdownPage:
    """A page of rendered Markdown where no cursor can be moved: each row is written as soon as it is final."""

    def __init__(self, world: World, theme: Theme) -> None:
        from lmchat.render.painter import Painter

        self._world = world
        self._theme = theme

        self._painter = Painter(self._write, size_of(world.stdout, world.environ), live=False)
        self._sanitizer = Sanitizer()
        self._message: MarkdownStream | None = None
        self._gap_due = False

    def feed(self, text: str) -> None:
        """Add the next characters of the message."""
        if self._message is None and text:
            # Loaded with the first words of an answer: the request has been sent, so it delays nothing.
            from lmchat.render.markdown.stream import MarkdownStream

            self._message = MarkdownStream(self._painter, self._theme, self._world.monotonic, gap=self._gap_due)
            self._gap_due = True
        if self._message is not None:
            self._message.feed(self._sanitizer.feed(text))

    def tick(self) -> None:
        """Write what is due."""
        if self._message is not None:
            self._message.tick()

    def end_message(self) -> None:
        """Write the rest of the message."""
        if self._message is not None:
            self._message.feed(self._sanitizer.flush())
            self._message.finish()
            self._message = None

    def close(self) -> None:
        """Write the rest of what is open."""
        self.end_message()

    def _write(self, text: str) -> None:
        self._world.stdout.write(text)
        self._world.stdout.flush()


class PageView:
    """A view with the answer on a page, and everything else in the margin."""

    def __init__(self, page: PlainPage | MarkdownPage, margin: Margin) -> None:
        self._page = page
        self._margin = margin
        self._written = self._finished = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, BrokenPipeError):
            self._page.close()
        # Ctrl-C may have been handled already: then there was no error, and the turn never finished.
        interrupted = isinstance(error, KeyboardInterrupt) or (error is None and not self._finished)
        self._margin.close(interrupted=interrupted)

    def show(self, event: Event) -> None:
        """Show one event; raise BrokenPipeError if the reader of the pipe is gone."""
        match event:
            case MessageDelta(text):
                self._margin.begin_answer()
                self._written = True
                self._page.feed(text)
            case PartStarted() | PartEnded(Part.MESSAGE) | ReasoningDelta():
                self._page.end_message()
            case ToolStarted() | ToolNamed() | ToolDone() | ToolFailed():
                self._page.end_message()
            case Finished(reply):
                self._finished = True
                if not self._written and reply.text:
                    self._margin.begin_answer()
                    self._page.feed(reply.text)
            case Quiet():
                self._page.tick()
            case Started() | Progress() | Fault() | Unknown() | Resending() | Branched() | PartEnded():
                pass
            case _:
                assert_never(event)
        self._margin.show(event)

    def finish(self, document: dict[str, Any]) -> None:
        """Do nothing: documents are for scripts."""


@dataclass(frozen=True, slots=True)
class ViewOptions:
    """How a turn is to be shown; `markdown` is None where neither a flag nor a setting decides.

    `queued` returns what is typed while the turn runs.
    """

    json: bool = False
    jsonl: bool = False
    markdown: bool | None = None
    colour: When = When.AUTO
    code_theme: str = ""
    unicode_maths: bool = True
    prose_width: int = DEFAULT_PROSE_WIDTH
    wanted: DisplayOptions = field(default_factory=DisplayOptions)
    queued: Callable[[], str] = lambda: ""


def choose_view(world: World, options: ViewOptions) -> View:
    """Choose the view of a turn; what renders Markdown is loaded only where Markdown is shown."""
    stdout, environ = world.stdout, world.environ
    beside = theme_for(environ, terminal=world.stderr.isatty(), colour=options.colour)
    if options.jsonl or options.json:
        from lmchat.render.json_output import JsonView

        return JsonView(stdout, Margin(world, beside, options.wanted), lines=options.jsonl)
    paints = moves_cursor(stdout, environ)
    plain = stdout.isatty() and not paints
    if options.markdown is False or (options.markdown is None and not paints) or (plain and is_accessible(environ)):
        return PageView(PlainPage(stdout, paragraphs=plain), Margin(world, beside, options.wanted))
    theme = theme_for(environ, terminal=stdout.isatty(), colour=options.colour, code_theme=options.code_theme)
    theme = replace(theme, unicode_maths=options.unicode_maths, prose_width=options.prose_width)
    if paints:
        from lmchat.render.screen import Screen

        return Screen(world, theme, options.wanted, options.queued)
    return PageView(MarkdownPage(world, theme), Margin(world, beside, options.wanted))
