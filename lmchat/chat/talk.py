"""One turn of a conversation, from the prompt to the kept reply: the heart of the program.

It knows no HTTP, disk or terminal: it is handed `send`, `show` and `keep`. Sending, closing the stream, Ctrl-C,
failure, a lost chain and saving are here once, for `ask` and for the REPL.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from typing import Protocol

from lmchat.chat.events import Branched, Event, Fault, Finished, MessageDelta, Part, PartStarted, Reason, Resending
from lmchat.chat.partial_reply import PartialReply, answers, cut_of, require_answer, with_seconds
from lmchat.chat.request import ChatRequest
from lmchat.chat.session import Outcome, Session, Turn, TurnId
from lmchat.chat.values import Cut, Options, Prompt, Reply, ResponseId
from lmchat.dataclass import dataclass, replace
from lmchat.errors import (
    ChainLostError,
    ContextOverflowError,
    LmchatError,
    NotFoundError,
    RefusedError,
)

UNNUMBERED = TurnId(0)
"""The id of a turn that was never kept; the first `keep` gives it a number."""

DRAFT_EVERY = timedelta(seconds=0.4)


@dataclass(frozen=True, slots=True)
class Kept:
    """Where a kept turn is: its number, the session's head now, and whether that is this turn."""

    id: TurnId
    head: TurnId | None
    is_head: bool


class Keep(Protocol):
    """What keeps a turn where it survives the program.

    The first call, with an unnumbered turn, numbers it; later calls with that number tell how far its reply has grown:
    nothing of it changes any more. `done` says what the turn is in the end and moves the session's head to it, unless
    nothing came of it. A turn that ended before is only updated. Calling it again with the same turn changes nothing.
    """

    def __call__(self, turn: Turn, *, done: bool) -> Kept:
        """Keep `turn`; raise StoreError where that fails."""


Send = Callable[[ChatRequest], Generator[Event, None, None]]
Show = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Exchange:
    """How a turn went: the session after it, the turn, the id it followed, how many turns went along again.

    `failure` is what it failed with; for an interrupted turn it is None.
    """

    session: Session
    turn: Turn
    followed: ResponseId | None
    resent: int
    failure: LmchatError | None = None


def talk(
    session: Session,
    prompt: Prompt,
    *,
    server: str,
    send: Send,
    show: Show,
    keep: Keep,
    now: Callable[[], datetime],
    defaults: Options = Options(),
    private: bool = False,
    summary: bool = False,
    keeps: bool = True,
    find: Callable[[str], str | None] = lambda _: None,
    holds: Callable[[Reply], int | None] = lambda _: None,
) -> Exchange:
    """Ask `prompt` in `session` and return how it went, with everything that came already kept.

    `server` names the server (ids are only followed on the server that gave them), `keeps` says whether it keeps
    conversations; `defaults` are the options where the session sets none; `private` asks the server to keep
    nothing; `summary` marks a turn whose reply replaces all above it; `find` names the model that is meant where the
    server has none of the session's name, `holds` the tokens that fit into the context of what answered, where that is
    known. A refusal or a broken stream is returned, as is Ctrl-C; any other exception passes through after the turn
    was kept as interrupted.
    """
    draft = _draft(session, prompt, server, now(), summary=summary)
    draft = replace(draft, id=keep(draft, done=False).id)
    attempt = _Attempt(session, draft, show, keep, now, defaults, private, keeps, find)
    failure: LmchatError | None = None
    outcome, cut = Outcome.INTERRUPTED, None
    try:
        attempt.run(send)
        outcome = Outcome.COMPLETE
        if cut := cut_of(attempt.reply(), attempt.cut, holds):
            outcome = Outcome.TRUNCATED
    except KeyboardInterrupt:
        pass
    except LmchatError as error:
        failure, outcome = error, Outcome.FAILED
    finally:
        fault = failure.message if failure else cut.value if cut else ""
        turn = replace(attempt.draft, reply=attempt.reply(), outcome=outcome, fault=fault)
        attempt.gathering = None  # the reply may be long, and keeping it takes memory
        kept = _keep_surely(keep, turn)
    if not kept.is_head and not turn.barren:
        show(Branched(turn.id))
    after = session.grown(turn) if kept.is_head else session.moved(kept.head)
    return Exchange(after, turn, attempt.followed, attempt.resent, failure)


def _draft(session: Session, prompt: Prompt, server: str, at: datetime, *, summary: bool) -> Turn:
    """Return the turn before anything of it has come."""
    return Turn(
        id=UNNUMBERED,
        parent=session.base,
        prompt=prompt,
        reply=Reply(),
        outcome=Outcome.INTERRUPTED,
        server=server,
        model=session.model,
        at=at,
        system=session.system,
        summary=summary,
    )


def _keep_surely(keep: Keep, turn: Turn) -> Kept:
    """Keep the end of a turn, however often Ctrl-C is pressed meanwhile."""
    while True:
        try:
            return keep(turn, done=True)
        except KeyboardInterrupt:
            continue


