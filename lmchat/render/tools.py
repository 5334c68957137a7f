"""Tool calls as rows: what was called, what it answered, shortened. For the screen and for the history."""

from dataclasses import replace

from lmchat.chat.values import InvalidToolCall, ToolCall
from lmchat.render.cells import shorten
from lmchat.render.notes import call_note, counted, duration, invalid_call_note, result_note
from lmchat.render.rows import Row, line_row, measured
from lmchat.render.text import safe, safe_line
from lmchat.render.theme import Theme

_MOST_RESULT_ROWS = 3
_MARK_CELLS = 2


def call_rows(call: ToolCall, seconds: float | None, theme: Theme, width: int) -> list[Row]:
    """Show a call that was made, with how long it took where that is known, and the beginning of its result."""
    told = "" if seconds is None else f" {duration(seconds)}"
    rows = [_marked("✓", theme.looks.good, call_note(call.tool, call.arguments), told, theme, width)]
    lines = [line for line in safe(result_note(call)).split("\n") if line.strip()]
    rows += [line_row_indented(line, theme, width) for line in lines[:_MOST_RESULT_ROWS]]
    if len(lines) > _MOST_RESULT_ROWS:
        rows.append(line_row_indented(f"… {counted(len(lines) - _MOST_RESULT_ROWS, 'more line')}", theme, width))
    return rows


def invalid_call_rows(call: InvalidToolCall, theme: Theme, width: int) -> list[Row]:
    """Show a call that could not be made, and why."""
    return [_marked("✗", theme.looks.failure, invalid_call_note(call), "", theme, width)]


def line_row_indented(line: str, theme: Theme, width: int) -> Row:
    """Make a faint row of one line, below what it belongs to."""
    inner = line_row(line, theme.looks.faint, theme, max(width - _MARK_CELLS, 1))
    return replace(inner, text=" " * _MARK_CELLS + inner.text, cells=inner.cells + _MARK_CELLS)


def _marked(mark: str, look: str, text: str, told: str, theme: Theme, width: int) -> Row:
    shown = shorten(safe_line(text), max(width - _MARK_CELLS - len(told), 1))
    styled = f"{theme.styled(mark, look)} {shown}{theme.styled(told, theme.looks.faint)}"
    return measured(styled, f"{mark} {shown}{told}", width)
