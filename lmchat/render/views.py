"""The views that show one turn: plain or Markdown, on a terminal, in a pipe or as JSON, and which of them fits.

Each is a context manager whose `show` takes events; leaving it ends every line, whatever happened.
"""

import re
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol, Self, TextIO, assert_never

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
from lmchat.render.sanitize import Sanitizer
from lmchat.render.terminal import moves_cursor
from lmchat.render.theme import DEFAULT_PROSE_WIDTH, When, is_accessible, theme_for
from lmchat.world import World

_FENCE = re.compile(r"^ {0,3}(?:```|~~~)", re.MULTILINE)


class PlainPage:
    """A page that messages of a reply are written to as they come, or (`whole`) a paragraph at a time."""

    def __init__(self, stream: TextIO, *, whole: bool = False) -> None:
        self._stream = stream
        self._whole = whole
        self._held = ""
        self._sanitizer: Sanitizer | SurrogateJoiner = Sanitizer() if stream.isatty() else SurrogateJoiner()
        self._last = ""
        self._gap_due = False

    def feed(self, text: str) -> None:
        """Write the next characters of the message; raises BrokenPipeError where the reader is gone."""
        if text and self._gap_due:
            self._gap_due = False
            self._write(MESSAGE_GAP)
        self._add(self._sanitizer.feed(text))

    def tick(self) -> None:
        """Do nothing: whatever came is written already."""

    def end_message(self) -> None:
        """Say that the message is over; what follows begins after a gap."""
        self._end()
        self._gap_due = bool(self._last)

    def close(self) -> None:
        """End what was written with one newline."""
        self._end()
        if self._last and self._last != "\n":
            self._write("\n")

    def _add(self, text: str) -> None:
        """Write what can be written now: of a paragraph, or of code, nothing before its end."""
        if not self._whole:
            self._write(text)
            return
        self._held += text
        if MESSAGE_GAP not in self._held[-len(text) - 1 :]:
            return
        ready, gap, rest = self._held.rpartition(MESSAGE_GAP)
        if len(_FENCE.findall(ready)) % 2 == 0:
            self._held = rest
            self._write(ready + gap)

    def _end(self) -> None:
        held, self._held = self._held, ""
        self._write(held + self._sanitizer.flush())

    def _write(self, text: str) -> None:
        if text:
            self._last = text[-1]
            self._stream.write(text)
            self._stream.flush()


class View(Protocol):
    """What shows a turn: enter it, hand `show` to the conversation, leave it."""

    def __enter__(self) -> Self:
        """Begin to show a turn."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take away what passes and end what was written."""
        ...

    def show(self, event: Event) -> None:
        """Show one event."""
        ...

    def finish(self, document: dict[str, Any]) -> None:
        """Write the document of the finished turn, where scripts want one."""
        ...


class Page(Protocol):
    """Where the messages of a reply are written."""

    def feed(self, text: str) -> None:
        """Write the next characters of the message."""
        ...

    def tick(self) -> None:
        """Write what is due."""
        ...

    def end_message(self) -> None:
        """Say that the message is over."""
        ...

    def close(self) -> None:
        """End what was written."""
        ...


class PageView:
    """A view with the answer on a page, and everything else in the margin."""

    def __init__(self, page: Page, margin: Margin) -> None:
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
        # Ctrl-C may have been taken care of already: then the turn just ends before its end.
        cut = isinstance(error, KeyboardInterrupt) or (error is None and not self._finished)
        self._margin.close(interrupted=cut)

    def show(self, event: Event) -> None:
        """Show one event; raises BrokenPipeError where the reader of the pipe is gone."""
        match event:
            case MessageDelta(text):
                self._margin.retire()
                self._written = True
                self._page.feed(text)
            case PartStarted() | PartEnded(Part.MESSAGE) | ReasoningDelta():
                self._page.end_message()
            case ToolStarted() | ToolNamed() | ToolDone() | ToolFailed():
                self._page.end_message()
            case Finished(reply):
                self._finished = True
                if not self._written and reply.text:
                    self._margin.retire()
                    self._page.feed(reply.text)
            case Quiet():
                self._page.tick()
            case Started() | Progress() | Fault() | Unknown() | Resending() | Branched() | PartEnded():
                pass
            case _:
                assert_never(event)
        self._margin.show(event)

    def finish(self, document: dict[str, Any]) -> None:
        """Do nothing: the answer is the document."""


class JsonView:
    """A view that is nothing but the document of the finished turn."""

    def __init__(self, stream: TextIO, margin: Margin) -> None:
        self._stream = stream
        self._margin = margin

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._margin.close()

    def show(self, event: Event) -> None:
        """Show progress and notes only."""
        self._margin.show(event)

    def finish(self, document: dict[str, Any]) -> None:
        """Write the document of the turn."""
        from lmchat.render.json_output import write_document

        self._margin.retire()
        write_document(self._stream, document)


class JsonlView(JsonView):
    """A view of the finished turn after the server's own events, which are written as they come."""

    def finish(self, document: dict[str, Any]) -> None:
        """Write the document of the turn as the last line."""
        super().finish({"type": "lmchat.turn"} | document)


@dataclass(frozen=True, slots=True)
class ViewOptions:
    """The flags that say how a turn is shown; `markdown` is None where none chooses.

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


def choose_view(world: World, manner: ViewOptions) -> View:
    """Choose what shows a turn; what renders Markdown is loaded only where it is shown."""
    stdout, environ = world.stdout, world.environ
    beside = theme_for(environ, terminal=world.stderr.isatty(), colour=manner.colour)
    if manner.jsonl or manner.json:
        margin = Margin(world, beside, manner.wanted)
        return JsonlView(stdout, margin) if manner.jsonl else JsonView(stdout, margin)
    paints = moves_cursor(stdout, environ)
    heard = stdout.isatty() and not paints
    if manner.markdown is False or (manner.markdown is None and not paints) or (heard and is_accessible(environ)):
        return PageView(PlainPage(stdout, whole=heard), Margin(world, beside, manner.wanted))
    theme = theme_for(environ, terminal=stdout.isatty(), colour=manner.colour, code_theme=manner.code_theme)
    theme = replace(theme, unicode_maths=manner.unicode_maths, prose_width=manner.prose_width)
    if paints:
        from lmchat.render.screen import Screen

        return Screen(world, theme, manner.wanted, manner.queued)
    from lmchat.render.markdown.page import MarkdownPage

    return PageView(MarkdownPage(world, theme), Margin(world, beside, manner.wanted))
