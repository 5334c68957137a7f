"""Deleting sessions: into the trash first, from which they come back, and for good after KEPT_FOR.

Deleting for good removes the turns that no other session reaches, in several short transactions, newest turns first:
others never wait long, and what a killed program leaves is a session like any other.
"""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from lmchat.chat.session import Session, TurnId
from lmchat.errors import NotFoundError, nearest
from lmchat.store.database import Database, Row, moment, typed
from lmchat.store.index import make_unfindable
from lmchat.store.sessions import exists, number_of, numbered, same
from lmchat.store.tree import heads_in, places, reached_from, tree_of
from lmchat.store.turns import forget_unused, turns_of

if TYPE_CHECKING:
    from lmchat.chat.listing import Trashed

KEPT_FOR = timedelta(days=30)


def trash(database: Database, names: Sequence[str]) -> None:
    """Move sessions to the trash; raise NotFoundError, and move none, for any unknown."""
    with database.write():
        for session in {number_of(database, name) for name in names}:
            tree = tree_of(database, session)
            if tree is None:
                continue
            trashed = set(database.numbers("SELECT id FROM session WHERE trashed IS NOT NULL"))
            staying = {
                other: head
                for other, head in heads_in(database, tree).items()
                if other != session and other not in trashed
            }
            if staying:  # what they reach, too, is found through them from now on
                turns = places(database, tree)
                _hand_over(database, tree, session, turns, reached_from(staying, turns))
            # No name that a person can give begins with a hyphen.
            database.execute(
                "UPDATE session SET trashed = ?, name_before = name, name = '-' || id WHERE id = ?",
                (database.now(), session),
            )


def restore(database: Database, name: str) -> str:
    """Bring the session of that name back that was trashed last, and return its name, numbered where that is taken.

    Raise NotFoundError where there is none.
    """
    with database.write():
        row = database.row(
            "SELECT id, name_before FROM session WHERE trashed IS NOT NULL AND name_before = ?"
            " ORDER BY trashed DESC, id DESC LIMIT 1",
            (same(name),),
        )
        if row is None:
            trashed = [each.name for each in in_trash(database)]
            raise NotFoundError(f"There is no session '{name}' in the trash.", hint=nearest(same(name), trashed))
        session, before = database.value(row, lambda each: typed(each, (int, str)))
        chosen = numbered(before, lambda each: exists(database, each))
        database.execute(
            "UPDATE session SET trashed = NULL, name_before = NULL, name = ? WHERE id = ?", (chosen, session)
        )
    return chosen


def in_trash(database: Database) -> "tuple[Trashed, ...]":
    """Return the sessions in the trash, the one deleted last first."""
    rows = database.rows(
        "SELECT name_before, first_words, trashed FROM session WHERE trashed IS NOT NULL ORDER BY trashed DESC, id DESC"
    )
    return tuple(database.readable(rows, _trashed, "the deleted session"))


def _trashed(row: Row) -> "Trashed":
    from lmchat.chat.listing import Trashed

    name, words, at = typed(row, (str, str, int))
    return Trashed(name, words, moment(at), moment(at) + KEPT_FOR)


def delete(database: Database, names: Sequence[str]) -> None:
    """Remove sessions for good, those in the trash where only it has the name.

    Raise NotFoundError, and remove none, for any unknown.
    """
    sessions: set[int] = set()
    for name in names:
        trashed = database.numbers(
            "SELECT id FROM session WHERE trashed IS NOT NULL AND name_before = ?", (same(name),)
        )
        if trashed and not exists(database, name):
            sessions.update(trashed)
        else:
            sessions.add(number_of(database, name))
    _remove(database, sessions)


def empty_trash(database: Database) -> int:
    """Remove all that is in the trash; return how many sessions that were."""
    return _remove_trashed(database, database.now() + 1)


def remove_expired(database: Database) -> None:
    """Remove what has been in the trash for KEPT_FOR."""
    _remove_trashed(database, database.now() - KEPT_FOR // timedelta(microseconds=1))


def _remove_trashed(database: Database, until: int) -> int:
    # A time before the session was made is damage, for which nothing is taken away.
    chosen = "SELECT id FROM session WHERE trashed < ? AND trashed >= created"
    sessions = set(database.numbers(chosen, (until,)))
    _remove(database, sessions)
    return len(sessions)


def _remove(database: Database, sessions: set[int]) -> None:
    for session in sessions:
        while not _remove_some(database, session):
            pass


_AT_ONCE = 500


def forget_unanswered(database: Database, session: Session) -> bool:
    """Remove a session that holds nothing but attempts, and tell whether it was one."""
    view = turns_of(session)
    with database.write():
        more = database.row(
            "SELECT 1 FROM turn WHERE tree = ? AND (NOT attempt OR id IN (SELECT turn FROM draft))"
            " UNION ALL SELECT 1 FROM session WHERE tree = ? AND (id != ? OR head IS NOT NULL) LIMIT 1",
            (view.tree, view.tree, view.session),
        )
    if more is not None:
        return False
    _remove(database, {view.session})
    return True


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
    _hand_over(database, tree, session, turns, heirs)
    return [number for number, _, _ in turns if number not in heirs]


def _hand_over(database: Database, tree: int, session: int, turns: list[Row], heirs: dict[TurnId, int]) -> None:
    """Make the turns that a session grew and others reach theirs."""
    for number, _, grower in turns:
        if grower == session and number in heirs:
            database.execute(
                "UPDATE turn SET grown_by = ? WHERE tree = ? AND number = ?", (heirs[number], tree, number)
            )


def _remove_turns(database: Database, tree: int, numbers: Sequence[TurnId]) -> None:
    """Remove turns, what the search index and the log say of them, and the pictures that no turn uses any more."""
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
