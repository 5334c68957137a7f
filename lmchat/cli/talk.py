"""`lmchat talk`: open the conversation and hand over to the REPL."""

from dataclasses import replace

from lmchat.advice import Action, Do
from lmchat.app.attachments import files_named, pictures, quoted_file
from lmchat.app.conversation import open_conversation, open_kept_store, settings_of
from lmchat.app.invocation import ChatFlags, Invocation
from lmchat.app.sessions import moved_to, resolve_session
from lmchat.chat.session import Session
from lmchat.chat.values import Prompt
from lmchat.cli.prompts import prompt_text
from lmchat.errors import BadUseError, NotFoundError
from lmchat.store.store import Store


def talk_on(invocation: Invocation, flags: ChatFlags) -> None:
    """Talk until the person leaves.

    A piped prompt is asked before the keyboard is read; without one, files and pictures wait for what is typed.
    """
    if flags.pick:
        flags = _picked(invocation, flags)
    if len(flags.models) > 1:
        raise BadUseError("A talk has one model at a time.", hint='lmchat ask -m KEY -m KEY "…" asks several.')
    piped = _piped_prompt(invocation, flags)
    images = () if piped else pictures(invocation, flags.images)
    quoted = (
        ()
        if piped
        else [(path.name, quoted_file(path, invocation.say, flags.encoding)) for path in files_named(flags.files)]
    )
    settings = settings_of(invocation, flags)
    with open_kept_store(invocation, private=flags.private) as store:
        session = resolve_session(store, settings, flags, invocation.say)
        with open_conversation(invocation, settings, store, flags) as conversation:
            from lmchat.repl.loop import run
            from lmchat.repl.state import Quoted

            files = tuple(Quoted(name, text) for name, text in quoted)
            run(conversation, _moved(store, session, flags), first=piped, images=images, files=files)


def _picked(invocation: Invocation, flags: ChatFlags) -> ChatFlags:
    """Let the person pick the session, and its turn; leaving ends the program as Ctrl-C does."""
    world = invocation.world
    if flags.resume or flags.at is not None or flags.private:
        raise BadUseError("--pick picks the session and the turn, so neither -c, --at nor --private fits.")
    if not (world.stdin.isatty() and world.stderr.isatty()):
        raise BadUseError("--pick needs a terminal.", hint="`lmchat sessions` lists the sessions: lmchat talk NAME")
    from lmchat.app.display import theme_of
    from lmchat.repl.picker.sessions import picked_at

    with open_kept_store(invocation) as store:
        if store.last() is None:
            raise NotFoundError("There are no sessions yet.", hint=("Begin one: ", Do(Action.BEGIN_SESSION)))
        picked = picked_at(world, store, theme_of(invocation), flags.name or "")
    if picked is None:
        raise KeyboardInterrupt
    return replace(flags, name=picked.name, at=picked.turn)


def _moved(store: Store, session: Session, flags: ChatFlags) -> Session:
    """Return the session with its head where `--at` says; a private one leaves the head on disk alone."""
    if flags.at is None:
        return session
    moved = moved_to(session, flags.at)
    return moved if flags.private else store.move(session, moved.head)


def _piped_prompt(invocation: Invocation, flags: ChatFlags) -> Prompt | None:
    """Read what was piped, with its pictures; None where standard input is the keyboard."""
    if invocation.world.stdin.isatty() or not flags.stdin:
        return None
    if not invocation.world.stdout.isatty():
        raise BadUseError(
            "talk needs a terminal.", hint='In scripts and pipes, use lmchat ask: lmchat ask "Hello" < notes.txt'
        )
    return Prompt(prompt_text(invocation, (), flags), pictures(invocation, flags.images))
