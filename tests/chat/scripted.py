"""A conversation partner made of scripts: each request plays the next one."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from lmchat.chat.exchange import ChatRequest, Event, Exchange, Finished, MessageDelta, Started
from lmchat.chat.keeping import Keep, Kept, Memory
from lmchat.chat.session import Session, Turn
from lmchat.chat.talk import talk
from lmchat.chat.values import Message, Prompt, Reply, ResponseId, Stats

Step = Event | BaseException


def answer(text: str, response_id: str = "") -> list[Step]:
    """Write the events of an ordinary reply."""
    reply = Reply((Message(text),), ResponseId(response_id or f"resp_{text}"), Stats(input_tokens=10), "model")
    return [Started("model"), MessageDelta(text), Finished(reply)]


@dataclass
class Partner:
    """Play scripts, and remember the requests, what was shown and what was kept."""

    scripts: list[Sequence[Step]] = field(default_factory=list)
    requests: list[ChatRequest] = field(default_factory=list)
    shown: list[Event] = field(default_factory=list)
    kept: list[tuple[Turn, bool]] = field(default_factory=list)
    memory: Memory = field(default_factory=Memory)
    keeper: Keep | None = None
    closed: int = 0
    clock: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    on_show: Callable[[Event], None] = lambda event: None

    def send(self, request: ChatRequest) -> Generator[Event, None, None]:
        self.requests.append(request)
        try:
            for step in self.scripts.pop(0):
                self.clock += timedelta(seconds=0.1)
                if isinstance(step, BaseException):
                    raise step
                yield step
        finally:
            self.closed += 1

    def show(self, event: Event) -> None:
        self.shown.append(event)
        self.on_show(event)

    def keep(self, turn: Turn, *, done: bool) -> Kept:
        self.kept.append((turn, done))
        assert self.keeper is not None
        return self.keeper(turn, done=done)

    def ask(
        self,
        session: Session,
        text: str,
        *script: Step,
        server: str = "here",
        private: bool = False,
        keeps: bool = True,
    ) -> Exchange:
        if script:
            self.scripts.append(script)
        self.keeper = self.memory.keeper(session)
        return talk(
            session,
            Prompt(text),
            server=server,
            send=self.send,
            show=self.show,
            keep=self.keep,
            now=lambda: self.clock,
            private=private,
            keeps=keeps,
        )
