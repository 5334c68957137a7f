"""`lmchat ask`: one turn, from the words on the command line to the answer on stdout."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from io import StringIO

from lmchat.app.attachments import pictures
from lmchat.app.conversation import Conversation, Tap, open_conversation, open_kept_store, settings_of
from lmchat.app.display import shown
from lmchat.app.invocation import ChatFlags, Invocation
from lmchat.app.sessions import moved_to, resolve_session
from lmchat.chat.models import Model
from lmchat.chat.session import Outcome, Session
from lmchat.chat.talk import Exchange
from lmchat.chat.values import Prompt
from lmchat.cli.prompts import prompt_text
from lmchat.errors import ExitStatus
from lmchat.render.json_output import turn_document, write_document


def ask_once(call: Invocation, words: Sequence[str], wishes: ChatFlags) -> ExitStatus:
    """Ask one prompt and show the answer; raise LmchatError where there is none."""
    if wishes.quiet:
        call = _silenced(call)
    prompt = Prompt(prompt_text(call.world, words, wishes.files), pictures(call, wishes.images))
    settings = settings_of(call, wishes)
    with open_kept_store(call, apart=wishes.apart) as store:
        session = resolve_session(store, settings, wishes)
        tap = _event_writer(call) if wishes.as_jsonl else None
        with open_conversation(call, settings, store, private=wishes.private, stream=wishes.stream, tap=tap) as house:
            session = house.with_model(session, _chooser(call))
            house.check(session, prompt)
            exchange = _asked(house, session, prompt, wishes)
    return ExitStatus.INTERRUPTED if exchange.turn.outcome is Outcome.INTERRUPTED else ExitStatus.OK


def _chooser(call: Invocation) -> Callable[[Sequence[Model]], str | None] | None:
    """Let a person at a terminal choose the model; stdout stays the answer's."""
    world = call.world
    if not (world.stdin.isatty() and world.stderr.isatty()):
        return None

    def choose(models: Sequence[Model]) -> str | None:
        from lmchat.repl.picker import chosen_at

        return chosen_at(world, "Which model?", [(model.key, model.display_name) for model in models])

    return choose


def _silenced(call: Invocation) -> Invocation:
    """Let notes and progress go nowhere; an error is written where it meets the person, outside of here."""
    return replace(call, world=replace(call.world, stderr=StringIO()))


def _event_writer(call: Invocation) -> Tap:
    """Pass the server's events on as they come, with all that lmchat does not know of them."""
    return lambda event: write_document(call.world.stdout, event)


def _asked(house: Conversation, session: Session, prompt: Prompt, wishes: ChatFlags) -> Exchange:
    growing = None if wishes.at is None else moved_to(session, wishes.at)
    with shown(house, wishes) as show:
        exchange = house.speak(session, prompt, show.show, growing=growing)
        if exchange.failure is not None:
            raise exchange.failure
        document = turn_document(
            exchange.turn,
            session=None if wishes.private else exchange.session.name,
            previous_response_id=exchange.followed,
            unsent_turns=exchange.resent,
        )
        show.finish(document)
    return exchange
