"""`lmchat ask`: one turn, from the words on the command line to the answer on stdout."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

from lmchat.app.attachments import STDIN, pictures
from lmchat.app.conversation import Conversation, Tap, open_conversation, open_kept_store, settings_of
from lmchat.app.display import view_for
from lmchat.app.files import place_for, write_text
from lmchat.app.invocation import ChatFlags, Invocation
from lmchat.app.sessions import moved_to, resolve_session
from lmchat.chat.models import Model
from lmchat.chat.session import Outcome, Session
from lmchat.chat.talk import Exchange
from lmchat.chat.values import Prompt
from lmchat.cli.prompts import prompt_text, saved_text
from lmchat.errors import ExitStatus, LmchatError
from lmchat.render.failures import show_sign
from lmchat.render.json_output import turn_document, write_document
from lmchat.render.terminal import moves_cursor
from lmchat.settings import Settings, settings_path
from lmchat.settings.prompts import Kind, PromptFile, read_prompt


def ask_once(invocation: Invocation, words: Sequence[str], flags: ChatFlags) -> ExitStatus:
    """Ask one prompt and show the answer; raise LmchatError where there is none."""
    schema = None
    if flags.schema is not None:
        from lmchat.schema import read_schema

        schema, flags = read_schema(flags.schema), replace(flags, plain=True)
    if flags.output is not None and flags.output != STDIN:
        return _into_file(invocation, words, flags, flags.output)
    # Before anything is silenced: what was read otherwise than it was given must be said.
    saved = _saved(invocation, flags)
    text = saved_text(invocation, saved, words, flags) if saved else prompt_text(invocation, words, flags)
    prompt = Prompt(text, pictures(invocation, flags.images) if flags.images else ())
    loud = invocation
    if flags.quiet:
        invocation = _silenced(invocation)
    settings = settings_of(invocation, flags)
    with open_kept_store(invocation, apart=flags.apart, private=flags.private) as store:
        session = resolve_session(store, settings, flags, invocation.say)
        tap = _event_writer(invocation) if flags.as_jsonl else None
        with open_conversation(invocation, settings, store, flags, tap=tap, schema=schema) as conversation:
            asking = conversation.with_model(_with_saved(session, saved, flags), _chooser(invocation))
            conversation.check(asking, prompt)
            # What a prompt of the person's own asks with is not what a session that goes on talks with.
            kept = session if saved and session.id else asking
            began = invocation.world.monotonic()
            exchange = _asked(conversation, kept, prompt, flags, once=asking)
            _call_back(loud, settings, invocation.world.monotonic() - began)
    if exchange.turn.outcome is Outcome.INTERRUPTED:
        return ExitStatus.INTERRUPTED
    return ExitStatus.OK if schema is None else _fit(loud, schema, exchange.turn.reply.text)


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


def _call_back(invocation: Invocation, settings: Settings, seconds: float) -> None:
    """Call the person back after a long reply where they want that; whether they look here is not known."""
    world, how = invocation.world, settings.text("notify")
    if how == "off" or not world.stderr.isatty() or seconds < (settings.number("notify_after") or 0):
        return
    from lmchat.render.attention import called_back

    show_sign(world, called_back(world.environ, desktop=how == "desktop", title="lmchat", words="The answer is there"))


def _saved(invocation: Invocation, flags: ChatFlags) -> PromptFile | None:
    """Read the prompt of the person's own that is to be asked."""
    if flags.saved is None:
        return None
    return read_prompt(settings_path(invocation.world), Kind.PROMPT, flags.saved)


def _with_saved(session: Session, saved: PromptFile | None, flags: ChatFlags) -> Session:
    """Return the session with the model and options of a prompt; those of the command line are over them."""
    if saved is None:
        return session
    model = flags.model or saved.model or session.model
    return replace(session, model=model, options=flags.options.over(saved.options.over(session.options)))


def _chooser(invocation: Invocation) -> Callable[[Sequence[Model]], str | None] | None:
    """Let a person at a terminal choose the model; stdout stays the answer's."""
    world = invocation.world
    if not (world.stdin.isatty() and world.stderr.isatty()):
        return None

    def choose(models: Sequence[Model]) -> str | None:
        from lmchat.repl.models import WHICH_MODEL, choices_of
        from lmchat.repl.picker.choice import chosen
        from lmchat.repl.picker.plain import chosen_by_number, typed_at
        from lmchat.repl.picker.screen import screen_of

        if not moves_cursor(world.stderr, world.environ):
            return chosen_by_number(WHICH_MODEL, choices_of(models).offers, world.stderr.write, typed_at(world))
        return chosen(WHICH_MODEL, choices_of(models), screen_of(world))

    return choose


def _silenced(invocation: Invocation) -> Invocation:
    """Let notes and progress go nowhere; an error is written where it meets the person, outside of here."""
    return replace(invocation, world=replace(invocation.world, stderr=StringIO()))


def _event_writer(invocation: Invocation) -> Tap:
    """Pass the server's events on as they come, with all that lmchat does not know of them."""
    return lambda event: write_document(invocation.world.stdout, event)


def _asked(
    conversation: Conversation, session: Session, prompt: Prompt, flags: ChatFlags, *, once: Session
) -> Exchange:
    growing = None if flags.at is None else moved_to(session, flags.at)
    with view_for(conversation) as show:
        exchange = conversation.speak(session, prompt, show.show, growing=growing, once=once)
        if exchange.failure is not None:
            raise exchange.failure
        if flags.as_json or flags.as_jsonl:
            show.finish(_document(exchange, flags))
    return exchange


def _document(exchange: Exchange, flags: ChatFlags) -> dict[str, Any]:
    return turn_document(
        exchange.turn,
        session=None if flags.private else exchange.session.name or None,
        previous_response_id=exchange.followed,
        unsent_turns=exchange.resent,
    )
