"""What goes on while no answer comes: waiting, loading, reading the prompt, a tool at work, as passing rows.

It turns events into rows and must not know where they are painted.
"""

from collections.abc import Mapping
from typing import Any

from lmchat.chat.events import Event, Phase, Progress, Started, ToolDone, ToolFailed, ToolNamed, ToolStarted
from lmchat.render.notes import call_note, duration
from lmchat.render.rows import Row, line_row
from lmchat.render.theme import Theme

PATIENCE = 0.3
"""Seconds a wait lasts before it is shown: what is over at once needs no words."""

_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_TURNS_PER_SECOND = 10
_BAR_CELLS = 24
_LABELS = {Phase.MODEL_LOAD: "Loading the model", Phase.PROMPT_PROCESSING: "Reading the prompt"}


class Activity:
    """Follow the events of a turn, and tell in a row what is going on."""

    def __init__(self, now: float) -> None:
        self._since = now
        self._label = "Waiting"
        self._fraction: float | None = None
        self._phase: Phase | None = None
        self._arguments: Mapping[str, Any] | None = None
        self._tool: str | None = None

    def observe(self, event: Event, now: float) -> None:
        """Take note of an event at the time `now`, in seconds."""
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
        """Begin to wait for whatever comes next."""
        self._since, self._label = now, "Waiting"
        self._fraction = self._phase = self._tool = self._arguments = None

    def tool_seconds(self, now: float) -> float | None:
        """Return for how many seconds a tool has been at work, or None where none is."""
        return None if self._tool is None else now - self._since

    def rows(self, now: float, theme: Theme, width: int) -> list[Row]:
        """Return what to show now: nothing as long as the wait is short."""
        elapsed = now - self._since
        if elapsed < PATIENCE:
            return []
        if self._tool is not None:
            told = f" {duration(elapsed)}"
            call = line_row(call_note(self._tool, self._arguments), "", theme, max(width - len(told) - 2, 1)).text
            return [line_row(f"{spinner(now)} {call}{told}", theme.looks.faint, theme, width)]
        bar = "" if self._fraction is None else f" {_bar(self._fraction)} {self._fraction:4.0%}"
        mark = spinner(now) if self._fraction is None else ""
        return [line_row(f"{mark} {self._label}{bar} {duration(elapsed)}", theme.looks.faint, theme, width)]

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
    """Return the sign that turns while something runs."""
    return _SPINNER[int(now * _TURNS_PER_SECOND) % len(_SPINNER)]


def _bar(fraction: float) -> str:
    filled = round(fraction * _BAR_CELLS)
    return "━" * filled + "╌" * (_BAR_CELLS - filled)
