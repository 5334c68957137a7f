"""Fit a chain of turns into a model's window: all of it, or the system prompt and the latest turns.

Pure but for the counting it is handed.
"""

from collections.abc import Callable, Sequence

from lmchat.dataclass import dataclass
from lmchat.local.history import Chain, StoredTurn
from lmchat.local.messages import Message, message
from lmchat.local.refusals import overflow

_REPLY_ROOM = 512


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request adds to its chain; `system_prompt` is None where it brings none.

    `instructions` are a system prompt that the chain does not keep.
    """

    messages: tuple[Message, ...]
    system_prompt: str | None = None
    instructions: str | None = None


@dataclass(frozen=True, slots=True)
class Fitted:
    """The messages to send, and the number of the first turn among them (None: every turn is)."""

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
    shown = chain.shown
    whole = rendered(chain, shown, asked, default_system)
    room = window - min(_REPLY_ROOM, window // 4)
    size = count(whole)
    if size <= room or (not shown and size < window):
        return Fitted(whole, chain.first_shown)
    # The fewest turns to leave out, by halving: counting costs a request to the engine.
    fewest, most = 1, len(shown)
    while fewest < most:
        middle = (fewest + most) // 2
        if count(rendered(chain, shown[middle:], asked, default_system)) <= window // 2:
            most = middle
        else:
            fewest = middle + 1
    left = shown[fewest:]
    messages = rendered(chain, left, asked, default_system)
    if not shown or count(messages) >= window:
        raise overflow()
    return Fitted(messages, left[0].number if left else chain.turns[-1].number + 1)


def rendered(
    chain: Chain, shown: Sequence[StoredTurn], asked: Asked, default_system: str | None = None
) -> list[Message]:
    """Return the turns and the request as messages; a system prompt outlives the turn it came with."""
    first = shown[0].number if shown else None
    found: list[Message] = [] if asked.instructions is None else [message("system", asked.instructions)]
    for turn in chain.turns:
        if turn.system_prompt is not None:
            found.append(message("system", turn.system_prompt))
        if first is not None and turn.number >= first:
            found += [*turn.messages, message("assistant", turn.output)]
    if asked.system_prompt is not None:
        found.append(message("system", asked.system_prompt))
    found += asked.messages
    if default_system is not None and not any(each["role"] == "system" for each in found):
        found.insert(0, message("system", default_system))
    return found
