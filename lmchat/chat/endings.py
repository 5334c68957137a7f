"""How a reply ended: whether it answers, and what cut it."""

from collections.abc import Callable

from lmchat.advice import Action, Do
from lmchat.chat.request import ChatRequest
from lmchat.chat.values import Cut, Reply
from lmchat.errors import StreamBrokenError

_NEARLY = 2
"""Tokens that a full context may lack: servers count the last one, or the end mark, or do not."""


def cut_of(reply: Reply, said: Cut | None, holds: Callable[[Reply], int | None]) -> Cut | None:
    """Return what cut a reply: what the server said, or that the context was full when it ended.

    `holds` gives the tokens that fit into the context of what answered, None where that is not known.
    """
    used = reply.stats.context_used
    if said not in {None, Cut.LENGTH} or used is None:
        return said
    room = holds(reply)
    return Cut.CONTEXT if room is not None and room - _NEARLY <= used <= room else said


def answers(reply: Reply) -> bool:
    """Tell whether a reply is more than reasoning."""
    return bool(reply.text or reply.tool_calls)


def require_answer(reply: Reply | None, request: ChatRequest, *, came: bool) -> None:
    """Raise StreamBrokenError for a reply that never ended, or holds no message and no tool call."""
    if reply is None:
        hint = "What came is kept; the next prompt carries it along." if came else "Try again."
        raise StreamBrokenError("The reply ended before it was complete.", hint=hint)
    if answers(reply):
        return
    limit, used = request.options.value("max_output_tokens"), reply.stats.total_output_tokens
    if isinstance(limit, int) and used is not None and used >= limit:
        raise StreamBrokenError(
            f"The limit of {limit} output tokens was used up before the answer began.",
            hint=("Raise it: ", Do(Action.SET_OPTION, "max_output_tokens N")),
        )
    raise StreamBrokenError("The server ended the reply without an answer.", hint="Try again, or choose another model.")
