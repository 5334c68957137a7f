"""One turn of a conversation, from the prompt to the kept reply.

It has no HTTP, disk or terminal of its own: it gets `send`, `show` and `keep`. Sending, closing the stream, Ctrl-C,
failure, a lost chain and saving are decided here once, for `ask` and for `talk`.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from io import StringIO

from lmchat.chat.exchange import (
    PARTLY_KEPT,
    Branched,
    ChatRequest,
    Event,
    Exchange,
    Fault,
    Finished,
    MessageDelta,
    Part,
    PartEnded,
    PartStarted,
    Reason,
    ReasoningDelta,
    Resending,
    Send,
    Show,
    Started,
    ToolDone,
    ToolFailed,
    ToolNamed,
    ToolStarted,
    why_resent,
)
from lmchat.chat.keeping import Keep, Kept
from lmchat.chat.session import Outcome, Session, Turn
from lmchat.chat.values import Cut, Item, Message, Options, Prompt, Reasoning, Reply, ResponseId
from lmchat.dataclass import dataclass, field, replace
from lmchat.errors import (
    ChainLostError,
    ContextOverflowError,
    LmchatError,
    NotFoundError,
    RefusedError,
    StreamBrokenError,
)

DRAFT_EVERY = timedelta(seconds=0.4)


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
    context_size: Callable[[Reply], int | None] = lambda _: None,
) -> Exchange:
    """Ask `prompt` in `session` and return how it went, with everything that came already kept.

    `server` names the server (ids are only followed on the server that gave them), `keeps` says whether it keeps
    conversations; `defaults` are the options where the session sets none; `private` asks the server to keep
    nothing; `summary` marks a turn whose reply replaces all above it; `find` names the model that is meant where the
    server has none of the session's name, `context_size` returns how many tokens fit into the context of the model that
    answered, where that is known. A refusal or a broken stream is returned, as is Ctrl-C; any other exception passes
    through after the turn was kept as interrupted.
    """
    draft = session.draft(prompt, server, now(), summary=summary)
    draft = replace(draft, id=keep(draft, done=False).id)
    attempt = _Attempt(session, draft, show, keep, now, defaults, private, keeps, find)
    failure: LmchatError | None = None
    outcome, cut = Outcome.INTERRUPTED, None
    try:
        attempt.run(send)
        outcome = Outcome.COMPLETE
        if cut := attempt.reply().cut_by(attempt.cut, context_size):
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
    if not kept.is_head and not turn.empty:
        show(Branched(turn.id))
    after = session.grown(turn) if kept.is_head else session.moved(kept.head)
    return Exchange(after, turn, attempt.followed, attempt.resent, failure)


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
    gathering: "PartialReply | None" = None

    def run(self, send: Send) -> None:
        """Send until the server takes the request; raise LmchatError where it does not, or the reply is none."""
        reason: Reason | None = None
        left_out = 0
        while True:
            chain = self.draft.server if self.keeps else None
            followed, unsent = self.session.follows(chain), self.session.unsent(chain)
            left_out = min(left_out, len(unsent))
            request = self._request(followed, unsent[left_out:], left_out)
            why = reason or (self._why(unsent) if unsent else None)
            if why is not None or left_out:
                self.show(Resending(why or Reason.STATELESS, len(request.history), request.resent_characters, left_out))
            try:
                self._exchange_with_model(send, request)
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
        if self.finished.answers:
            return self.finished.with_seconds(gathered.items)
        return replace(self.finished, items=gathered.items)

    def _why(self, unsent: Sequence[Turn]) -> Reason | None:
        return why_resent(self.session, self.draft.server, unsent, keeps=self.keeps, private=self.private)

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

    def _exchange_with_model(self, send: Send, request: ChatRequest) -> None:
        """Exchange; where the server has no model of that name, ask once more, for the one that is meant."""
        try:
            self._exchange(send, request)
        except NotFoundError:
            model = self.find(request.model)
            if model is None:
                raise
            self.session, self.draft = replace(self.session, model=model), replace(self.draft, model=model)
            self._exchange(send, replace(request, model=model))

    def _exchange(self, send: Send, request: ChatRequest) -> None:
        self.finished = self.cut = None
        self.gathering = gathering = PartialReply()
        fault: RefusedError | None = None
        kept_at, kept_size = self.now(), 0
        with closing(send(request)) as events:
            for event in events:
                at = self.now()
                gathering.add(event, at)
                if isinstance(event, Fault):
                    fault = fault or event.error
                elif isinstance(event, Finished):
                    self.finished, self.cut = event.reply, event.cut
                    self._show_rest(event.reply, gathering.reply().text)
                self.show(event)
                if gathering.size > kept_size and abs(at - kept_at) >= DRAFT_EVERY:
                    self.keep(replace(self.draft, reply=gathering.reply()), done=False)
                    kept_at, kept_size = at, gathering.size
        if fault is not None:
            raise fault
        if self.finished is None:
            hint = PARTLY_KEPT if self._came() else "Try again."
            raise StreamBrokenError("The reply ended before it was complete.", hint=hint)
        self.finished.require_answer(request.options.value("max_output_tokens"))

    def _show_rest(self, reply: Reply, shown: str) -> None:
        """Show what only the end of the stream brought: a server may send few deltas, or none."""
        if reply.text != shown and reply.text.startswith(shown):
            if not shown:
                self.show(PartStarted(Part.MESSAGE))
            self.show(MessageDelta(reply.text[len(shown) :]))


@dataclass(slots=True)
class PartialReply:
    """The items of one reply, collected while it comes.

    `size` counts what came: it grows with every piece.
    """

    settled: list[Item] = field(default_factory=list)
    model_instance_id: str = ""
    part: Part | None = None
    # One growing text: a million short strings take ten times the memory.
    text: StringIO = field(default_factory=StringIO)
    since: datetime | None = None
    until: datetime | None = None
    size: int = 0

    def add(self, event: Event, at: datetime) -> None:
        """Take in one event that came at `at`; most kinds add nothing to the reply."""
        match event:
            case Started(model_instance_id):
                self.model_instance_id = model_instance_id
            case MessageDelta(text):
                self._text(Part.MESSAGE, text, at)
            case ReasoningDelta(text):
                self._text(Part.REASONING, text, at)
            case PartStarted() | PartEnded():
                self._close(at)
                # The clock of a stretch of reasoning starts with it, not with its first word.
                self.since = at
            case ToolStarted() | ToolNamed():
                self._close(at)
            case ToolDone(call) | ToolFailed(call):
                self._close(at)
                self.settled.append(call)
                self.size += 1
            case _:
                pass

    def reply(self) -> Reply:
        """Return what has come so far; it has no `response_id`."""
        return Reply(items=(*self.settled, *self._open()), model_instance_id=self.model_instance_id)

    def _text(self, part: Part, text: str, at: datetime) -> None:
        if part is not self.part:
            begun = self.since if not self.text.tell() else None
            self._close(at)
            self.part, self.since = part, begun or at
        self.text.write(text)
        self.until = at
        self.size += 1

    def _close(self, at: datetime) -> None:
        if self.text.tell():
            self.until = at
        self.settled.extend(self._open())
        self.text, self.part, self.since = StringIO(), None, None

    def _open(self) -> list[Item]:
        text = self.text.getvalue()
        if not text or self.part is None:
            return []
        if self.part is Part.MESSAGE:
            return [Message(text)]
        measured = (self.until - self.since).total_seconds() if self.since and self.until else None
        return [Reasoning(text, seconds=measured)]
