"""Sentences about a turn, and quantities, sizes and times in words; where they are shown is decided elsewhere."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lmchat.chat.exchange import Branched, Finished, Resending, kept_words
from lmchat.chat.values import InvalidToolCall, Stats, ToolCall

INTERRUPTED = "(interrupted)"
_MINUTE = 60
_HOUR = 3600


def resending_note(event: Resending) -> str:
    """Return that earlier turns are sent again as text, why, and how many characters that is."""
    if not event.turns:
        return f"The context has no room for earlier turns: {counted(event.left_out, 'turn')} left out."
    turns = counted(event.turns, "earlier turn")
    left_out = f"; {event.left_out:,} older left out, for lack of room" if event.left_out else ""
    return f"Sending {turns} again, {event.characters:,} characters, because {event.reason.value}{left_out}."


def branched_note(event: Branched) -> str:
    """Return that the turn became a branch."""
    return f"Another program moved this session meanwhile; this turn is kept as branch {event.turn}."


def stats_note(stats: Stats, *, context_length: int | None = None) -> str:
    """Return the server's statistics in a line, empty if it sent none."""
    parts = []
    if stats.total_output_tokens is not None:
        thought = f", {stats.reasoning_output_tokens:,} of them thinking" if stats.reasoning_output_tokens else ""
        parts.append(f"{counted(stats.total_output_tokens, 'token')}{thought}")
    if stats.tokens_per_second is not None:
        parts.append(f"{stats.tokens_per_second:.1f} tokens/s")
    if stats.time_to_first_token_seconds is not None:
        parts.append(f"first token after {duration(stats.time_to_first_token_seconds)}")
    if stats.model_load_time_seconds is not None:
        parts.append(f"model loaded in {duration(stats.model_load_time_seconds)}")
    if stats.context_used is not None:
        of_all = f" of {context_length:,} ({stats.context_used / context_length:.0%})" if context_length else ""
        parts.append(f"context {stats.context_used:,}{of_all}")
    return " · ".join(parts)


def finished_note(event: Finished, context_length: int | None) -> str:
    """Return the server's statistics in a line, and who keeps the earlier turns."""
    measured = stats_note(event.reply.stats, context_length=context_length)
    return " · ".join(filter(None, [measured, kept_words(event.sent, event.reply.stats.input_tokens)]))


def thought_note(seconds: float | None, tokens: int | None = None) -> str:
    """Return how long the model thought."""
    length = "" if seconds is None else f" for {duration(seconds)}"
    return f"Thought{length}" + (f" ({counted(tokens, 'token')})" if tokens else "")


def call_note(tool: str, arguments: Mapping[str, Any] | None) -> str:
    """Return a tool call as one would write it in a program."""
    name = tool or "tool"
    if arguments is None:
        return name
    given = ", ".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in arguments.items())
    return f"{name}({given})"


def invalid_call_note(call: InvalidToolCall) -> str:
    """Return which tool call could not be made, and why."""
    return f"{call_note(call.tool, call.arguments)}: {call.reason}"


def result_note(call: ToolCall) -> str:
    """Return the result of a tool; of an MCP result only its texts, without the JSON around them."""
    try:
        parts = json.loads(call.output)
        texts = [part["text"] for part in parts if part.get("type") == "text"]
    except (ValueError, TypeError, KeyError, AttributeError):
        return call.output
    return "\n".join(map(str, texts)) if texts else call.output


def duration(seconds: float) -> str:
    """Return a duration in words: `3.2 s`, `2 min 5 s`."""
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    if seconds < _HOUR:
        return f"{int(seconds) // _MINUTE} min {int(seconds) % _MINUTE} s"
    return f"{int(seconds) // _HOUR} h {int(seconds) % _HOUR // _MINUTE} min"


def counted(count: int, noun: str) -> str:
    """Return a number of things in words: `1 turn`, `2 turns`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


_SIZES = ("B", "kB", "MB", "GB", "TB")
_STEP = 1000
_TWO_DIGITS = 10
_UNITS = {"year": 31_536_000, "month": 2_592_000, "week": 604_800, "day": 86_400, "hour": 3_600, "minute": 60}
_SHORT_UNITS = {"year": "y", "month": "mo", "week": "w", "day": "d", "hour": "h", "minute": "min"}


def size_words(size: int | None) -> str:
    """Return a number of bytes in words: `772 MB`; empty if it is not known."""
    if size is None:
        return ""
    power = 0
    while power < len(_SIZES) - 1 and size >= _STEP ** (power + 1):
        power += 1
    amount = size / _STEP**power
    digits = 1 if power and amount < _TWO_DIGITS else 0
    return f"{amount:.{digits}f} {_SIZES[power]}"


def age_words(then: datetime, now: datetime) -> str:
    """Return how long ago something was: `3 hours ago`."""
    count, name = _age(then, now)
    return f"{count} {name}{'s' if count > 1 else ''} ago" if name else "just now"


def short_age(then: datetime, now: datetime) -> str:
    """Return how long ago something was, in a few cells: `3 h`."""
    count, name = _age(then, now)
    return f"{count} {_SHORT_UNITS[name]}" if name else "now"


def _age(then: datetime, now: datetime) -> tuple[int, str]:
    """Return an age in the longest unit that fits, and that unit; no unit for less than a minute."""
    seconds = (now - then).total_seconds()
    for name, length in _UNITS.items():
        if seconds >= length:
            return int(seconds // length), name
    return 0, ""
