"""`lmchat ask` and `lmchat talk`: one turn, or one for each of several models; and the start of a talk.

What shows a reply is loaded once the request has been sent, while the server thinks.
"""

from collections.abc import Callable, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmchat.advice import Action, Do
from lmchat.app.asking import moved_to, prompt_of, resolve_session, saved_prompt, with_saved
from lmchat.app.conversation import Conversation, Tap, open_conversation
from lmchat.app.display import LaterView, fullness, remarks, theme_of
from lmchat.app.invocation import STDIN, ChatFlags, Invocation, open_kept_store, settings_of
from lmchat.chat.exchange import Exchange
from lmchat.chat.models import Model
from lmchat.chat.session import Outcome, Session
from lmchat.chat.values import Prompt
from lmchat.dataclass import replace
from lmchat.errors import BadUseError, ExitStatus, LmchatError, NotFoundError
from lmchat.render.terminal import moves_cursor
from lmchat.settings import Settings
from lmchat.store.store import Store
from lmchat.world import require_output

if TYPE_CHECKING:
    from lmchat.render.json_output import Document


def ask_once(invocation: Invocation, words: Sequence[str], flags: ChatFlags) -> ExitStatus:
    """Ask one prompt and show the answer; raise LmchatError where there is none."""
    schema = None
    if flags.schema is not None:
        from lmchat.schema import read_schema

        schema, flags = read_schema(flags.schema), replace(flags, plain=True)
    if flags.output is not None and flags.output != STDIN:
        return _into_file(invocation, words, flags, flags.output)
    require_output(invocation.world)
    # Before --quiet silences anything: what was decoded or changed on reading must be reported.
    saved = saved_prompt(invocation, flags)
    prompt = prompt_of(invocation, saved, words, flags)
    person = invocation
    if flags.quiet:
        # Notes and progress are not shown; errors are written outside, to the real stderr.
        invocation = replace(invocation, world=replace(invocation.world, stderr=StringIO()))
    settings = settings_of(invocation, flags)
    with open_kept_store(invocation, apart=flags.apart, private=flags.private) as store:
        session = resolve_session(store, settings, flags, invocation.say)
        tap = _event_writer(invocation) if flags.as_jsonl else None
        with open_conversation(invocation, settings, store, flags, tap=tap, schema=schema) as conversation:
            if len(flags.models) > 1:
                return _ask_several(person, conversation, with_saved(session, saved, flags), prompt)
            began = invocation.world.monotonic()
            asking = conversation.with_model(with_saved(session, saved, flags), _chooser(invocation))
            # The model and options of a saved prompt are for this turn, not for the session.
            once = asking if saved and session.id else None
            exchange = asked(conversation, session if once else asking, prompt, once=once)
            _call_back(person, settings, invocation.world.monotonic() - began)
            if exchange.failure is not None:
                raise exchange.failure
            return ended(person, conversation, exchange)


def _call_back(person: Invocation, settings: Settings, seconds: float) -> None:
    """Notify the person after a long reply if they want that; whether they are looking here is not known."""
    world, how = person.world, settings.text("notify")
    if how == "off" or not world.stderr.isatty() or seconds < (settings.number("notify_after") or 0):
        return
    from lmchat.render.messages import called_back, show_sign

    show_sign(world, called_back(world.environ, desktop=how == "desktop", title="lmchat", words="The answer is there"))


def _into_file(invocation: Invocation, words: Sequence[str], flags: ChatFlags, path: Path) -> ExitStatus:
    """Ask, and write what stdout would have got to a file; whether one may be replaced is asked first."""
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
        from lmchat.repl.picker.choice import WHICH_MODEL, chosen, chosen_by_number, model_choices, screen_of, typed_at

        if not moves_cursor(world.stderr, world.environ):
            return chosen_by_number(WHICH_MODEL, model_choices(models).offers, world.stderr.write, typed_at(world))
        return chosen(WHICH_MODEL, model_choices(models), screen_of(world))

    return choose


