"""One prompt asked and shown as the flags want it, and what is said of the reply."""

from typing import Any

from lmchat.app.conversation import Conversation
from lmchat.app.display import view_for
from lmchat.app.invocation import Invocation
from lmchat.app.remarks import fullness, remarks
from lmchat.app.sessions import moved_to
from lmchat.chat.session import Session
from lmchat.chat.talk import Exchange
from lmchat.chat.values import Prompt
from lmchat.errors import LmchatError
from lmchat.render.json_output import turn_document


def asked(conversation: Conversation, session: Session, prompt: Prompt, *, growing: Session | None = None) -> Exchange:
    """Ask, show what comes, and return how it went; `growing` is as `Conversation.speak` has it, else as `--at` says.

    Raise LmchatError where nothing could be sent.
    """
    flags = conversation.flags
    conversation.check(session, prompt)
    if growing is None and flags.at is not None:
        growing = moved_to(session, flags.at)
    exchange: Exchange | None = None
    try:
        with view_for(conversation) as show:
            exchange = conversation.speak(session, prompt, show.show, growing=growing)
            if exchange.failure is not None:
                raise exchange.failure
            if flags.as_jsonl or (flags.as_json and len(flags.models) < 2):
                show.finish(document(exchange, private=flags.private))
    except LmchatError:
        if exchange is None:
            raise
    return exchange


def say_of(person: Invocation, conversation: Conversation, exchange: Exchange) -> None:
    """Say what a person must know of a reply; that a part of it or of the conversation is lost, also when quiet."""
    for remark in remarks(conversation, exchange):
        person.say(remark)
    if not conversation.flags.quiet and (full := fullness(conversation, exchange.turn)):
        person.say(full)


def document(exchange: Exchange, *, private: bool) -> dict[str, Any]:
    """Describe an exchange as scripts get it."""
    return turn_document(
        exchange.turn,
        session=None if private else exchange.session.name or None,
        previous_response_id=exchange.followed,
        unsent_turns=exchange.resent,
    )
