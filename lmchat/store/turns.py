"""The turns of one tree: written one row each and indexed for the search, and read as a mapping that reads ahead.

Every function that writes runs inside a transaction of its caller. What is written to the index must be removed from it
with the very same text, so that only the functions here change it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from types import NoneType

from lmchat.advice import Action, Do
from lmchat.chat.session import Outcome, Session, Turn, TurnId
from lmchat.chat.values import Image, Prompt, Reply, ResponseId, join_surrogates
from lmchat.errors import SessionGoneError, StoreError
from lmchat.store.codec import attach, first_words, images_of, items_json, items_value, parsed, stats_value, written
from lmchat.store.database import Database, Row, microseconds, moment, typed
from lmchat.store.file import damaged

_ONE_SECOND = 1_000_000


def next_number(database: Database, tree: int) -> TurnId:
    """Return the next number of a tree, which is never given again."""
    row = database.row("UPDATE tree SET next = next + 1 WHERE id = ? RETURNING next - 1", (tree,))
    if row is None:
        raise session_gone()
    return TurnId(database.value(row, lambda each: int(typed(each, (int,))[0])))


def insert(database: Database, tree: int, session: int, turn: Turn) -> int:
    """Add a turn under its number and return the id of its row."""
    row_id = _free_id(database, microseconds(turn.at))
    values = {
        "id": row_id,
        "tree": tree,
        "number": turn.id,
        "parent": turn.parent,
        "grown_by": session,
        "depth": _depth(database, tree, turn.parent),
        "at": microseconds(turn.at),
        "first_words": first_words(turn.prompt.text),
        "images": len(turn.prompt.images),
        "prompt": join_surrogates(turn.prompt.text),
        **_changing(turn),
    }
    names, marks = ", ".join(values), ", ".join("?" * len(values))
    database.execute(f"INSERT INTO turn ({names}) VALUES ({marks})", tuple(values.values()))  # noqa: S608 - our names
    attach(database, row_id, turn.prompt.images)
    return row_id


def update(database: Database, row_id: int, turn: Turn) -> None:
    """Replace what a turn contains, except its place in the tree and its prompt, which never change."""
    values = _changing(turn)
    settings = ", ".join(f"{name} = ?" for name in values)
    database.execute(f"UPDATE turn SET {settings} WHERE id = ?", (*values.values(), row_id))  # noqa: S608 - our names


def session_gone() -> SessionGoneError:
    """Say that a session was deleted while it was in use."""
    return SessionGoneError(
        "This session was deleted by another program.", hint=(Do(Action.LIST_SESSIONS), " lists those that are left.")
    )


def _changing(turn: Turn) -> dict[str, object]:
    """Return the columns of a turn that may change until it has ended (`forgotten` even later)."""
    reply = turn.reply
    return {
        "outcome": turn.outcome.value,
        "server": join_surrogates(turn.server),
        "model": join_surrogates(turn.model),
        "system": join_surrogates(turn.system),
        "forgotten": turn.forgotten,
        "summary": turn.summary,
        "fault": join_surrogates(turn.fault),
        "response_id": None if reply.response_id is None else join_surrogates(reply.response_id),
        "model_instance_id": join_surrogates(reply.model_instance_id),
        "stats": written(reply.stats.given()),
        "reply": join_surrogates(reply.text),
        "items": written(items_json(reply.items)),
        "attempt": turn.empty,
    }


def _depth(database: Database, tree: int, parent: TurnId | None) -> int:
    """Count the turns from the root to a child of `parent`."""
    if parent is None:
        return 1
    row = database.row("SELECT depth FROM turn WHERE tree = ? AND number = ?", (tree, parent))
    if row is None:
        raise StoreError(f"Turn {parent}, which this one follows, was deleted by another program.")
    return database.value(row, lambda each: int(typed(each, (int,))[0])) + 1


def _free_id(database: Database, at: int) -> int:
    """Return the first free id at that time or just after it, so that ids run as time does."""
    return database.number(
        "SELECT coalesce(max(id) + 1, ?) FROM turn WHERE id >= ? AND id < ?", (at, at, at + _ONE_SECOND)
    )


COLUMNS = (
    "id, number, parent, at, outcome, server, model, system, forgotten, summary, fault,"
    " response_id, model_instance_id, stats, images, prompt, items"
)

_TEXT, _NUMBER, _MAYBE = str, int, NoneType
_KINDS = (
    _NUMBER, _NUMBER, (_NUMBER, _MAYBE), _NUMBER, _TEXT, _TEXT, _TEXT, _TEXT, _NUMBER, _NUMBER, _TEXT,
    (_TEXT, _MAYBE), _TEXT, _TEXT, _NUMBER, _TEXT, _TEXT,
)  # fmt: skip

OUTCOMES = {outcome.value: outcome for outcome in Outcome}
"""Looked up here, an outcome takes a tenth of the time."""

_FIRST_AHEAD, _MOST_AHEAD = 8, 512
_MOST_READ = 2 * _MOST_AHEAD


class Turns(Mapping[TurnId, Turn]):
    """The turns of one tree as one session sees them; turns that are kept later are seen too.

    `tree` and `session` are the store's own numbers, which stay whatever a session is called.
    """

    def __init__(self, database: Database, tree: int, session: int) -> None:
        self.tree = tree
        self.session = session
        self._database = database
        self._read: dict[TurnId, Turn] = {}
        self._ahead = _FIRST_AHEAD
        self._last = 0

    def __getitem__(self, turn_id: TurnId) -> Turn:
        if turn_id not in self._read:
            self._read_from(turn_id)
        self._last = turn_id
        return self._read[turn_id]

    def __iter__(self) -> Iterator[TurnId]:
        query = "SELECT number FROM settled WHERE tree = ? ORDER BY number"
        numbers = self._database.numbers(query, (self.tree,))
        if numbers and numbers[0] < 1:
            raise damaged(self._database.path)
        return map(TurnId, numbers)

    def __len__(self) -> int:
        return self._database.number("SELECT count(*) FROM settled WHERE tree = ?", (self.tree,))

    def numbers_to(self, to: TurnId) -> list[TurnId]:
        """Return the numbers of the turns from the root to `to`; raise KeyError for one that is missing."""
        rows = self._database.rows("SELECT number, parent FROM settled WHERE tree = ?", (self.tree,))
        parents: dict[TurnId, TurnId | None] = dict(placed(self._database, rows, whole=True))
        path = [to]
        while (parent := parents[path[-1]]) is not None:
            path.append(parent)
        return path[::-1]

    def forget(self, turn_id: TurnId) -> None:
        """Read a turn again when it is next used."""
        self._read.pop(turn_id, None)

    def _read_from(self, turn_id: TurnId) -> None:
        """Read a turn and those numbered just before it, or after it on a walk that goes that way.

        The number grows each time, so that whoever needs the last turns reads few and a long walk asks seldom. What a
        long walk has passed is not kept.
        """
        if not 0 < turn_id < 1 << 63:
            raise KeyError(turn_id)
        onward = 0 < self._last < turn_id <= self._last + self._ahead
        first, last = (turn_id, turn_id + self._ahead) if onward else (max(turn_id - self._ahead + 1, 1), turn_id)
        self._ahead = min(self._ahead * 2, _MOST_AHEAD)
        if len(self._read) > _MOST_READ:
            self._read.clear()
        rows = self._database.rows(
            f"SELECT {COLUMNS} FROM settled WHERE tree = ? AND number BETWEEN ? AND ?"  # noqa: S608 - a constant of ours
            " AND (images = 0 OR number = ?)",
            (self.tree, first, last, turn_id),
        )
        for row in rows:
            try:
                turn = self._database.value(row, lambda each: turn_value(self._database, each))
            except StoreError:
                if row[1] == turn_id:  # one that was not asked for is not missed
                    raise
            else:
                self._read.setdefault(turn.id, turn)


def placed(database: Database, rows: list[Row], *, whole: bool) -> list[Row]:
    """Return rows that begin with the number of a turn and its parent's.

    For others raise StoreError, or (not `whole`) leave them out and name them.
    """
    sound = [
        row
        for row in rows
        if type(row[0]) is int and row[0] > 0 and (row[1] is None or (type(row[1]) is int and 0 < row[1] < row[0]))
    ]
    if len(sound) < len(rows):
        if whole:
            raise damaged(database.path)
        known = set(map(id, sound))
        database.unreadable.extend(f"turn {row[0]!r}" for row in rows if id(row) not in known)
    return sound


def turns_of(session: Session) -> Turns:
    """Return the view through which a session that came from a store sees its turns."""
    if not isinstance(session.turns, Turns):
        raise TypeError(f"session '{session.name}' did not come from a store")
    return session.turns


def turn_value(database: Database, row: Row) -> Turn:
    """Make a turn of a row of COLUMNS; its pictures are read from where they are kept.

    Raise ValueError, TypeError or OverflowError where the row makes none.
    """
    (
        row_id, number, parent, at, outcome, server, model, system, forgotten, summary, fault,
        response_id, model_instance_id, stats, image_count, prompt, items,
    ) = typed(row, _KINDS)  # fmt: skip
    if parent is not None and not 0 < parent < number:
        raise ValueError(f"turn {number} cannot follow turn {parent}")
    images: tuple[Image, ...] = images_of(database, row_id) if image_count else ()
    where = f"turn {number}"
    reply = Reply(
        items=items_value(parsed(items), where),
        response_id=None if response_id is None else ResponseId(response_id),
        stats=stats_value(parsed(stats), where),
        model_instance_id=model_instance_id,
    )
    return Turn(
        id=TurnId(number),
        parent=None if parent is None else TurnId(parent),
        prompt=Prompt(prompt, images),
        reply=reply,
        outcome=OUTCOMES.get(outcome) or Outcome(outcome),
        server=server,
        model=model,
        at=moment(at),
        system=system,
        forgotten=bool(forgotten),
        summary=bool(summary),
        fault=fault,
    )


LENGTH = 3
"""The search index has every three characters in a row, whatever the language."""

_TAIL = " " * (LENGTH - 1)
"""Follows each text, so that its last character too begins a trigram and can be found alone."""


def make_findable(database: Database, row_id: int) -> None:
    """Index a turn that has ended (inside a transaction)."""
    database.execute(
        "INSERT INTO trigrams (rowid, prompt, reply)"
        " SELECT id, nfc(prompt) || ?, nfc(reply) || ? FROM turn WHERE id = ?",
        (_TAIL, _TAIL, row_id),
    )


def make_all_findable(database: Database) -> None:
    """Make the index again from all turns that have ended (inside a transaction)."""
    database.execute("INSERT INTO trigrams (trigrams) VALUES ('delete-all')")
    database.execute(
        "INSERT INTO trigrams (rowid, prompt, reply) SELECT id, nfc(prompt) || ?, nfc(reply) || ? FROM settled",
        (_TAIL, _TAIL),
    )


def make_unfindable(database: Database, tree: int, numbers: Sequence[int]) -> None:
    """Take turns that are about to be deleted out of the index (inside a transaction)."""
    database.execute(
        "INSERT INTO trigrams (trigrams, rowid, prompt, reply)"
        " SELECT 'delete', id, nfc(prompt) || ?, nfc(reply) || ? FROM settled"
        " WHERE tree = ? AND number IN (SELECT value FROM json_each(?))",
        (_TAIL, _TAIL, tree, json.dumps(numbers)),
    )
