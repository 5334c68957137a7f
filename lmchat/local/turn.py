"""One turn, from a valid request to the stored reply; how a chain fits into a model's window; how work is cancelled."""

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from lmchat.chat.exchange import Event, Finished
from lmchat.chat.talk import PartialReply
from lmchat.chat.values import Cut, ResponseId, Stats
from lmchat.dataclass import dataclass, replace
from lmchat.local.history import Chain, History, Message, StoredTurn, message
from lmchat.local.refusals import Refusal, broken, overflow
from lmchat.local.requests import ChatBody

Item = Event | Refusal
"""What a turn sends: a Refusal that comes first means that nothing was begun; one that comes later, that it failed."""

_REPLY_ROOM = 512
"""Tokens of the window that are left for the reply, where the window is not small."""


class CancelledError(Exception):
    """The end of work that has no reader any more."""


class Cancel:
    """A way for one thread to end what another does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._close: Callable[[], None] | None = None
        self._cancelled = False

    def cancel(self) -> None:
        """End the work: at once where it waits inside `closing`, else at its next `check`."""
        with self._lock:
            self._cancelled = True
            if self._close is not None:
                self._close()

    def check(self) -> None:
        """Raise CancelledError if the work was cancelled."""
        if self._cancelled:
            raise CancelledError

    @contextlib.contextmanager
    def closing(self, close: Callable[[], None]) -> Iterator[None]:
        """Call `close` from the cancelling thread, should the work be cancelled inside."""
        with self._lock:
            self.check()
            self._close = close
        try:
            yield
        finally:
            with self._lock:
                self._close = None


@dataclass(frozen=True, slots=True)
class Made:
    """What is known of a complete reply besides its text.

    `first_shown` is the number of the first turn that was shown to the model (None: all were).
    """

    stats: Stats
    cut: bool = False
    first_shown: int | None = None


class Backend(Protocol):
    """What the routes ask for models and replies."""

    def listed(self) -> list[dict[str, Any]]:
        """Return the models as the rows of `GET /api/v1/models`."""
        ...

    def accepted(self, body: ChatBody, *, loosely: bool = False) -> ChatBody:
        """Return a request with its model's own name; `loosely`, as the OpenAI-style routes choose one.

        Raise Refusal for what cannot be done.
        """
        ...

    def reply(self, body: ChatBody, chain: Chain, show: Callable[[Event], None], cancel: Cancel) -> Made:
        """Produce a reply and show its events, all but the last; raise Refusal and CancelledError."""
        ...


@dataclass(frozen=True, slots=True)
class Turn:
    """One request with the chain it follows, and the id its reply will have."""

    body: ChatBody
    chain: Chain
    response_id: str

    def run(self, backend: Backend, history: History, send: Callable[[Item], None], cancel: Cancel) -> None:
        """Produce the reply and send its events; raise CancelledError, and then nothing is stored."""
        gathered = PartialReply()

        def show(event: Event) -> None:
            gathered.add(event, datetime.now(UTC))
            send(event)

        made, response_id = Made(Stats()), None
        try:
            made = backend.reply(self.body, self.chain, show, cancel)
            if self.body.store:
                self._store(history, gathered.reply().text, made.first_shown)
                response_id = ResponseId(self.response_id)
        except Refusal as refusal:
            send(refusal)
            if not gathered.model_instance_id:
                return
        reply = replace(gathered.reply(), stats=made.stats, response_id=response_id)
        send(Finished(reply, Cut.LENGTH if made.cut else None))

    def _store(self, history: History, answer: str, first_shown: int | None) -> None:
        try:
            history.keep(self.response_id, self.chain, self.body.system_prompt, self.body.messages, answer, first_shown)
        except sqlite3.Error as problem:
            raise broken(f"The reply could not be stored, so no later turn can follow it: {problem}") from problem


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request adds to its chain; `system_prompt` is None where it has none.

    `instructions` are a system prompt that does not become part of the chain.
    """

    messages: tuple[Message, ...]
    system_prompt: str | None = None
    instructions: str | None = None


@dataclass(frozen=True, slots=True)
class Fitted:
    """The messages to send, and the number of the first turn among them (None: every turn is)."""

    messages: list[Message]
    first_shown: int | None


def fitted(
    chain: Chain, asked: Asked, *, default_system: str | None, window: int, count: Callable[[Sequence[Message]], int]
) -> Fitted:
    """Return the messages of the chain and the request, without the oldest turns where they outgrow `window` tokens.

    A chain is cut to half of the window at once, and later requests begin at the same turn: so the engine can reuse
    what it has read, which a cut at every turn would prevent. Raise Refusal where even the request alone does not
    fit (PROTOCOL.md section 2).
    """
    shown = chain.shown
    whole = rendered(chain, shown, asked, default_system)
    room = window - min(_REPLY_ROOM, window // 4)
    size = count(whole)
    if size <= room or (not shown and size < window):
        return Fitted(whole, chain.first_shown)
    # The fewest turns to leave out, by halving: each count is a request to the engine.
    fewest, most = 1, len(shown)
    while fewest < most:
        middle = (fewest + most) // 2
        if count(rendered(chain, shown[middle:], asked, default_system)) <= window // 2:
            most = middle
        else:
            fewest = middle + 1
    left = shown[fewest:]
    messages = rendered(chain, left, asked, default_system)
    if not shown or count(messages) >= window:
        raise overflow()
    return Fitted(messages, chain.first_of(left))


def rendered(
    chain: Chain, shown: Sequence[StoredTurn], asked: Asked, default_system: str | None = None
) -> list[Message]:
    """Return the shown turns and the request as messages, with the system prompts of all turns."""
    first = shown[0].number if shown else None
    found: list[Message] = [] if asked.instructions is None else [message("system", asked.instructions)]
    for turn in chain.turns:
        if turn.system_prompt is not None:
            found.append(message("system", turn.system_prompt))
        if first is not None and turn.number >= first:
            found += [*turn.messages, message("assistant", turn.output)]
    if asked.system_prompt is not None:
        found.append(message("system", asked.system_prompt))
    found += asked.messages
    if default_system is not None and not any(each["role"] == "system" for each in found):
        found.insert(0, message("system", default_system))
    return found
