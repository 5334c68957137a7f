"""Deleting sessions, and of their turns those that no other session reaches.

A long conversation goes in several short transactions, newest turns first: others never wait long, and what a killed
program leaves of it is a session like any other.
"""

import json
from collections.abc import Sequence

from lmchat.chat.session import TurnId
from lmchat.store.database import Database
from lmchat.store.images import forget_unused
from lmchat.store.sessions import number_of
from lmchat.store.trees import heads_in, places, reached_from, tree_of
from lmchat.store.trigrams import make_unfindable

_AT_ONCE = 500


def delete(database: Database, names: Sequence[str]) -> None:
    """Remove sessions, and what no other session reaches; raise NotFoundError, and remove none, for any unknown."""
    for session in {number_of(database, name) for name in names}:
        while not _remove_some(database, session):
            pass


def _remove_some(database: Database, session: int) -> bool:
    """Remove the newest turns of a session, and itself with the last of them; tell whether it is gone."""
    with database.write(durable=False):
        tree = tree_of(database, session)
        if tree is None:
            return True
        # A turn goes before or after its parent: only the end has to be whole.
        database.execute("PRAGMA defer_foreign_keys=ON")
        database.execute("UPDATE session SET head = NULL WHERE id = ?", (session,))
        database.execute("DELETE FROM move WHERE session = ?", (session,))
        gone = _unreached(database, tree, session)
        _remove_turns(database, tree, gone[:_AT_ONCE])
        if len(gone) > _AT_ONCE:
            return False
        database.execute("DELETE FROM session WHERE id = ?", (session,))
        database.execute(
            "DELETE FROM tree WHERE id = ? AND NOT EXISTS (SELECT 1 FROM session WHERE tree = tree.id)", (tree,)
        )
        return True


def _unreached(database: Database, tree: int, session: int) -> list[TurnId]:
    """Return turns that only this session reaches, newest first, all or more than go at once.

    What others reach too is theirs from now on.
    """
    staying = {other: head for other, head in heads_in(database, tree).items() if other != session}
    if not staying:
        rows = database.rows(
            "SELECT number FROM turn WHERE tree = ? ORDER BY number DESC LIMIT ?", (tree, _AT_ONCE + 1)
        )
        return [number for (number,) in rows]
    turns = places(database, tree)
    heirs = reached_from(staying, turns)
    for number, _, grower in turns:
        if grower == session and number in heirs:
            database.execute(
                "UPDATE turn SET grown_by = ? WHERE tree = ? AND number = ?", (heirs[number], tree, number)
            )
    return [number for number, _, _ in turns if number not in heirs]


def _remove_turns(database: Database, tree: int, numbers: Sequence[TurnId]) -> None:
    """Remove turns, what the search index and the log say of them, and the pictures that nobody uses any more."""
    chosen = "tree = ? AND number IN (SELECT value FROM json_each(?))"
    values = (tree, json.dumps(numbers))
    images = database.rows(
        f"SELECT DISTINCT hash FROM turn_image JOIN turn ON turn.id = turn_image.turn WHERE {chosen}",  # noqa: S608 - ours
        values,
    )
    make_unfindable(database, tree, numbers)
    database.execute(
        "DELETE FROM move WHERE session IN (SELECT id FROM session WHERE tree = ?)"
        " AND was IN (SELECT value FROM json_each(?))",
        values,
    )
    database.execute(f"DELETE FROM turn WHERE {chosen}", values)  # noqa: S608 - ours
    forget_unused(database, {digest for (digest,) in images})