@dataclass(slots=True)
class _Attempt:
    """What changes while one turn is asked, again if the server lacks what it should follow."""

    session: Session
    draft: Turn
    show: Show
    keep: Keep
    now: Callable[[], datetime]
    defaults: Options
    private: bool
    keeps: bool
    find: Callable[[str], str | None]
    followed: ResponseId | None = None
    resent: int = 0
    finished: Reply | None = None
    cut: Cut | None = None
    gathering: PartialReply | None = None
    found: bool = False

    def run(self, send: Send) -> None:
        """Send until the server takes the request; raise LmchatError where it does not, or the reply is no reply."""
        reason: Reason | None = None
        left_out = 0
        while True:
            chain = self.draft.server if self.keeps else None
            followed, unsent = self.session.follows(chain), self.session.unsent(chain)
            left_out = min(left_out, len(unsent))
            request = self._request(followed, unsent[left_out:], left_out)
            why = reason or self._reason(unsent)
            if why is not None or left_out:
                self.show(Resending(why or Reason.STATELESS, len(request.history), request.resent_characters, left_out))
            try:
                self._exchange(send, request)
            except NotFoundError:
                if self.found or not self._find_model():
                    raise
            except RefusedError as error:
                if self._came():
                    raise
                if isinstance(error, ChainLostError) and followed is not None:
                    self.keep(replace(followed, forgotten=True), done=True)
                    reason = Reason.LOST
                elif isinstance(error, ContextOverflowError) and left_out < len(unsent):
                    # The oldest half of what is left goes first; the server's word decides when it fits.
                    left_out += (len(unsent) - left_out + 1) // 2
                else:
                    raise
            else:
                return

    def reply(self) -> Reply:
        """Return the server's own reply where it came, else what was gathered."""
        gathered = self.gathering.reply() if self.gathering else Reply()
        if self.finished is None:
            return gathered
        if answers(self.finished):
            return with_seconds(self.finished, gathered.items)
        return replace(self.finished, items=gathered.items)

    def _find_model(self) -> bool:
        """Take the model that is meant by the session's, once; tell whether there is one."""
        self.found = True
        model = self.find(self.session.model)
        if model is None:
            return False
        self.session, self.draft = replace(self.session, model=model), replace(self.draft, model=model)
        return True

    def _reason(self, unsent: Sequence[Turn]) -> Reason | None:
        """Say why `unsent` is sent; None where nothing is, or where the turn before it has said so."""
        if not unsent:
            return None
        if self.keeps:
            return _reason(self.session, self.draft.server, unsent, private=self.private)
        newest = unsent[-1]
        known = newest.server == self.draft.server and newest.reply.response_id is None and len(unsent) > 1
        return None if known else Reason.STATELESS

    def _came(self) -> bool:
        return self.gathering is not None and self.gathering.size > 0

    def _request(self, followed: Turn | None, unsent: Sequence[Turn], left_out: int) -> ChatRequest:
        follows = followed.reply.response_id if followed else None
        self.followed, self.resent = follows, len(unsent)
        return ChatRequest(
            model=self.session.model,
            prompt=self.draft.prompt,
            follows=follows,
            history=tuple(unsent),
            left_out=left_out,
            system_prompt=self.session.system,
            options=self.session.options.over(self.defaults),
            integrations=self.session.integrations,
            store=not self.private,
        )

    def _exchange(self, send: Send, request: ChatRequest) -> None:
        self.finished = self.cut = None
        self.gathering = gathering = PartialReply()
        fault: RefusedError | None = None
        kept_at, kept_size = self.now(), 0
        with closing(send(request)) as events:
            for event in events:
                at = self.now()
                gathering.add(event, at)
                match event:
                    case Fault(error):
                        fault = fault or error
                    case Finished(reply, cut):
                        self.finished, self.cut = reply, cut
                        self._show_rest(reply, gathering.reply().text)
                    case _:
                        pass
                self.show(event)
                if gathering.size > kept_size and abs(at - kept_at) >= DRAFT_EVERY:
                    self.keep(replace(self.draft, reply=gathering.reply()), done=False)
                    kept_at, kept_size = at, gathering.size
        if fault is not None:
            raise fault
        require_answer(self.finished, request, came=self._came())

    def _show_rest(self, reply: Reply, shown: str) -> None:
        """Show what only the end of the stream brought: a server may send few deltas, or none."""
        if reply.text != shown and reply.text.startswith(shown):
            if not shown:
                self.show(PartStarted(Part.MESSAGE))
            self.show(MessageDelta(reply.text[len(shown) :]))


def _reason(session: Session, server: str, unsent: Sequence[Turn], *, private: bool) -> Reason:
    """Say why `unsent` is sent, by what the newest of it lacks."""
    newest = unsent[-1]
    if newest.summary:
        return Reason.COMPACTED
    if not newest.outcome.answered:
        return Reason.CUT_SHORT
    if newest.server != server:
        return Reason.OTHER_SERVER
    if newest.forgotten:
        return Reason.LOST
    if newest.reply.response_id is None:
        return Reason.PRIVATE if private else Reason.NO_ID
    return Reason.SYSTEM_CHANGED if newest.system != session.system else Reason.LOST