def _event_writer(invocation: Invocation) -> Tap:
    """Pass the server's events on as they come, with all that lmchat does not know of them."""
    from lmchat.render.json_output import write_document

    return lambda event: write_document(invocation.world.stdout, event)


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
        with LaterView(conversation) as show:
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
    """Say what a person must know about a reply that has been shown, and return the exit status.

    A part of the reply or of the conversation that was lost is reported even with --quiet.
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
    from lmchat.render.messages import show_failure
    from lmchat.schema import check_reply

    try:
        check_reply(schema, reply)
    except LmchatError as problem:
        show_failure(person.world, problem)
        return problem.status
    return ExitStatus.OK


def document(exchange: Exchange, *, private: bool) -> dict[str, Any]:
    """Describe an exchange as scripts get it."""
    from lmchat.render.json_output import turn_document

    return turn_document(
        exchange.turn,
        session=None if private else exchange.session.name or None,
        previous_response_id=exchange.followed,
        unsent_turns=exchange.resent,
    )


def _ask_several(person: Invocation, conversation: Conversation, session: Session, prompt: Prompt) -> ExitStatus:
    """Ask every model and show each reply under its key; the replies are siblings, and the last is the head.

    If a model fails, the others are asked all the same; the worst exit code is returned. Ctrl-C ends everything.
    In JSON it is one list of what a single `ask` gives, with an `error` for a model that failed.
    """
    from lmchat.render.json_output import error_document, write_document
    from lmchat.render.messages import show_failure

    flags, stdout = conversation.flags, conversation.world.stdout
    start = session.head if flags.at is None else moved_to(session, flags.at).head
    worst, documents = ExitStatus.OK, list["Document"]()
    for place, model in enumerate(conversation.meant_by(flags.models)):
        if not (flags.as_json or flags.as_jsonl):
            stdout.write(("\n" if place else "") + _heading(person, model))
            stdout.flush()
        session = replace(session, model=model)
        try:
            exchange = asked(conversation, session, prompt, growing=replace(session, head=start))
            session = exchange.session
            if exchange.failure is not None:
                raise exchange.failure
        except LmchatError as error:
            worst = max(worst, error.status)
            documents.append({"model": model} | error_document(error))
            if flags.as_jsonl:
                write_document(stdout, {"type": "lmchat.error"} | documents[-1])
            elif not flags.as_json:
                show_failure(person.world, error)
            continue
        documents.append(document(exchange, private=flags.private))
        worst = max(worst, ended(person, conversation, exchange))
        if worst is ExitStatus.INTERRUPTED:
            break
    if flags.as_json and not flags.as_jsonl:
        write_document(stdout, documents)
    return worst


def _heading(person: Invocation, model: str) -> str:
    """Return the line above a reply, which in a pipe is a heading of Markdown."""
    if not person.world.stdout.isatty():
        return f"# {model}\n\n"
    from lmchat.render.text import sanitize_line

    theme = theme_of(person)
    return f"{theme.styled(sanitize_line(model), theme.styles.headings[1])}\n"


def talk_on(invocation: Invocation, flags: ChatFlags) -> None:
    """Talk until the person leaves.

    A piped prompt is asked before the keyboard is read; without one, files and pictures wait for what is typed.
    """
    if flags.pick:
        flags = _picked(invocation, flags)
    if len(flags.models) > 1:
        raise BadUseError("A talk has one model at a time.", hint='lmchat ask -m KEY -m KEY "…" asks several.')
    from lmchat.app.attachments import files_named, pictures, quoted_file

    piped = _piped_prompt(invocation, flags)
    images = () if piped else pictures(invocation, flags.images)
    files = [] if piped else files_named(flags.files)
    quoted = [(path.name, quoted_file(path, invocation.say, flags.encoding)) for path in files]
    settings = settings_of(invocation, flags)
    with open_kept_store(invocation, private=flags.private) as store:
        session = resolve_session(store, settings, flags, invocation.say)
        with open_conversation(invocation, settings, store, flags) as conversation:
            from lmchat.repl.loop import run
            from lmchat.repl.state import Quoted

            quotes = tuple(Quoted(name, text) for name, text in quoted)
            run(conversation, _moved(store, session, flags), first=piped, images=images, files=quotes)


def _picked(invocation: Invocation, flags: ChatFlags) -> ChatFlags:
    """Let the person pick the session, and its turn; leaving ends the program as Ctrl-C does."""
    world = invocation.world
    if flags.resume or flags.at is not None or flags.private:
        raise BadUseError("--pick picks the session and the turn, so neither -c, --at nor --private fits.")
    if not (world.stdin.isatty() and world.stderr.isatty()):
        raise BadUseError("--pick needs a terminal.", hint="`lmchat sessions` lists the sessions: lmchat talk NAME")
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
        from lmchat.repl.opening import no_terminal

        raise no_terminal()
    return prompt_of(invocation, None, (), flags)
