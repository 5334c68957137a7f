"""What listings show of sessions and turns: a line of a list, a match of a search, an entry of the tree."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from lmchat.chat.session import Outcome, Turn, TurnId
from lmchat.dataclass import dataclass

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
