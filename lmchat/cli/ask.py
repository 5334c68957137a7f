"""`lmchat ask`: one turn, from the words on the command line to the answer on stdout."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path

from lmchat.app.attachments import STDIN, pictures
from lmchat.app.conversation import Tap, open_conversation, open_kept_store, settings_of
from lmchat.app.files import place_for, write_text
from lmchat.app.invocation import ChatFlags, Invocation
from lmchat.app.sessions import resolve_session
from lmchat.chat.models import Model
from lmchat.chat.values import Prompt
from lmchat.cli.ask_several import ask_several
from lmchat.cli.asking import asked, ended
from lmchat.cli.saved import saved_prompt, text_of, with_saved
from lmchat.errors import ExitStatus
from lmchat.render.failures import show_sign
from lmchat.render.json_output import write_document
from lmchat.render.terminal import moves_cursor
from lmchat.settings import Settings
from lmchat.world import require_output


def ask_once(invocation: Invocation, words: Sequence[str], flags: ChatFlags) -> ExitStatus:
    """Ask one prompt and show the answer; raise LmchatError where there is none."""
    schema = None
    if flags.schema is not None:
        from lmchat.schema import read_schema

        schema, flags = read_schema(flags.schema), replace(flags, plain=True)
    if flags.output is not None and flags.output != STDIN:
        return _into_file(invocation, words, flags, flags.output)
    require_output(invocation.world)
    # Before anything is silenced: what was read otherwise than it was given must be said.
    saved = saved_prompt(invocation, flags)
    text = text_of(invocation, saved, words, flags)
    prompt = Prompt(text, pictures(invocation, flags.images) if flags.images else ())
    person = invocation
    if flags.quiet:
        invocation = _silenced(invocation)
    settings = settings_of(invocation, flags)
    with open_kept_store(invocation, apart=flags.apart, private=flags.private) as store:
        session = resolve_session(store, settings, flags, invocation.say)
        tap = _event_writer(invocation) if flags.as_jsonl else None
        with open_conversation(invocation, settings, store, flags, tap=tap, schema=schema) as conversation:
            if len(flags.models) > 1:
                return ask_several(person, conversation, with_saved(session, saved, flags), prompt)
            began = invocation.world.monotonic()
            asking = conversation.with_model(with_saved(session, saved, flags), _chooser(invocation))
            # What a prompt of the person's own asks with is not what a session that goes on talks with.
            once = asking if saved and session.id else None
            exchange = asked(conversation, session if once else asking, prompt, once=once)
            _call_back(person, settings, invocation.world.monotonic() - began)
            if exchange.failure is not None:
                raise exchange.failure
            return ended(person, conversation, exchange)


def _call_back(person: Invocation, settings: Settings, seconds: float) -> None:
    """Call the person back after a long reply where they want that; whether they look here is not known."""
    world, how = person.world, settings.text("notify")
    if how == "off" or not world.stderr.isatty() or seconds < (settings.number("notify_after") or 0):
        return
    from lmchat.render.attention import called_back

    show_sign(world, called_back(world.environ, desktop=how == "desktop", title="lmchat", words="The answer is there"))


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
