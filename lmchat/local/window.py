"""Fit a chain of turns into a model's window: all of it, or the system prompt and the latest turns.

Pure but for the counting it is handed; it must not know who counts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lmchat.local.history import Chain, StoredTurn
from lmchat.local.refusals import overflow

Message = dict[str, str]
_REPLY_ROOM = 512


@dataclass(frozen=True, slots=True)
class Asked:
    """Hold what a request adds to its chain; `system_prompt` is None where it brings none."""

    text: str
    system_prompt: str | None = None


@dataclass(frozen=True, slots=True)
class Fitted:
    """Hold the messages to send, and the number of the first turn among them (None: every turn is)."""

    messages: list[Message]
    first_shown: int | None


def fitted(
    chain: Chain, asked: Asked, *, default_system: str | None, window: int, count: Callable[[Sequence[Message]], int]
) -> Fitted:
    """Return the messages of the chain and the request, cut at the front where they outgrow `window` tokens.

    A chain is cut to half of the window at once, and its later turns begin at the same place: so the engine can
    reuse what it has read, which a cut at every turn would undo. Raises Refusal where even the request alone does
    not fit (PROTOCOL.md section 2).
    """
    shown = [turn for turn in chain.turns if chain.first_shown is None or turn.number >= chain.first_shown]
    whole = _messages(chain, shown, asked, default_system)
    room = window - min(_REPLY_ROOM, window // 4)
    size = count(whole)
    if size <= room or (not shown and size < window):
        return Fitted(whole, chain.first_shown)
    # The fewest turns to leave out, by halving: counting costs a request to the engine.
    fewest, most = 1, len(shown)
    while fewest < most:
        middle = (fewest + most) // 2
        if count(_messages(chain, shown[middle:], asked, default_system)) <= window // 2:
            most = middle
        else:
            fewest = middle + 1
    left = shown[fewest:]
    messages = _messages(chain, left, asked, default_system)
    if not shown or count(messages) >= window:
        raise overflow()
    return Fitted(messages, left[0].number if left else chain.turns[-1].number + 1)


def _messages(chain: Chain, shown: Sequence[StoredTurn], asked: Asked, default_system: str | None) -> list[Message]:
    """Render the turns; a system prompt outlives the turn it came with."""
    first = shown[0].number if shown else None
    systems = [turn.system_prompt for turn in chain.turns if turn.system_prompt is not None]
    messages = []
    if not systems and asked.system_prompt is None and default_system is not None:
        messages.append(_message("system", default_system))
    for turn in chain.turns:
        if turn.system_prompt is not None:
            messages.append(_message("system", turn.system_prompt))
        if first is not None and turn.number >= first:
            messages += [_message("user", turn.input), _message("assistant", turn.output)]
    if asked.system_prompt is not None:
        messages.append(_message("system", asked.system_prompt))
    return [*messages, _message("user", asked.text)]


def _message(role: str, content: str) -> Message:
    return {"role": role, "content": content}
