"""One turn, from a valid request to the stored reply: what answers is asked, and what it said is kept."""

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol

from lmchat.chat.exchange import Event, Finished
from lmchat.chat.talk import PartialReply
from lmchat.chat.values import Cut, ResponseId, Stats
from lmchat.dataclass import dataclass, replace
from lmchat.local.history import Chain, History
from lmchat.local.llama import Cancel
from lmchat.local.refusals import Refusal, broken
from lmchat.local.requests import ChatBody

Item = Event | Refusal
"""What a turn sends: a Refusal that comes first means that nothing was begun; one that comes later, that it failed."""


@dataclass(frozen=True, slots=True)
class Made:
    """What is known of a reply when it is whole, besides its words.

    `first_shown` is the number of the first turn that was shown to the model (None: all were).
    """

    stats: Stats
    cut: bool = False
    first_shown: int | None = None


class Backend(Protocol):
    """What answers behind the routes."""

    def listed(self) -> list[dict[str, Any]]:
        """Return the models as the rows of `GET /api/v1/models`."""
        ...

    def accepted(self, body: ChatBody, *, loosely: bool = False) -> ChatBody:
        """Return a request with its model's own name; `loosely`, as the OpenAI-style routes choose one.

        Raises Refusal for what cannot be done.
        """
        ...

    def reply(self, body: ChatBody, chain: Chain, show: Callable[[Event], None], cancel: Cancel) -> Made:
        """Produce a reply and show its events, all but the last; raises Refusal and CancelledError."""
        ...


@dataclass(frozen=True, slots=True)
class Turn:
    """One request with the chain it follows, and the id its reply will have."""

    body: ChatBody
    chain: Chain
    response_id: str

    def run(self, backend: Backend, history: History, send: Callable[[Item], None], cancel: Cancel) -> None:
        """Produce the reply and send its events; raises CancelledError, and nothing is kept then."""
        gathered = PartialReply()

        def show(event: Event) -> None:
            gathered.add(event, datetime.now(UTC))
            send(event)

        made, response_id = Made(Stats()), None
        try:
            made = backend.reply(self.body, self.chain, show, cancel)
            if self.body.store:
                self._keep(history, gathered.reply().text, made.first_shown)
                response_id = ResponseId(self.response_id)
        except Refusal as refusal:
            send(refusal)
            if not gathered.model_instance_id:
                return
        reply = replace(gathered.reply(), stats=made.stats, response_id=response_id)
        send(Finished(reply, Cut.LENGTH if made.cut else None))

    def _keep(self, history: History, answer: str, first_shown: int | None) -> None:
        try:
            history.keep(self.response_id, self.chain, self.body.system_prompt, self.body.messages, answer, first_shown)
        except sqlite3.Error as problem:
            raise broken(f"The reply could not be stored, so no later turn can follow it: {problem}") from problem
