"""The loop: read a line, do the command or ask, show what came of it. No error ends it."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType

from lmchat.app.conversation import Conversation
from lmchat.chat.session import Session
from lmchat.chat.values import Image, Prompt
from lmchat.dataclass import replace
from lmchat.errors import BugError, LmchatError, SessionGoneError, system_error
from lmchat.render.messages import show_traceback, title_of
from lmchat.repl.commands.attachments import run_command
from lmchat.repl.commands.table import BY_NAME, Completions, command_in, is_command, say_hidden
from lmchat.repl.editing import Cleared, Left, Shortcut, Typed
from lmchat.repl.keyboard import Keyboard
from lmchat.repl.line import attached_by, literal, shell_command
from lmchat.repl.models import with_first_model
from lmchat.repl.opening import greet, history_file, opened_keyboard, prompt_options
from lmchat.repl.state import ModelList, Quoted, ReplState, toolbar
from lmchat.repl.turns import ask, ask_typed, attach, is_titled
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
    first_run = not history_file(conversation.world).exists()
    keyboard = keyboard or opened_keyboard(conversation.world, prompt_options(conversation))
    # In the background nothing may be written, not even by --debug.
    known = ModelList(replace(conversation.client, log=None).models, changed=keyboard.redraw)
    state = ReplState(conversation, keyboard, known, session, images, files)
    with keyboard.terminal.held(keyboard.again), _ctrl_c_waits(), _title_kept(state):
        known.refresh()
        state = _begun(state)
        greet(state, first_run=first_run)
        say_hidden(state, BY_NAME)
        _title(state)
        if first is not None:
            state = _safely(state, first)
        while not state.left:
            # A Ctrl-C that came between two prompts asks for nothing.
            with suppress(KeyboardInterrupt):
                state = _step(state)


def _begun(state: ReplState) -> ReplState:
    """Choose the model; what is wrong with the server is said, and the talk begins."""
    if state.model:
        return state
    try:
        with suppress(KeyboardInterrupt), _ctrl_c_interrupts(state.conversation.world.monotonic):
            if not state.known.settled(_PATIENCE_SECONDS):
                state.say("The server has not answered yet; the model is chosen with the first prompt.")
                return state
            return with_first_model(state)
    except LmchatError as error:
        state.complain(error)
    return state


def _step(state: ReplState) -> ReplState:
    """Read one line and do what it asks for."""
    status = state.status()
    line = state.keyboard.line(
        lambda width: toolbar(status(), width),
        completer=Completions(state),
        is_command=partial(is_command, state=state),
        draft=state.draft,
        notice=_LEAVE_NOTICE if state.armed else "",
    )
    state = replace(state, draft="")
    match line:
        case Left():
            return replace(state, left=True)
        case Cleared(empty, again):
            images = state.images if state.editing is None else ()
            armed = empty and _now(state) > state.stopped_at + _BURST_SECONDS
            return replace(state, left=armed and again, armed=armed, editing=None, images=images)
        case Shortcut(command, text):
            return replace(_safely(replace(state, armed=False), command), draft=text)
        case Typed(text):
            done = _safely(replace(state, armed=False), text)
            _title(done, before=state)
            return done


def _safely(state: ReplState, line: str | Prompt) -> ReplState:
    """Do what a line asks for; whatever goes wrong, say it in a line and leave the text standing to be sent again."""
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
    except Exception as fault:  # noqa: BLE001 - a bug in one command must not end the talk
        if state.conversation.debug:
            show_traceback(state.conversation.world, fault)
        failure = BugError(type(fault).__name__)
    # Where the terminal itself is gone, this fails too, and ends the talk.
    state.complain(failure)
    return replace(state, draft=text)


def _now(state: ReplState) -> float:
    return state.conversation.world.monotonic()


def _done(state: ReplState, line: str | Prompt) -> ReplState:
    if isinstance(line, Prompt):
        return ask(state, line)
    if not line.strip():
        return state
    if (found := command_in(line, state)) is not None:
        command, arguments = found
        return command.handler(state, arguments)
    if (command_line := shell_command(line)) is not None:
        return run_command(state, command_line)
    if files := attached_by(line):
        return attach(state, files)
    return ask_typed(state, line)


@contextmanager
def _ctrl_c_interrupts(now: Callable[[], float]) -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt for a block, once in a burst: what the first stopped is being put in order."""
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
    """Give the terminal its title back in the end, where lmchat sets one."""
    wanted = is_titled(state)
    if wanted:
        state.write(_KEEP_TITLE)
    try:
        yield
    finally:
        if wanted:
            state.write(_TITLE_BACK)


def _title(state: ReplState, before: ReplState | None = None) -> None:
    """Make the session's name the terminal's title, where that is wanted and new."""
    name = state.session.name
    if is_titled(state) and name and (before is None or before.session.name != name):
        state.write(title_of(name, working=False))
