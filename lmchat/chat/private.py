"""A private conversation: its turns live as long as the program, and nowhere else."""

from dataclasses import dataclass, field, replace

from lmchat.chat.session import Session, Turn, TurnId
from lmchat.chat.talk import UNNUMBERED, Kept


@dataclass(frozen=True, slots=True)
class Memory:
    """Hold turns in memory; `keep` is what `talk` is handed instead of the store's."""

    turns: dict[TurnId, Turn] = field(default_factory=dict)

    def session(self, name: str = "private") -> Session:
        """Return an empty session over these turns."""
        return Session(name=name, turns=self.turns)

    def keep(self, turn: Turn, *, done: bool) -> Kept:
        """Keep a turn until the program ends; nobody else can move the head, so it always moves (`done` or not)."""
        del done
        turn_id = TurnId(len(self.turns) + 1) if turn.id == UNNUMBERED else turn.id
        self.turns[turn_id] = replace(turn, id=turn_id)
        return Kept(turn_id, head=turn_id, is_head=True)
