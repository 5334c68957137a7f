"""`lmchat ask`: one turn, from the words on the command line to the answer on stdout."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

from lmchat.app.attachments import STDIN, pictures
from lmchat.app.conversation import Conversation, Tap, open_conversation, open_kept_store, settings_of
from lmchat.app.display import view_for
from lmchat.app.invocation import ChatFlags, Invocation
from lmchat.app.sessions import moved_to, resolve_session
from lmchat.chat.models import Model
from lmchat.chat.session import Outcome, Session
from lmchat.chat.talk import Exchange
from lmchat.chat.values import Prompt
from lmchat.cli.prompts import prompt_text
from lmchat.errors import ExitStatus


def ask_once(invocation: Invocation, words: Sequence[str], flags: ChatFlags) -> ExitStatus:
    """Ask one prompt and show the answer; raise LmchatError where there is none."""
    if flags.output is not None and flags.output != STDIN:
        return _into_file(invocation, words, flags, flags.output)
    # Before anything is silenced: what was read otherwise than it was given must be said.
    prompt = Prompt(prompt_text(invocation, words, flags), pictures(invocation, flags.images) if flags.images else ())
    if flags.quiet:
        invocation = _silenced(invocation)
    settings = settings_of(invocation, flags)
    with open_kept_store(invocation, apart=flags.apart, private=flags.private) as store:
        session = resolve_session(store, settings, flags, invocation.say)
        tap = _event_writer(invocation) if flags.as_jsonl else None
        with open_conversation(invocation, settings, store, flags, tap=tap) as conversation:
            session = conversation.with_model(session, _chooser(invocation))
            conversation.check(session, prompt)
            exchange = _asked(conversation, session, prompt, flags)
    return ExitStatus.INTERRUPTED if exchange.turn.outcome is Outcome.INTERRUPTED else ExitStatus.OK


def _into_file(invocation: Invocation, words: Sequence[str], flags: ChatFlags, path: Path) -> ExitStatus:
    """Ask, and write what stdout would have got to a file; one that a person wants to keep is found out about first."""
    from lmchat.app.files import place_for, write_text

    place = place_for(path, ask=invocation.asking, force=flags.force)
    answer = StringIO()
    inner = replace(invocation, world=replace(invocation.world, stdout=answer))
    status = ask_once(inner, words, replace(flags, output=None))
    if status is ExitStatus.INTERRUPTED:
        invocation.say(f"The reply was interrupted, so nothing was written to {place.path}.")
        return status
    write_text(place, answer.getvalue())
    if not flags.quiet:
        invocation.say(f"The answer is in {place.path}{place.instead}.")
    return status


def _chooser(invocation: Invocation) -> Callable[[Sequence[Model]], str | None] | None:
    """Let a person at a terminal choose the model; stdout stays the answer's."""
    world = invocation.world
    if not (world.stdin.isatty() and world.stderr.isatty()):
        return None

    def choose(models: Sequence[Model]) -> str | None:
        from lmchat.repl.models import WHICH_MODEL, choices_of
        from lmchat.repl.picker.choice import chosen
        from lmchat.repl.picker.screen import screen_of

        return chosen(WHICH_MODEL, choices_of(models), screen_of(world))

    return choose


def _silenced(invocation: Invocation) -> Invocation:
    """Let notes and progress go nowhere; an error is written where it meets the person, outside of here."""
    return replace(invocation, world=replace(invocation.world, stderr=StringIO()))


def _event_writer(invocation: Invocation) -> Tap:
    """Pass the server's events on as they come, with all that lmchat does not know of them."""
    from lmchat.render.json_output import write_document

    return lambda event: write_document(invocation.world.stdout, event)


def _asked(conversation: Conversation, session: Session, prompt: Prompt, flags: ChatFlags) -> Exchange:
    growing = None if flags.at is None else moved_to(session, flags.at)
    with view_for(conversation) as show:
        exchange = conversation.speak(session, prompt, show.show, growing=growing)
        if exchange.failure is not None:
            raise exchange.failure
        if flags.as_json or flags.as_jsonl:
            show.finish(_document(exchange, flags))
    return exchange


def _document(exchange: Exchange, flags: ChatFlags) -> dict[str, Any]:
    from lmchat.render.json_output import turn_document

    return turn_document(
        exchange.turn,
        session=None if flags.private else exchange.session.name or None,
        previous_response_id=exchange.followed,
        unsent_turns=exchange.resent,
    )
