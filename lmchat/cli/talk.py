"""`lmchat talk`: put the REPL's parts together and hand over to it."""

from lmchat.app.attachments import pictures, quoted_file
from lmchat.app.conversation import open_conversation, open_kept_store, settings_of
from lmchat.app.display import shown
from lmchat.app.invocation import ChatFlags, Invocation
from lmchat.app.sessions import moved_to, resolve_session
from lmchat.chat.session import Session
from lmchat.chat.values import Prompt
from lmchat.cli.prompts import prompt_text
from lmchat.errors import BadUseError
from lmchat.store.store import Store


def talk_on(call: Invocation, wishes: ChatFlags) -> None:
    """Talk until the person leaves.

    A piped prompt is asked before the keyboard is read; without one, files and pictures wait for what is typed.
    """
    piped = _piped_prompt(call, wishes)
    images = () if piped else pictures(call, wishes.images)
    quoted = () if piped else [(path.name, quoted_file(path)) for path in wishes.files]
    settings = settings_of(call, wishes)
    with open_kept_store(call) as store:
        session = resolve_session(store, settings, wishes)
        with open_conversation(call, settings, store, private=wishes.private, stream=wishes.stream) as house:
            from lmchat.repl.loop import run
            from lmchat.repl.parts import Parts
            from lmchat.repl.state import Quoted

            parts = Parts(
                world=call.world,
                settings=settings,
                store=store,
                client=house.client,
                server=house.server,
                speak=house.speak,
                shown=lambda context_length: shown(house, wishes, context_length),
                with_model=house.with_model,
                private=wishes.private,
                debug=call.debug,
            )
            files = tuple(Quoted(name, text) for name, text in quoted)
            run(parts, _moved(store, session, wishes), first=piped, images=images, files=files)


def _moved(store: Store, session: Session, wishes: ChatFlags) -> Session:
    """Return the session with its head where `--at` says; a private one leaves the head on disk alone."""
    if wishes.at is None:
        return session
    moved = moved_to(session, wishes.at)
    return moved if wishes.private else store.move(session, moved.head)


def _piped_prompt(call: Invocation, wishes: ChatFlags) -> Prompt | None:
    """Read what was piped, with what goes along; None where standard input is the keyboard."""
    if call.world.stdin.isatty():
        return None
    if not call.world.stdout.isatty():
        raise BadUseError(
            "talk needs a terminal.", hint='In scripts and pipes, use lmchat ask: lmchat ask "Hello" < notes.txt'
        )
    return Prompt(prompt_text(call.world, (), wishes.files), pictures(call, wishes.images))
