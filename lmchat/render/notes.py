"""What is said about a turn in one line: what was sent again, what it cost, how it ended.

Sentences only; where they are shown is decided elsewhere.
"""

import json
from collections.abc import Mapping
from typing import Any

from lmchat.chat.exchange import Branched, Finished, Resending, kept_words
from lmchat.chat.values import InvalidToolCall, Stats, ToolCall

INTERRUPTED = "(interrupted)"
_MINUTE = 60
_HOUR = 3600


def resending_note(event: Resending) -> str:
    """Say that earlier turns are sent again as text, why, and how much that is."""
    if not event.turns:
        return f"The context has no room for what was said before: {counted(event.left_out, 'turn')} left out."
    turns = counted(event.turns, "earlier turn")
    left_out = f"; {event.left_out:,} older left out, for lack of room" if event.left_out else ""
    return f"Sending {turns} again, {event.characters:,} characters, because {event.reason.value}{left_out}."


def branched_note(event: Branched) -> str:
    """Say that the turn became a branch."""
    return f"Another program moved this session meanwhile; this turn is kept as branch {event.turn}."


def stats_note(stats: Stats, *, context_length: int | None = None) -> str:
    """Say what the server measured; empty where it sent nothing."""
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
    """Say what the server measured, and who keeps the earlier turns."""
    measured = stats_note(event.reply.stats, context_length=context_length)
    return " · ".join(filter(None, [measured, kept_words(event.sent, event.reply.stats.input_tokens)]))


def thought_note(seconds: float | None, tokens: int | None = None) -> str:
    """Say how long the model thought."""
    length = "" if seconds is None else f" for {duration(seconds)}"
    return f"Thought{length}" + (f" ({counted(tokens, 'token')})" if tokens else "")


def call_note(tool: str, arguments: Mapping[str, Any] | None) -> str:
    """Say a tool call as one would write it."""
    name = tool or "tool"
    if arguments is None:
        return name
    given = ", ".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in arguments.items())
    return f"{name}({given})"


def invalid_call_note(call: InvalidToolCall) -> str:
    """Say which tool call could not be made, and why."""
    return f"{call_note(call.tool, call.arguments)}: {call.reason}"


def result_note(call: ToolCall) -> str:
    """Say what a tool answered; the text parts of MCP results without their JSON around."""
    try:
        parts = json.loads(call.output)
        texts = [part["text"] for part in parts if part.get("type") == "text"]
    except (ValueError, TypeError, KeyError, AttributeError):
        return call.output
    return "\n".join(map(str, texts)) if texts else call.output


def duration(seconds: float) -> str:
    """Say a length of time: `3.2 s`, `2 min 5 s`."""
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    if seconds < _HOUR:
        return f"{int(seconds) // _MINUTE} min {int(seconds) % _MINUTE} s"
    return f"{int(seconds) // _HOUR} h {int(seconds) % _HOUR // _MINUTE} min"


def counted(count: int, noun: str) -> str:
    """Say a number of things."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
