"""The turns of one tree as a mapping that reads from disk what is looked at, and a little ahead.

It must not know how turns get there.
"""

import json
from collections.abc import Iterator, Mapping

from lmchat.chat.session import Outcome, Session, Turn, TurnId
from lmchat.chat.values import Image, Prompt, Reply, ResponseId, Stats
from lmchat.store.database import Database, Row, damaged, moment
from lmchat.store.images import images_of
from lmchat.store.rows import items_value, numbers_value

COLUMNS = (
    "id, number, parent, at, outcome, server, model, system, forgotten, summary, fault,"
    " response_id, model_instance_id, stats, images, prompt, items"
)

_FIRST_AHEAD, _MOST_AHEAD = 8, 512


class Turns(Mapping[TurnId, Turn]):
    """Show the turns of one tree to one session; turns that are kept later are seen too.

    `tree` and `session` are the store's own numbers, which stay whatever a session is called.
    """

    def __init__(self, database: Database, tree: int, session: int) -> None:
        self.tree = tree
        self.session = session
        self._database = database
        self._read: dict[TurnId, Turn] = {}
        self._ahead = _FIRST_AHEAD

    def __getitem__(self, turn_id: TurnId) -> Turn:
        if turn_id not in self._read:
            self._read_from(turn_id)
        return self._read[turn_id]

    def __iter__(self) -> Iterator[TurnId]:
        rows = self._database.rows("SELECT number FROM settled WHERE tree = ? ORDER BY number", (self.tree,))
        return iter([row[0] for row in rows])

    def __len__(self) -> int:
        row = self._database.row("SELECT count(*) FROM settled WHERE tree = ?", (self.tree,))
        return row[0] if row else 0

    def forget(self, turn_id: TurnId) -> None:
        """Read a turn anew when it is looked at next."""
        self._read.pop(turn_id, None)

    def _read_from(self, turn_id: TurnId) -> None:
        """Read a turn and, since most are asked for on the way to the root, those numbered just before it.

        The stretch grows with every miss, so that a look at the last turns reads few and a long walk asks seldom.
        """
        if not 0 < turn_id < 1 << 63:
            raise KeyError(turn_id)
        first = max(turn_id - self._ahead + 1, 1)
        self._ahead = min(self._ahead * 2, _MOST_AHEAD)
        rows = self._database.rows(
            f"SELECT {COLUMNS} FROM settled WHERE tree = ? AND number BETWEEN ? AND ?"  # noqa: S608 - a constant of ours
            " AND (images = 0 OR number = ?)",
            (self.tree, first, turn_id, turn_id),
        )
        for row in rows:
            turn = turn_value(self._database, row)
            self._read.setdefault(turn.id, turn)


def turns_of(session: Session) -> Turns:
    """Return the view through which a session that came from a store sees its turns."""
    if not isinstance(session.turns, Turns):
        raise TypeError(f"session '{session.name}' did not come from a store")
    return session.turns


def turn_value(database: Database, row: Row) -> Turn:
    """Make a turn of a row of COLUMNS; its pictures are read from where they are kept."""
    (
        row_id, number, parent, at, outcome, server, model, system, forgotten, summary, fault,
        response_id, model_instance_id, stats, image_count, prompt, items,
    ) = row  # fmt: skip
    images: tuple[Image, ...] = images_of(database, row_id) if image_count else ()
    where = f"turn {number}"
    try:
        reply = Reply(
            items=items_value(json.loads(items), where),
            response_id=None if response_id is None else ResponseId(response_id),
            stats=numbers_value(Stats, json.loads(stats), where),
            model_instance_id=model_instance_id,
        )
        kind = Outcome(outcome)
    except ValueError as error:
        raise damaged(database.path) from error
    return Turn(
        id=TurnId(number),
        parent=None if parent is None else TurnId(parent),
        prompt=Prompt(prompt, images),
        reply=reply,
        outcome=kind,
        server=server,
        model=model,
        at=moment(at),
        system=system,
        forgotten=bool(forgotten),
        summary=bool(summary),
        fault=fault,
    )
