"""One prompt asked and shown as the flags want it, and what is said of the reply."""

from collections.abc import Mapping
from typing import Any

from lmchat.app.conversation import Conversation
from lmchat.app.display import view_for
from lmchat.app.invocation import Invocation
from lmchat.app.remarks import fullness, remarks
from lmchat.app.sessions import moved_to
from lmchat.chat.session import Outcome, Session
from lmchat.chat.talk import Exchange
from lmchat.chat.values import Prompt
from lmchat.errors import ExitStatus, LmchatError
from lmchat.render.json_output import turn_document


def asked(
    conversation: Conversation,
    session: Session,
    prompt: Prompt,
    *,
    growing: Session | None = None,
    once: Session | None = None,
) -> Exchange:
    """Ask, show what comes, and return how it went.

    `growing` and `once` are as `Conversation.speak` has them, but for the turn that `--at` says.

    Raise LmchatError where nothing could be sent.
    """
    flags = conversation.flags
    conversation.check(once or session, prompt)
    if growing is None and flags.at is not None:
        growing = moved_to(session, flags.at)
    exchange: Exchange | None = None
    try:
        with view_for(conversation) as show:
            exchange = conversation.speak(session, prompt, show.show, growing=growing, once=once)
            if exchange.failure is not None:
                raise exchange.failure
            if flags.as_jsonl or (flags.as_json and len(flags.models) < 2):
                show.finish(document(exchange, private=flags.private))
    except LmchatError:
        if exchange is None:
            raise
    return exchange


def ended(person: Invocation, conversation: Conversation, exchange: Exchange) -> ExitStatus:
    """Say what a person must know of a reply, which is out already, and return the status it ends with.

    That a part of it or of the conversation is lost is said also when quiet.
    """
    for remark in remarks(conversation, exchange):
        person.say(remark)
    if not conversation.flags.quiet and (full := fullness(conversation, exchange)):
        person.say(full)
    if exchange.turn.outcome is Outcome.INTERRUPTED:
        return ExitStatus.INTERRUPTED
    return ExitStatus.OK if conversation.schema is None else _fit(person, conversation.schema, exchange.turn.reply.text)


def _fit(person: Invocation, schema: Mapping[str, Any], reply: str) -> ExitStatus:
    """Say on stderr where a reply does not fit the schema; that is also the status."""
    from lmchat.render.failures import show_failure
    from lmchat.schema import check_reply

    try:
        check_reply(schema, reply)
    except LmchatError as problem:
        show_failure(person.world, problem)
        return problem.status
    return ExitStatus.OK


def document(exchange: Exchange, *, private: bool) -> dict[str, Any]:
    """Describe an exchange as scripts get it."""
    return turn_document(
        exchange.turn,
        session=None if private else exchange.session.name or None,
        previous_response_id=exchange.followed,
        unsent_turns=exchange.resent,
    )
