"""A private conversation: its turns live as long as the program, and nowhere else."""

from collections import ChainMap
from collections.abc import MutableMapping
from typing import cast

from lmchat.chat.session import Session, Turn, TurnId
from lmchat.chat.talk import UNNUMBERED, Keep, Kept
from lmchat.dataclass import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Memory:
    """Turns in memory; `keeper` gives what `talk` is handed instead of the store's."""

    turns: dict[TurnId, Turn] = field(default_factory=dict)

    def over(self, session: Session) -> Session:
        """Return the session with these turns before its own, which are only read."""
        beneath = session.turns.maps[-1] if isinstance(session.turns, ChainMap) else session.turns
        readable = cast("MutableMapping[TurnId, Turn]", beneath)
        return replace(session, turns=ChainMap(self.turns, readable))

    def keeper(self, session: Session) -> Keep:
        """Return what keeps the next turns of a session until the program ends."""

        def keep(turn: Turn, *, done: bool) -> Kept:
            turn_id = self._kept(turn)
            if done and turn.barren:
                return Kept(turn_id, head=session.head, is_head=False)
            return Kept(turn_id, head=turn_id, is_head=True)

        return keep

    def _kept(self, turn: Turn) -> TurnId:
        """Keep a turn; a new number is higher than its parent's, as all are, so it hides none that the path needs."""
        highest = max(self.turns, default=turn.parent or 0)
        turn_id = TurnId(max(highest, turn.parent or 0) + 1) if turn.id == UNNUMBERED else turn.id
        self.turns[turn_id] = replace(turn, id=turn_id)
        return turn_id
