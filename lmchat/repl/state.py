"""The state of the REPL between two prompts, as one value: the session, what is attached, what is in the input line.

Commands take a state and return another. Where it says so, the disk is looked at; the network never.
"""

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from lmchat.advice import IN_TALK, Advice, worded
from lmchat.app.conversation import Conversation
from lmchat.app.invocation import BUILT_IN
from lmchat.chat.models import Model, context_length
from lmchat.chat.session import Session, Turn, TurnId
from lmchat.chat.values import Image
from lmchat.dataclass import dataclass, field, replace
from lmchat.errors import LmchatError
from lmchat.render.messages import show_failure, show_note
from lmchat.render.terminal import Theme, When, size_of, theme_for
from lmchat.render.text import cells, sanitize_line, shorten
from lmchat.repl.keyboard import Keyboard

if TYPE_CHECKING:
    from lmchat.app.models import ModelServer


class ModelList:
    """The models of a server as they were fetched last, in the background, so that no key waits for the network.

    `fetch` asks the server; `changed` is called after every answer. `failure` is what went wrong in the background.
    """

    def __init__(self, fetch: Callable[[], tuple[Model, ...]], changed: Callable[[], None] = lambda: None) -> None:
        self._fetch = fetch
        self._changed = changed
        self._models: tuple[Model, ...] = ()
        self._fetching: threading.Thread | None = None
        self.failure: LmchatError | None = None

    def now(self) -> tuple[Model, ...]:
        """Return what is known, without waiting; empty before the first answer."""
        return self._models

    def fetched(self) -> tuple[Model, ...]:
        """Ask the server and wait for the answer; raise LmchatError where it gives none."""
        self._models = self._fetch()
        self._changed()
        return self._models

    def refresh(self, then: Callable[[], object] = lambda: None) -> None:
        """Ask the server in the background, unless it is being asked already, and call a function there afterwards."""
        if self._fetching is None or not self._fetching.is_alive():
            self._fetching = threading.Thread(target=self._refreshed, args=(then,), daemon=True, name="models")
            self._fetching.start()

    def settled(self, seconds: float) -> bool:
        """Wait at most so many seconds for the answer in the background, and tell whether that is over."""
        if self._fetching is not None:
            self._fetching.join(seconds)
        return self._fetching is None or not self._fetching.is_alive()

    def _refreshed(self, then: Callable[[], object]) -> None:
        try:
            self.fetched()
            self.failure = None
        except LmchatError as error:  # the models of before are kept
            self.failure = error
        then()


