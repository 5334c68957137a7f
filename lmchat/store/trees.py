"""What a session reaches in its tree, and what is left when sessions are deleted.

A session reaches the turns it grew, its head, and everything above them.
"""

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from operator import itemgetter
from typing import NamedTuple

from lmchat.chat.session import Outcome, Session, TurnId
from lmchat.store.database import Database, Row, moment
from lmchat.store.images import forget_unused
from lmchat.store.sessions import number_of
from lmchat.store.trigrams import make_unfindable
from lmchat.store.turns import turns_of

_TWIGS = "SELECT number, parent, first_words, outcome, model, at, summary, server FROM settled WHERE tree = ?"


class Twig(NamedTuple):
    """Hold what a drawing of the tree shows of a turn: a tuple, since a drawing may need 100,000 of them."""

    id: TurnId
    parent: TurnId | None
    first_words: str
    outcome: Outcome
    model: str
    at: datetime
    summary: bool
    server: str


def shape(database: Database, session: Session) -> tuple[tuple[TurnId, TurnId | None], ...]:
    """Return number and parent of every turn the session reaches, by number."""
    view = turns_of(session)
    wanted = reached(database, view.tree, view.session)
    rows = database.rows("SELECT number, parent FROM settled WHERE tree = ?", (view.tree,))
    return tuple(sorted((row for row in rows if wanted is None or row[0] in wanted), key=itemgetter(0)))


def tree(database: Database, session: Session, only: Collection[TurnId] | None) -> tuple[Twig, ...]:
    """Return every turn the session reaches, or those of `only`, by number."""
    view = turns_of(session)
    wanted = reached(database, view.tree, view.session)
    query, values = _TWIGS, list[object]([view.tree])
    if only is not None:
        wanted = set(only) if wanted is None else wanted.intersection(only)
    if wanted is not None:
        query += " AND number IN (SELECT value FROM json_each(?))"
        values.append(json.dumps(list(wanted)))
    outcomes = {outcome.value: outcome for outcome in Outcome}
    return tuple(
        Twig(number, parent, words, outcomes[outcome], model, moment(at), bool(summary), server)
        for number, parent, words, outcome, model, at, summary, server in sorted(
            database.rows(query, values), key=itemgetter(0)
        )
    )


def reached(database: Database, tree: int, session: int) -> set[TurnId] | None:
    """Return the numbers of the turns a session reaches; None means all, since no other session shares the tree."""
    sharing: dict[int, TurnId | None] = dict(database.rows("SELECT id, head FROM session WHERE tree = ?", (tree,)))
    return None if len(sharing) == 1 else _reached_by(session, sharing.get(session), _places(database, tree))


def delete(database: Database, names: Sequence[str]) -> None:
    """Remove sessions, and what no other session reaches; raise NotFoundError, and remove none, for any unknown."""
    with database.write():
        # A turn goes before or after its parent: only the end has to be whole.
        database.execute("PRAGMA defer_foreign_keys=ON")
        doomed = {number_of(database, name) for name in names}
        affected = {tree_of(database, number) for number in doomed}
        for each in affected:
            _prune(database, each, doomed)
        for number in doomed:
            database.execute("DELETE FROM session WHERE id = ?", (number,))
        for each in affected:
            database.execute(
                "DELETE FROM tree WHERE id = ? AND NOT EXISTS (SELECT 1 FROM session WHERE tree = tree.id)", (each,)
            )


def _prune(database: Database, tree: int, doomed: set[int]) -> None:
    """Remove the turns of a tree that only doomed sessions reach, and give the others a session that stays."""
    sharing = database.rows("SELECT id, head FROM session WHERE tree = ?", (tree,))
    staying = [row for row in sharing if row[0] not in doomed]
    places = _places(database, tree)
    kept: set[TurnId] = set()
    for session, head in staying:
        new = _reached_by(session, head, places) - kept
        _hand_over(
            database, tree, session, [number for number, _, grower in places if grower in doomed and number in new]
        )
        kept |= new
    gone = [number for number, _, _ in places if number not in kept]
    _remove(database, tree, gone)


def _hand_over(database: Database, tree: int, session: int, numbers: Sequence[TurnId]) -> None:
    database.execute(
        "UPDATE turn SET grown_by = ? WHERE tree = ? AND number IN (SELECT value FROM json_each(?))",
        (session, tree, json.dumps(numbers)),
    )


def _remove(database: Database, tree: int, numbers: Sequence[TurnId]) -> None:
    """Remove turns, what was written of them in the search index and the log, and pictures nobody uses any more."""
    listed = json.dumps(numbers)
    images = database.rows(
        "SELECT DISTINCT hash FROM turn_image JOIN turn ON turn.id = turn_image.turn"
        " WHERE tree = ? AND number IN (SELECT value FROM json_each(?))",
        (tree, listed),
    )
    make_unfindable(database, tree, numbers)
    database.execute(
        "DELETE FROM move WHERE session IN (SELECT id FROM session WHERE tree = ?)"
        " AND was IN (SELECT value FROM json_each(?))",
        (tree, listed),
    )
    database.execute("DELETE FROM turn WHERE tree = ? AND number IN (SELECT value FROM json_each(?))", (tree, listed))
    forget_unused(database, {digest for (digest,) in images})


def _places(database: Database, tree: int) -> list[Row]:
    """Return number, parent and grower of every turn, the newest first; a parent always comes after its children."""
    rows = database.rows("SELECT number, parent, grown_by FROM turn WHERE tree = ?", (tree,))
    rows.sort(key=lambda row: -row[0])
    return rows


def _reached_by(session: int, head: TurnId | None, places: Sequence[Row]) -> set[TurnId]:
    wanted = set() if head is None else {head}
    for number, parent, grower in places:
        if grower == session or number in wanted:
            wanted.add(number)
            if parent is not None:
                wanted.add(parent)
    return wanted


def tree_of(database: Database, session: int) -> int:
    """Return the tree a session is a part of."""
    row = database.row("SELECT tree FROM session WHERE id = ?", (session,))
    return int(row[0]) if row else 0
