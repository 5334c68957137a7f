"""The loop: read a line, do the command or ask, show what came of it. No error ends it."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType

from prompt_toolkit.completion import Completer, DynamicCompleter

from lmchat.app.conversation import Conversation
from lmchat.chat.session import Session
from lmchat.chat.values import Image, Prompt
from lmchat.dataclass import replace
from lmchat.errors import BugError, LmchatError, SessionGoneError, system_error
from lmchat.render.messages import show_traceback, title_of
from lmchat.repl.editing import Cleared, Dismissed, Left, Shortcut, Typed
from lmchat.repl.keyboard import Keyboard
from lmchat.repl.line import attached_by, literal, shell_command
from lmchat.repl.opening import greet, opened_keyboard, prompt_options, say_unchosen
from lmchat.repl.state import ModelList, Quoted, ReplState, toolbar
from lmchat.settings.prompts import Kind, prompt_names
from lmchat.world import handle_signal

_KEEP_TITLE, _TITLE_BACK = "\x1b[22;2t", "\x1b[23;2t"
_PATIENCE_SECONDS = 1.0
"""How long the first prompt waits for a server that says nothing."""
_BURST_SECONDS = 0.5
"""How long after a reply was stopped more Ctrl-C are still meant for it: people press it more than once."""
_LEAVE_NOTICE = "Ctrl-C again, or Ctrl-D, leaves"


def run(
    conversation: Conversation,
    session: Session,
    *,
    first: Prompt | None = None,
    images: tuple[Image, ...] = (),
    files: tuple[Quoted, ...] = (),
    keyboard: Keyboard | None = None,
) -> None:
    """Talk in a session until the person leaves.

    A session without a name is named after its first prompt. `first` is asked before the keyboard is read; `images`
    and `files` are sent with the first prompt that is typed. The keyboard is the terminal's unless another is given.
    Raise BadUseError where there is no terminal.
    """
    keyboard = keyboard or opened_keyboard(conversation.world, prompt_options(conversation))
    # In the background nothing may be written, not even by --debug.
    known = ModelList(replace(conversation.client, log=None).models, changed=keyboard.redraw)
    state = ReplState(conversation, keyboard, known, session, images, files)
    with keyboard.terminal.without_echo(keyboard.again), _ctrl_c_waits(), _title_kept(state):
        greet(state)
        if prompt_names(conversation.settings.path, Kind.PROMPT):
            from lmchat.repl.commands.table import say_hidden

            say_hidden(state)
        _title(state)
        if first is not None:
            state = _safely(state, first)
        state = _prepared(state)
        while not state.left:
            # A Ctrl-C that came between two prompts asks for nothing.
            with suppress(KeyboardInterrupt):
                state = _step(state)


def _prepared(state: ReplState) -> ReplState:
    """Begin to ask the server for its models, and to choose one where none is named.

    The prompt does not wait for that, except in a terminal where nothing can be written above it.
    """
    if not (state.model or state.keyboard.terminal.escapes):
        state.known.refresh()
        return _with_model(state)
    state.keyboard.when_drawn(partial(state.known.refresh, partial(_listed, state)))
    return state


def _listed(state: ReplState) -> None:
    """Have the model chosen after the server has listed its models, and load what the next line needs."""
    if not state.model:  # with a named one, the first prompt says what is wrong with the server
        state.keyboard.between_keys(partial(_choose, state))
    from lmchat.repl.commands import table  # noqa: F401 - while nothing waits for it


def _choose(state: ReplState) -> None:
    """Choose the model and say so where it matters, or say what failed.

    Where there are several, the person is asked, at once if they have typed nothing yet.
    """
    from lmchat.repl.models import likely_model, loading_note

    keyboard = state.keyboard
    try:
        if state.known.failure is not None:
            raise state.known.failure
        state.sought.model = likely_model(state)
    except LmchatError as error:
        keyboard.write_above(partial(state.complain, error))
        return
    if not state.sought.model:
        if not keyboard.dismiss():
            keyboard.write_above(partial(say_unchosen, state))
    elif note := loading_note(state, state.model):
        keyboard.write_above(partial(state.say, note))
    else:
        keyboard.redraw()


def _with_listed_model(state: ReplState) -> ReplState:
    """Return the state with the model that was chosen; the first line waits a moment for the server's list."""
    sought = state.sought
    if not (state.model or sought.waited):
        from lmchat.repl.models import likely_model

        sought.waited = True
        if state.known.settled(_PATIENCE_SECONDS) and state.known.now():
            with suppress(LmchatError):
                sought.model = likely_model(state)
    return replace(state, session=replace(state.session, model=state.session.model or sought.model))


