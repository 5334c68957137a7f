"""The loop: read a line, do the command or ask, show what came of it. No error ends it.

It must not know how a line is read, a turn is asked or a command is done.
"""

import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from types import FrameType

from lmchat.chat.session import Outcome, Session
from lmchat.chat.values import Image, Prompt
from lmchat.errors import BugError, LmchatError
from lmchat.render.text import safe_line
from lmchat.repl.asking import ask, ask_typed
from lmchat.repl.commands.table import command_in, sent_text
from lmchat.repl.completion import Completions
from lmchat.repl.desk import Desk, Quoted
from lmchat.repl.greeting import greet
from lmchat.repl.keyboard import Keyboard, Left, Manner, Typed, opened_keyboard
from lmchat.repl.keys import Cleared
from lmchat.repl.known import KnownModels
from lmchat.repl.parts import Parts
from lmchat.repl.toolbar import toolbar

_HISTORY = "history"
_KEEP_TITLE, _TITLE_BACK = "\x1b[22;2t", "\x1b[23;2t"
_PATIENCE_SECONDS = 1.0
"""How long the first prompt waits for a server that says nothing."""
_BURST_SECONDS = 0.5
"""How long after a reply was stopped more Ctrl-C are still meant for it: people press it more than once."""
_LEAVE_NOTICE = "Ctrl-C again, or Ctrl-D, leaves"


def run(
    parts: Parts,
    session: Session,
    *,
    first: Prompt | None = None,
    images: tuple[Image, ...] = (),
    files: tuple[Quoted, ...] = (),
    keyboard: Keyboard | None = None,
) -> None:
    """Talk in a session until the person leaves.

    A session without a name is named after its first prompt. `first` is asked before the keyboard is read; `images`
    and `files` go along with the first prompt that is typed. The keyboard is the terminal's unless another is handed
    in. Raise BadUseError where there is no terminal.
    """
    history = parts.world.directories.state / _HISTORY
    first_run = not history.exists()
    keyboard = keyboard or opened_keyboard(parts.world, _manner(parts))
    # In the background nothing may be written, not even by --debug.
    known = KnownModels(replace(parts.client, log=None).models, news=keyboard.redraw)
    desk = Desk(parts, keyboard, known, session, images, files)
    with keyboard.terminal.held(keyboard.again), _ctrl_c_waits(), _title_kept(desk):
        known.refresh()
        desk = _begun(desk)
        greet(desk, first_run=first_run)
        _title(desk)
        if first is not None:
            desk = _safely(desk, first)
        while not desk.left:
            # A Ctrl-C that came between two prompts asks for nothing.
            with suppress(KeyboardInterrupt):
                desk = _step(desk)


def _manner(parts: Parts) -> Manner:
    settings, world = parts.settings, parts.world
    return Manner(
        environ=world.environ,
        history=None if parts.private else world.directories.state / _HISTORY,
        vi=settings.text("keys") == "vi",
        colours=settings.text("color") != "never" and not world.environ.get("NO_COLOR"),
    )


def _begun(desk: Desk) -> Desk:
    """Choose the model where that takes no question; what is wrong with the server is said, and the talk begins."""
    if desk.model:
        return desk
    try:
        with suppress(KeyboardInterrupt), _ctrl_c_interrupts(desk.parts.world.monotonic):
            if not desk.known.settled(_PATIENCE_SECONDS):
                desk.say("The server has not answered yet; the model is chosen with the first prompt.")
                return desk
            return replace(desk, session=desk.parts.with_model(desk.session))
    except LmchatError as error:
        desk.complain(error)
    return desk


def _step(desk: Desk) -> Desk:
    """Read one line and do what it asks for."""
    status = desk.status()
    line = desk.keyboard.line(
        lambda width: toolbar(status(), width),
        completer=Completions(desk),
        draft=desk.draft,
        notice=_LEAVE_NOTICE if desk.armed else "",
    )
    desk = replace(desk, draft="")
    match line:
        case Left():
            return replace(desk, left=True)
        case Cleared(empty):
            images = desk.images if desk.editing is None else ()
            armed = empty and _now(desk) > desk.stopped_at + _BURST_SECONDS
            return replace(desk, left=armed and desk.armed, armed=armed, editing=None, images=images)
        case Typed(text):
            done = _safely(replace(desk, armed=False), text)
            _title(done, before=desk)
            return done


def _safely(desk: Desk, line: str | Prompt) -> Desk:
    """Do what a line asks for; whatever goes wrong, say it in a line and leave the text standing to be sent again."""
    text = line if isinstance(line, str) else line.text
    try:
        with _ctrl_c_interrupts(desk.parts.world.monotonic):
            done = _done(desk, line)
        stopped = done.head and done.head != desk.head and done.head.outcome is Outcome.INTERRUPTED
        return replace(done, stopped_at=_now(done)) if stopped else done
    except KeyboardInterrupt:
        desk.say("(stopped)")
        return replace(desk, draft=text)
    except LmchatError as error:
        failure = error
    except OSError as error:
        failure = LmchatError(f"That did not work: {error.strerror or error}.")
    except Exception as fault:  # noqa: BLE001 - a bug in one command must not end the talk
        if desk.parts.debug:
            desk.parts.world.stderr.write("".join(traceback.format_exception(fault)))
        failure = BugError(type(fault).__name__)
    # Where the terminal itself is gone, this fails too, and ends the talk.
    desk.complain(failure)
    return replace(desk, draft=text)


def _now(desk: Desk) -> float:
    return desk.parts.world.monotonic()


def _done(desk: Desk, line: str | Prompt) -> Desk:
    if isinstance(line, Prompt):
        return ask(desk, line)
    if not line.strip():
        return desk
    if (found := command_in(line)) is not None:
        command, arguments = found
        return command.handler(desk, arguments)
    return ask_typed(desk, sent_text(line))


@contextmanager
def _ctrl_c_interrupts(now: Callable[[], float]) -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt for a block, once in a burst: what the first stopped is being put in order."""
    raised_at = float("-inf")

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        nonlocal raised_at
        if now() > raised_at + _BURST_SECONDS:
            raised_at = now()
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _ctrl_c_waits() -> Iterator[None]:
    """Ignore Ctrl-C outside of replies and commands: at the prompt it is a key like any other."""
    before = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _title_kept(desk: Desk) -> Iterator[None]:
    """Give the terminal its title back in the end, where lmchat sets one."""
    wanted = desk.parts.settings.flag("title")
    if wanted:
        desk.write(_KEEP_TITLE)
    try:
        yield
    finally:
        if wanted:
            desk.write(_TITLE_BACK)


def _title(desk: Desk, before: Desk | None = None) -> None:
    """Make the session's name the terminal's title, where that is wanted and new."""
    name = desk.session.name
    if desk.parts.settings.flag("title") and name and (before is None or before.session.name != name):
        desk.write(f"\x1b]2;{safe_line(name)} - lmchat\x07")
