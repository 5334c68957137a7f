"""What is said after a reply: that it was cut, that the context is nearly full, that the server dropped old turns."""

from collections.abc import Iterator

from lmchat.advice import Action, Advice, Do
from lmchat.app.conversation import Conversation
from lmchat.chat.session import Session, Turn
from lmchat.chat.talk import Exchange


def remarks(conversation: Conversation, exchange: Exchange) -> Iterator[Advice]:
    """Yield what a person must know of a reply besides its words."""
    turn = exchange.turn
    if turn.cut is not None:
        session = exchange.session.name
        kept = conversation.private is None and session
        way_on: Advice = (" ", Do(Action.CONTINUE, session), " asks for the rest.") if kept else ()
        yield (f"The reply was cut off: {turn.cut.why}.", *way_on)
    if dropped := _dropped(exchange.session, turn):
        yield dropped


def fullness(conversation: Conversation, exchange: Exchange) -> Advice | None:
    """Say that the context is nearly full, as far as the settings want to know; None where it is not."""
    turn = exchange.turn
    limit, used = conversation.settings.number("context_warning"), turn.reply.stats.context_used
    room = conversation.holds(turn.reply, exchange.session)
    if limit is None or used is None or not room or used / room < limit:
        return None
    return (
        f"{used / room:.0%} of the context is used ({used:,} of {room:,} tokens); a full one loses its oldest turns. ",
        "More room: ",
        Do(Action.LOAD_MODEL, f"{turn.model} context_length={2 * room}"),
    )


def _dropped(session: Session, turn: Turn) -> str:
    """Say that the server read less than for the turn before: what is asked comes to all that was read then."""
    before = None if turn.parent is None else session.turns.get(turn.parent)
    if before is None or before.summary or (before.model, before.system) != (turn.model, turn.system):
        return ""
    old, new = before.reply.stats.input_tokens, turn.reply.stats.input_tokens
    if old is None or new is None or new >= old:
        return ""
    return (
        f"The server dropped the oldest turns, for lack of room: it read {new:,} tokens, "
        f"and {old:,} for the turn before."
    )
