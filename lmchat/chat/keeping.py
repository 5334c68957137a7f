"""What a store of conversations takes and gives: how turns are kept, and what listings show of sessions and turns.

A private conversation keeps its turns in memory only.
"""

from collections import ChainMap
from collections.abc import MutableMapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol, cast

from lmchat.chat.session import UNNUMBERED, Outcome, Session, Turn, TurnId
from lmchat.dataclass import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Kept:
    """Where a kept turn is: its number, the session's head now, and whether that is this turn."""

    id: TurnId
    head: TurnId | None
    is_head: bool


class Keep(Protocol):
    """What keeps a turn where it survives the program.

    The first call, with an unnumbered turn, numbers it; later calls with that number give what its reply has grown to:
    what was there before never changes. `done` gives the turn as it ended and moves the session's head to it, unless
    it is empty. A turn that ended before is only updated. Calling it again with the same turn changes nothing.
    """

    def __call__(self, turn: Turn, *, done: bool) -> Kept:
        """Keep `turn`; raise StoreError where that fails."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Turns in memory; `keeper` takes the place of the store's."""

    turns: dict[TurnId, Turn] = field(default_factory=dict)

    def over(self, session: Session) -> Session:
        """Return the session with these turns before its own, which are only read."""
        below = session.turns.maps[-1] if isinstance(session.turns, ChainMap) else session.turns
        readable = cast("MutableMapping[TurnId, Turn]", below)
        return replace(session, turns=ChainMap(self.turns, readable))

    def keeper(self, session: Session) -> Keep:
        """Return what keeps the next turns of a session until the program ends."""

        def keep(turn: Turn, *, done: bool) -> Kept:
            turn_id = self._kept(turn)
            if done and turn.empty:
                return Kept(turn_id, head=session.head, is_head=False)
            return Kept(turn_id, head=turn_id, is_head=True)

        return keep

    def _kept(self, turn: Turn) -> TurnId:
        """Keep a turn; a new number is higher than its parent's, as all are, so it hides none that the path needs."""
        highest = max(self.turns, default=turn.parent or 0)
        turn_id = TurnId(max(highest, turn.parent or 0) + 1) if turn.id == UNNUMBERED else turn.id
        self.turns[turn_id] = replace(turn, id=turn_id)
        return turn_id


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Summary:
    """What a list shows of a session; `turns` counts those on the way to its head.

    `outcome` is that of the head (None before the first turn), `first_words` are those of the first prompt.
    """

    name: str
    turns: int
    model: str
    created: datetime
    last_used: datetime
    first_words: str
    outcome: Outcome | None


@dataclass(frozen=True, slots=True)
class Trashed:
    """A session in the trash, by the name it had; it is removed for good after `until`."""

    name: str
    first_words: str
    at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Match:
    """A turn that was found; `where` is "prompt" or "reply", `hits` are start and end of words in `snippet`."""

    session: str
    turn: TurnId
    where: str
    snippet: str
    hits: tuple[tuple[int, int], ...]
    at: datetime


class TreeEntry(NamedTuple):
    """What a drawing of the tree shows of a turn; a tuple, since a drawing may need 100,000 of them.

    `microseconds` are those since 1970 when it was asked. An `attempt` is a turn that ended before anything came.
    """

    id: TurnId
    parent: TurnId | None
    first_words: str
    outcome: Outcome
    model: str
    microseconds: int
    summary: bool
    attempt: bool = False

    @property
    def at(self) -> datetime:
        """Return when it was asked."""
        return _EPOCH + timedelta(microseconds=self.microseconds)

    @classmethod
    def of(cls, turn: Turn) -> "TreeEntry":
        """Make the entry of a turn that is in memory."""
        words, microseconds = turn.prompt.text[:200], (turn.at - _EPOCH) // timedelta(microseconds=1)
        return cls(turn.id, turn.parent, words, turn.outcome, turn.model, microseconds, turn.summary, turn.empty)