@dataclass(frozen=True, slots=True)
class Quoted:
    """A text file that is sent with the next prompt, quoted under its name."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Status:
    """What the toolbar says; what is empty or None is left out.

    `changing` is the turn whose prompt is being changed.
    """

    session: str
    model: str = ""
    turn: int | None = None
    used: int | None = None
    context: int | None = None
    attached: Sequence[str] = ()
    changing: int | None = None
    private: bool = False


@dataclass(slots=True)
class Sought:
    """The model of a talk that names none: `model` is empty until the server has listed its models.

    `waited` is True once a line has waited for that list.
    """

    model: str = ""
    waited: bool = False


@dataclass(frozen=True, slots=True)
class ReplState:
    """Everything that changes while one talks.

    `draft` is put into the next input line; `editing` is the turn whose prompt is being changed; `warned` is True
    after a warning that the context is nearly full; `ctrl_c_leaves` where one more Ctrl-C leaves; `stopped_at` is the
    moment (of the world's monotonic clock) when a reply was stopped last.
    """

    conversation: Conversation
    keyboard: Keyboard
    known: ModelList
    session: Session
    images: tuple[Image, ...] = ()
    files: tuple[Quoted, ...] = ()
    draft: str = ""
    editing: TurnId | None = None
    warned: bool = False
    ctrl_c_leaves: bool = False
    stopped_at: float = float("-inf")
    left: bool = False
    sought: Sought = field(default_factory=Sought)

    @property
    def theme(self) -> Theme:
        """Return the looks for what commands write to stdout."""
        from lmchat.app.display import text_theme

        world = self.conversation.world
        theme = theme_for(world.environ, terminal=world.stdout.isatty(), colour=self.colour)
        return text_theme(theme, self.conversation.settings)

    @property
    def colour(self) -> When:
        """Tell when colours are wanted."""
        return When(self.conversation.settings.text("color"))

    @property
    def width(self) -> int:
        """Return the width of the window."""
        return size_of(self.conversation.world.stdout, self.conversation.world.environ)()[0]

    @property
    def kept(self) -> bool:
        """Tell whether the session is on disk."""
        return bool(self.session.id) and self.conversation.private is None

    @property
    def titled(self) -> bool:
        """Tell whether lmchat sets the window's title."""
        return self.conversation.settings.flag("title") and self.keyboard.terminal.escapes

    def say(self, sentence: Advice) -> None:
        """Write one faint line: something to know."""
        show_note(self.conversation.world, worded(sentence, IN_TALK), colour=self.colour)

    def models(self) -> "ModelServer":
        """Return the server whose models commands look at and change."""
        from lmchat.app.models import ModelServer

        conversation = self.conversation
        built_in = conversation.server == BUILT_IN
        return ModelServer(conversation.world, conversation.client, self.known.fetched, self.say, built_in=built_in)

    def complain(self, failure: LmchatError) -> None:
        """Write what went wrong, and what to do here."""
        worded_here = LmchatError(failure.message, hint=worded(failure.advice, IN_TALK))
        show_failure(self.conversation.world, worded_here, colour=self.colour)

    def write(self, text: str) -> None:
        """Write what a command was asked for; the text must be sanitized."""
        self.conversation.world.stdout.write(text)
        self.conversation.world.stdout.flush()

    def current(self) -> "ReplState":
        """Return the state with the session as it is on disk now, and say where another program renamed it.

        Raise SessionGoneError where another program has deleted it.
        """
        if not self.kept:
            return self
        session = self.conversation.store.current(self.session)
        if session.name != self.session.name:
            self.say(f"Another program renamed this session: it is called '{session.name}' now.")
        return replace(self, session=session)

    def without_session(self) -> "ReplState":
        """Return the state before a new conversation with the same settings."""
        empty = replace(self.session, id=0, name="", turns={}, head=None)
        return replace(self, session=empty, editing=None, warned=False)

    def at(self, session: Session) -> "ReplState":
        """Return the state with another session, or the same one elsewhere; an unfinished edit is dropped."""
        same = session.id == self.session.id
        return replace(self, session=session, editing=None, warned=self.warned and same)

    def talking_with(self, **changes: Any) -> "ReplState":
        """Return the state with other settings of the session, kept at once where the session is kept."""
        state = replace(self, session=replace(self.session, **changes))
        if not state.kept:
            return state
        current = state.current().session
        state.conversation.store.configure(current)
        # The head stays as it was, so that turns of other programs are still announced before the next prompt.
        return replace(state, session=replace(state.session, name=current.name))

    @property
    def model(self) -> str:
        """Return the model the session talks to, empty where none is chosen yet."""
        return self.session.model or self.conversation.settings.text("model") or self.sought.model

    @property
    def head(self) -> Turn | None:
        """Return the turn the session points at; None also where another program has deleted it."""
        return None if self.session.head is None else self.session.turns.get(self.session.head)

    def context(self) -> tuple[int | None, int | None]:
        """Return how many tokens the head ended with, and how many fit into the context, each None where unknown."""
        head = self.head
        used = None if head is None or head.summary else head.reply.stats.context_used
        return used, self._context_length(head)

    def status(self) -> Callable[[], Status]:
        """Return a function that makes the toolbar's values; it reads only what is in memory."""
        head, (used, _) = self.head, self.context()
        status = Status(
            session=self.session.name or "new session",
            turn=self.session.head,
            used=used,
            attached=[*(image.name for image in self.images), *(file.name for file in self.files)],
            changing=self.editing,
            private=self.conversation.private is not None,
        )
        return lambda: replace(status, model=self.model, context=self._context_length(head))

    def _context_length(self, head: Turn | None) -> int | None:
        """Return the size of the context, as the models that are known now have it."""
        answering = head.reply.model_instance_id if head else ""
        lengths = (context_length(self.known.now(), name) for name in (answering, self.model) if name)
        return next((length for length in lengths if length), None)


_GAP = " · "
_SHORTEST_NAME = 8
_THOUSAND = 1000


def toolbar(status: Status, width: int) -> str:
    """Write the line within `width` cells: the least important goes first, then names are shortened."""
    session = sanitize_line(status.session)
    # What goes first where the window is narrow comes last here.
    ranked = [
        ("changing", f"changing turn {status.changing}" if status.changing is not None else ""),
        ("session", session),
        ("used", context_words(status.used, status.context)),
        ("attached", _attached(status.attached)),
        ("turn", f"turn {status.turn}" if status.turn is not None else ""),
        ("private", "private" if status.private else ""),
        ("model", sanitize_line(status.model)),
    ]
    wanted = {name: text for name, text in ranked if text}
    for name in [name for name, _ in reversed(ranked) if name in wanted]:
        if _width(wanted) <= width:
            break
        room = cells(wanted[name]) - (_width(wanted) - width)
        if name in {"model", "session"} and room >= _SHORTEST_NAME:
            wanted[name] = shorten(wanted[name], room)
        elif len(wanted) > 1:
            del wanted[name]
    order = ("changing", "session", "private", "model", "turn", "used", "attached")
    line = _GAP.join(wanted[name] for name in order if name in wanted)
    return line if _width(wanted) <= width else shorten(line, width)


def context_words(used: int | None, context: int | None) -> str:
    """Say how full the context is: `34 % of 8.2k`, or the tokens alone where its size is not known."""
    if used is None:
        return ""
    return f"{used / context:.0%} of {_short(context)}" if context else f"{_short(used)} tokens"


def _short(tokens: int) -> str:
    return f"{tokens / _THOUSAND:.1f}k".replace(".0k", "k") if tokens >= _THOUSAND else str(tokens)


def _attached(names: Sequence[str]) -> str:
    named = ", ".join(sanitize_line(name) for name in names)
    return f"attached: {shorten(named, 30)}" if named else ""


def _width(wanted: dict[str, str]) -> int:
    return sum(map(cells, wanted.values())) + len(_GAP) * (len(wanted) - 1)
