"""Rows that show what a turn is doing before and beside its answer: loading, reading, thinking and tool calls."""

from collections.abc import Mapping
from typing import Any

from lmchat.chat.exchange import Event, Phase, Progress, Started, ToolDone, ToolFailed, ToolNamed, ToolStarted
from lmchat.chat.values import InvalidToolCall, ToolCall
from lmchat.render.notes import call_note, counted, duration, invalid_call_note, result_note
from lmchat.render.terminal import Theme
from lmchat.render.text import (
    ELLIPSIS,
    Row,
    cells,
    clusters,
    fold,
    line_row,
    measured,
    row_of,
    sanitize,
    sanitize_line,
    shorten,
)

_MOST_ROWS = 6


class Thinking:
    """A stretch of reasoning, whose text is sanitized already; with `whole`, all of it is shown in the end."""

    def __init__(self, now: float, *, whole: bool = False) -> None:
        self.began = now
        self._whole = whole
        self._finished: list[str] = []
        self._line = ""

    def feed(self, text: str) -> None:
        """Add the next characters."""
        first, *more = text.split("\n")
        self._line += first
        for line in more:
            self._finished.append(self._line)
            self._line = line
        if not self._whole:  # only the last rows are ever shown
            del self._finished[:-_MOST_ROWS]

    def rows(self, now: float, theme: Theme, width: int, height: int) -> list[Row]:
        """Return the heading and as many of the last rows as are shown, at most `height` in all."""
        heading = row_of(f"{spinner(now)} Thinking {duration(now - self.began)}", theme.styles.faint, theme, width)
        most = min(_MOST_ROWS, max(height // 3, 1), height - 1)
        if most < 1:
            return [heading]
        inner = max(width - 2, 2)
        folded = fold(self._line, inner)
        if len(folded) > _MOST_ROWS:
            # From the start of any row, rows break at the same places: what is above is never needed again.
            self._finished, self._line = folded[-_MOST_ROWS:-1], folded[-1]
        wrapped = [row for line in self._finished for row in fold(line, inner)] + folded[-_MOST_ROWS:]
        shown = [row for row in wrapped if row.strip()][-most:]
        return [heading, *(row_of(f"  {row}", theme.styles.faint, theme, width) for row in shown)]

    def settled(self, theme: Theme, width: int) -> list[Row]:
        """Return the rows that are final, each once: for reasoning that is shown whole."""
        *full, self._line = fold(self._line, width)
        finished, self._finished = [*self._finished, *full], []
        return [row for line in finished for row in _faint_rows(line, theme, width)]

    def open(self, theme: Theme, width: int) -> list[Row]:
        """Return the row that is not full yet."""
        return _faint_rows(self._line, theme, width) if self._line else []


def _faint_rows(line: str, theme: Theme, width: int) -> list[Row]:
    return [row_of(row, theme.styles.faint, theme, width) for row in fold(line, width)]


_MOST_RESULT_ROWS = 3
_MARK_CELLS = 2


def call_rows(call: ToolCall, seconds: float | None, theme: Theme, width: int) -> list[Row]:
    """Make the rows of a call: its name and arguments, its duration if known, and the beginning of its result."""
    took = "" if seconds is None else f" {duration(seconds)}"
    rows = [_marked("✓", theme.styles.good, call_note(call.tool, call.arguments), took, theme, width)]
    lines = [line for line in sanitize(result_note(call)).split("\n") if line.strip()]
    rows += [_line_row_indented(line, theme, width) for line in lines[:_MOST_RESULT_ROWS]]
    if len(lines) > _MOST_RESULT_ROWS:
        rows.append(_line_row_indented(f"… {counted(len(lines) - _MOST_RESULT_ROWS, 'more line')}", theme, width))
    return rows


def invalid_call_rows(call: InvalidToolCall, theme: Theme, width: int) -> list[Row]:
    """Make the rows of a call that could not be made, with the reason."""
    return [_marked("✗", theme.styles.failure, invalid_call_note(call), "", theme, width)]


def _line_row_indented(line: str, theme: Theme, width: int) -> Row:
    """Make a faint, indented row of one line."""
    inner = line_row(line, theme.styles.faint, theme, max(width - _MARK_CELLS, 1))
    return inner._replace(text=" " * _MARK_CELLS + inner.text, cells=inner.cells + _MARK_CELLS)


_QUEUED, _TAKE_BACK = "queued: ", "  (Ctrl-U takes it back)"


def queued_row(text: str, theme: Theme, width: int) -> Row | None:
    """Make a row of the end of what is typed for the next prompt; None if nothing is."""
    text = sanitize_line(text)
    if not text:
        return None
    room = width - cells(_QUEUED) - 1
    shown = text + _TAKE_BACK if cells(text + _TAKE_BACK) <= room else _end_of(text, room)
    return row_of(_QUEUED + shown, theme.styles.faint, theme, width)


def _end_of(text: str, width: int) -> str:
    """Return the end of the text within `width` cells, after an ellipsis if it was cut."""
    if cells(text) <= width:
        return text
    taken, used = list[str](), 1
    for cluster, size in reversed(clusters(text)):
        if used + size > width:
            break
        taken.append(cluster)
        used += size
    return ELLIPSIS + "".join(reversed(taken))


def _marked(mark: str, style: str, text: str, took: str, theme: Theme, width: int) -> Row:
    shown = shorten(sanitize_line(text), max(width - _MARK_CELLS - len(took), 1))
    styled = f"{theme.styled(mark, style)} {shown}{theme.styled(took, theme.styles.faint)}"
    return measured(styled, f"{mark} {shown}{took}", width)


PATIENCE = 0.3
"""Seconds a wait lasts before it is shown."""

_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_TURNS_PER_SECOND = 10
_BAR_CELLS = 24
_LABELS = {Phase.MODEL_LOAD: "Loading the model", Phase.PROMPT_PROCESSING: "Reading the prompt"}


class Activity:
    """What a turn is doing now, as far as its events say."""

    def __init__(self, now: float) -> None:
        self._since = now
        self._label = "Waiting"
        self._fraction: float | None = None
        self._phase: Phase | None = None
        self._arguments: Mapping[str, Any] | None = None
        self._tool: str | None = None

    def observe(self, event: Event, now: float) -> None:
        """Record an event at the time `now`, in seconds."""
        match event:
            case Started() if self._phase is None and self._tool is None:
                self._label = "Waiting for the first token"
            case Progress(phase, fraction, done):
                self._progress(phase, fraction, now, done=done)
            case ToolStarted(tool):
                self._tool, self._arguments, self._since = tool, None, now
            case ToolNamed(tool, arguments):
                if self._tool is None:
                    self._since = now
                self._tool = tool or self._tool or ""
                self._arguments = arguments if arguments is not None else self._arguments
            case ToolDone() | ToolFailed():
                self.wait(now)
            case _:
                pass

    def wait(self, now: float) -> None:
        """Begin to wait for the next thing."""
        self._since, self._label = now, "Waiting"
        self._fraction = self._phase = self._tool = self._arguments = None

    def tool_seconds(self, now: float) -> float | None:
        """Return for how many seconds a tool has been running, None if none is."""
        return None if self._tool is None else now - self._since

    def rows(self, now: float, theme: Theme, width: int) -> list[Row]:
        """Return the rows to show now: none while the wait is short."""
        elapsed = now - self._since
        if elapsed < PATIENCE:
            return []
        if self._tool is not None:
            took = f" {duration(elapsed)}"
            call = line_row(call_note(self._tool, self._arguments), "", theme, max(width - len(took) - 2, 1)).text
            return [line_row(f"{spinner(now)} {call}{took}", theme.styles.faint, theme, width)]
        bar = "" if self._fraction is None else f" {_bar(self._fraction)} {self._fraction:4.0%}"
        mark = spinner(now) if self._fraction is None else ""
        return [line_row(f"{mark} {self._label}{bar} {duration(elapsed)}", theme.styles.faint, theme, width)]

    def words(self, now: float, patience: float) -> str:
        """Return a plain sentence about it, with the progress in quarters; empty while the wait is short."""
        if now - self._since < patience:
            return ""
        if self._tool is not None:
            return f"Calling {call_note(self._tool, self._arguments)}."
        quarters = "" if self._fraction is None else f", {int(self._fraction * 4) * 25} %"
        return f"{self._label}{quarters}."

    def _progress(self, phase: Phase, fraction: float | None, now: float, *, done: bool) -> None:
        if done:
            self.wait(now)
            return
        if phase is not self._phase:
            self.wait(now)
            self._phase, self._label = phase, _LABELS[phase]
        if fraction is not None:
            self._fraction = min(max(fraction, 0.0), 1.0)


def spinner(now: float) -> str:
    """Return the spinner's character at the time `now`, in seconds."""
    return _SPINNER[int(now * _TURNS_PER_SECOND) % len(_SPINNER)]


def _bar(fraction: float) -> str:
    filled = round(fraction * _BAR_CELLS)
    return "━" * filled + "╌" * (_BAR_CELLS - filled)
