"""`lmchat ask`: one turn, from the words on the command line to the answer on stdout."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

from lmchat.app.attachments import STDIN, pictures
from lmchat.app.conversation import Tap, open_conversation, open_kept_store, settings_of
from lmchat.app.files import place_for, write_text
from lmchat.app.invocation import ChatFlags, Invocation
from lmchat.app.sessions import resolve_session
from lmchat.chat.models import Model
from lmchat.chat.session import Outcome
from lmchat.chat.values import Prompt
from lmchat.cli.ask_several import ask_several
from lmchat.cli.asking import asked, say_of
from lmchat.cli.prompts import prompt_text
from lmchat.errors import BadUseError, ExitStatus, LmchatError
from lmchat.render.json_output import write_document


def ask_once(invocation: Invocation, words: Sequence[str], flags: ChatFlags) -> ExitStatus:
    """Ask one prompt and show the answer; raise LmchatError where there is none."""
    schema = None
    if flags.schema is not None:
        from lmchat.schema import read_schema

        if len(flags.models) > 1:
            raise BadUseError("A schema is for the reply of one model.", hint="Give one -m, or ask without --schema.")

        schema, flags = read_schema(flags.schema), replace(flags, plain=True)
    if flags.output is not None and flags.output != STDIN:
        return _into_file(invocation, words, flags, flags.output)
    # Before anything is silenced: what was read otherwise than it was given must be said.
    prompt = Prompt(prompt_text(invocation, words, flags), pictures(invocation, flags.images) if flags.images else ())
    person = invocation
    if flags.quiet:
        invocation = _silenced(invocation)
    settings = settings_of(invocation, flags)
    with open_kept_store(invocation, apart=flags.apart, private=flags.private) as store:
        session = resolve_session(store, settings, flags, invocation.say)
        tap = _event_writer(invocation) if flags.as_jsonl else None
        with open_conversation(invocation, settings, store, flags, tap=tap, schema=schema) as conversation:
            if len(flags.models) > 1:
                return ask_several(person, conversation, session, prompt)
            session = conversation.with_model(session, _chooser(invocation))
            exchange = asked(conversation, session, prompt)
            if exchange.failure is not None:
                raise exchange.failure
            say_of(person, conversation, exchange)
    if exchange.turn.outcome is Outcome.INTERRUPTED:
        return ExitStatus.INTERRUPTED
    return ExitStatus.OK if schema is None else _fit(person, schema, exchange.turn.reply.text)


def _fit(invocation: Invocation, schema: Mapping[str, Any], reply: str) -> ExitStatus:
    """Say on stderr where the reply, which is out already, does not fit the schema; that is also the status."""
    from lmchat.render.failures import show_failure
    from lmchat.schema import check_reply

    try:
        check_reply(schema, reply)
    except LmchatError as problem:
        show_failure(invocation.world, problem)
        return problem.status
    return ExitStatus.OK


def _into_file(invocation: Invocation, words: Sequence[str], flags: ChatFlags, path: Path) -> ExitStatus:
    """Ask, and write what stdout would have got to a file; one that a person wants to keep is found out about first."""
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
    return lambda event: write_document(invocation.world.stdout, event)
