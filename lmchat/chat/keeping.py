"""Keeping turns: what `talk` needs for it, and how a private conversation does it, in memory only."""

from collections import ChainMap
from collections.abc import MutableMapping
from typing import Protocol, cast

from lmchat.chat.session import UNNUMBERED, Session, Turn, TurnId
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