def _with_model(state: ReplState) -> ReplState:
    """Choose the model, also by asking the person; where the server cannot be asked, say why."""
    from lmchat.repl.models import with_first_model

    try:
        with suppress(KeyboardInterrupt), _ctrl_c_interrupts(state.conversation.world.monotonic):
            if state.known.settled(_PATIENCE_SECONDS):
                state = with_first_model(state)
            else:
                state.say("The server has not answered yet; the model is chosen with the first prompt.")
    except LmchatError as error:
        state.complain(error)
    say_unchosen(state)
    return state


def _step(state: ReplState) -> ReplState:
    """Read one line and do what it asks for."""
    status = state.status()
    line = state.keyboard.line(
        lambda width: toolbar(status(), width),
        completer=DynamicCompleter(partial(_completer, state)),
        is_command=partial(_is_command, state),
        draft=state.draft,
        notice=_LEAVE_NOTICE if state.ctrl_c_leaves else "",
    )
    state = replace(state, draft="")
    match line:
        case Left():
            return replace(state, left=True)
        case Dismissed():
            return _with_model(state)
        case Cleared(empty, again):
            images = state.images if state.editing is None else ()
            leaves = empty and state.conversation.world.monotonic() > state.stopped_at + _BURST_SECONDS
            return replace(state, left=leaves and again, ctrl_c_leaves=leaves, editing=None, images=images)
        case Shortcut(command, text):
            return replace(_safely(replace(state, ctrl_c_leaves=False), command), draft=text)
        case Typed(text):
            done = _safely(replace(state, ctrl_c_leaves=False), text)
            _title(done, before=state)
            return done


def _completer(state: ReplState) -> Completer:
    from lmchat.repl.commands.table import Completions

    return Completions(state)


def _is_command(state: ReplState, line: str) -> bool:
    from lmchat.repl.commands.table import is_command

    return is_command(line, state)


def _safely(state: ReplState, line: str | Prompt) -> ReplState:
    """Do what a line asks for; where it fails, say why in a line and put the text back, to be sent again."""
    text = line if isinstance(line, str) else literal(line.text)
    try:
        with _ctrl_c_interrupts(state.conversation.world.monotonic):
            return _done(state, line)
    except KeyboardInterrupt:
        state.say("(stopped)")
        return replace(state, draft=text)
    except SessionGoneError as gone:
        state.complain(LmchatError(gone.message, hint="Sent again, the prompt begins a new session without it."))
        return replace(state.without_session(), draft=text)
    except LmchatError as error:
        failure = error
    except OSError as error:
        failure = system_error(error)
    except Exception as fault:  # noqa: BLE001 - a bug in one command does not end the talk
        if state.conversation.debug:
            show_traceback(state.conversation.world, fault)
        failure = BugError(type(fault).__name__)
    # Where the terminal itself is gone, this fails too, and ends the talk.
    state.complain(failure)
    return replace(state, draft=text)


def _done(state: ReplState, line: str | Prompt) -> ReplState:
    from lmchat.repl.commands.table import command_in
    from lmchat.repl.turns import ask, ask_typed, attach

    if isinstance(line, Prompt):
        return ask(state, line)
    if not line.strip():
        return state
    state = _with_listed_model(state)
    if (found := command_in(line, state)) is not None:
        command, arguments = found
        return command.handler(state, arguments)
    if (command_line := shell_command(line)) is not None:
        from lmchat.repl.commands.attachments import run_command

        return run_command(state, command_line)
    if files := attached_by(line):
        return attach(state, files)
    return ask_typed(state, line)


@contextmanager
def _ctrl_c_interrupts(now: Callable[[], float]) -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt for a block, but once in a burst, so that cleaning up is not interrupted."""
    raised_at = float("-inf")

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        nonlocal raised_at
        if now() > raised_at + _BURST_SECONDS:
            raised_at = now()
            raise KeyboardInterrupt

    before = handle_signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _ctrl_c_waits() -> Iterator[None]:
    """Ignore Ctrl-C outside of replies and commands: at the prompt it is a key like any other."""
    before = handle_signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _title_kept(state: ReplState) -> Iterator[None]:
    """Restore the terminal's title in the end, where lmchat sets one."""
    if state.titled:
        state.write(_KEEP_TITLE)
    try:
        yield
    finally:
        if state.titled:
            state.write(_TITLE_BACK)


def _title(state: ReplState, before: ReplState | None = None) -> None:
    """Make the session's name the terminal's title, where that is wanted and new."""
    name = state.session.name
    if state.titled and name and (before is None or before.session.name != name):
        state.write(title_of(name, working=False))
