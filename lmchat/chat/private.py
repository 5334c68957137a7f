"""A private conversation: its turns live as long as the program, and nowhere else."""

from collections import ChainMap
from collections.abc import MutableMapping
from dataclasses import dataclass, field, replace
from typing import cast

from lmchat.chat.session import Session, Turn, TurnId
from lmchat.chat.talk import UNNUMBERED, Kept


@dataclass(frozen=True, slots=True)
class Memory:
    """Turns in memory; `keep` is what `talk` is handed instead of the store's."""

    turns: dict[TurnId, Turn] = field(default_factory=dict)

    def over(self, session: Session) -> Session:
        """Return the session with these turns before its own, which are only read."""
        beneath = session.turns.maps[-1] if isinstance(session.turns, ChainMap) else session.turns
        readable = cast("MutableMapping[TurnId, Turn]", beneath)
        return replace(session, turns=ChainMap(self.turns, readable))

    def keep(self, turn: Turn, *, done: bool) -> Kept:
        """Keep a turn until the program ends; nobody else can move the head, so it always moves (`done` or not).

        A new number is higher than its parent's, as all numbers are, so it hides none that the path needs.
        """
        del done
        highest = max(self.turns, default=turn.parent or 0)
        turn_id = TurnId(max(highest, turn.parent or 0) + 1) if turn.id == UNNUMBERED else turn.id
        self.turns[turn_id] = replace(turn, id=turn_id)
        return Kept(turn_id, head=turn_id, is_head=True)
