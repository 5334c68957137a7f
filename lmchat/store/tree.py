"""The trees of sessions: moving heads, forking, and deleting sessions with the turns that no other one reaches.

A session reaches the turns it grew, its head, and everything above them. Deleted sessions are in the trash first, from
which they can be restored, and are removed for good after KEPT_FOR: in several short transactions, newest turns first,
so that others never wait long, and what a killed program leaves is a session like any other.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import islice
from operator import itemgetter

from lmchat.advice import Action, Do
from lmchat.chat.session import Session, TurnId
from lmchat.dataclass import replace
from lmchat.errors import BadUseError, NotFoundError, nearest
from lmchat.store.codec import forget_unused
from lmchat.store.database import Database, Row, typed
from lmchat.store.sessions import (
    add,
    checked,
    exists,
    free,
    head_of,
    heads_in,
    number_of,
    numbered,
    same,
    shift,
    touch,
    tree_of,
)
from lmchat.store.turns import Turns, make_unfindable, placed, session_gone, turns_of

KEPT_FOR = timedelta(days=30)
_AT_ONCE = 500


def move(database: Database, session: Session, to: TurnId | None) -> Session:
    """Move the head to any turn of the tree, or before the first; raise NotFoundError where there is no such turn."""
    moved, number = session.moved(to), turns_of(session).session
    with database.write():
        if head_of(database, number) != to:
            shift(database, number, to, "goto")
        touch(database, number)
    return moved


def undo(database: Database, session: Session, count: int) -> Session:
    """Move the head `count` turns nearer to the root, one logged step each; raise BadUseError where it cannot."""
    undone, number = session.undone(count), turns_of(session).session
    with database.write():
        if head_of(database, number) != session.head:
            shift(database, number, session.head, "goto")
        for turn in islice(session.lineage(), count):
            shift(database, number, turn.parent, "undo")
        touch(database, number)
    return undone


def redo(database: Database, session: Session, count: int) -> Session:
    """Take back the latest `count` undone steps; raise BadUseError where the head moved elsewhere since."""
    if count < 1:
        raise BadUseError("The number of turns to redo must be 1 or more.")
    number = turns_of(session).session
    with database.write():
        steps = database.rows(
            "SELECT id, was FROM move WHERE session = ? AND kind = 'undo' AND NOT redone AND id >"
            " (SELECT coalesce(max(id), 0) FROM move WHERE session = ? AND kind NOT IN ('undo', 'redo'))"
            " ORDER BY id DESC",
            (number, number),
        )[:count]
        if len(steps) < count:
            have = f"No more than {len(steps)} can be redone." if steps else "Nothing is left to redo."
            raise BadUseError(have, hint=(Do(Action.SHOW_TREE, session.name), " shows the turns and their numbers."))
        for step, was in steps:
            shift(database, number, was, "redo")
            database.execute("UPDATE move SET redone = 1 WHERE id = ?", (step,))
        touch(database, number)
    return session.moved(steps[-1][1])


def fork(database: Database, session: Session, name: str, at: TurnId | None) -> Session:
    """Add a session that points at the same turn, or at `at`; no turn is copied."""
    view = turns_of(session)
    forked = session.forked(checked(name), at)
    with database.write():
        row = database.row("SELECT first_words FROM session WHERE id = ? AND trashed IS NULL", (view.session,))
        if row is None:
            raise session_gone()
        free(database, name)
        number = add(database, forked, view.tree, row[0])
    return replace(forked, id=number, turns=Turns(database, view.tree, number))


def reached(database: Database, tree: int, session: int, *, whole: bool = True) -> set[TurnId] | None:
    """Return the numbers of the turns a session reaches; None means all, since no other session shares the tree.

    Where a turn has no place in the tree, raise StoreError, or (not `whole`) go on without it.
    """
    heads = heads_in(database, tree)
    if len(heads) == 1:
        return None
    return set(_reached_from({session: heads.get(session)}, places(database, tree, whole=whole)))


def _reached_from(heads: Mapping[int, TurnId | None], turns: Sequence[Row]) -> dict[TurnId, int]:
    """Return every turn that these sessions reach, with the one that grew it or else one that reaches it."""
    reaching = {head: session for session, head in heads.items() if head is not None}
    for number, parent, grower in turns:
        if grower in heads:
            reaching[number] = grower
        if number in reaching and parent is not None:
            reaching.setdefault(parent, reaching[number])
    return reaching


def places(database: Database, tree: int, *, whole: bool = True) -> list[Row]:
    """Return number, parent and grower of every turn, the newest first, so that a parent comes after its children.

    Where a turn has no place, raise StoreError: what is deleted or exported depends on it. Not `whole`, leave it out.
    """
    rows = database.rows("SELECT number, parent, grown_by FROM turn WHERE tree = ?", (tree,))
    return sorted(placed(database, rows, whole=whole), key=itemgetter(0), reverse=True)


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
                _reassign(database, tree, session, turns, _reached_from(staying, turns))
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
            rows = database.rows("SELECT name_before FROM session WHERE trashed IS NOT NULL")
            trashed = [str(name) for (name,) in rows]
            raise NotFoundError(f"There is no session '{name}' in the trash.", hint=nearest(same(name), trashed))
        session, before = database.value(row, lambda each: typed(each, (int, str)))
        chosen = numbered(before, lambda each: exists(database, each))
        database.execute(
            "UPDATE session SET trashed = NULL, name_before = NULL, name = ? WHERE id = ?", (chosen, session)
        )
    return chosen


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
    # A time before the session was made is damage, and nothing is removed for it.
    chosen = "SELECT id FROM session WHERE trashed < ? AND trashed >= created"
    sessions = set(database.numbers(chosen, (until,)))
    _remove(database, sessions)
    return len(sessions)


def forget_unanswered(database: Database, session: Session) -> bool:
    """Remove a session that has nothing but attempts, and tell whether it was one."""
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


def _remove(database: Database, sessions: set[int]) -> None:
    for session in sessions:
        while not _remove_some(database, session):
            pass


def _remove_some(database: Database, session: int) -> bool:
    """Remove the newest turns of a session, and itself with the last of them; tell whether it is removed."""
    with database.write(durable=False):
        tree = tree_of(database, session)
        if tree is None:
            return True
        # A turn goes before or after its parent: only the end has to be whole.
        database.execute("PRAGMA defer_foreign_keys=ON")
        database.execute("UPDATE session SET head = NULL WHERE id = ?", (session,))
        database.execute("DELETE FROM move WHERE session = ?", (session,))
        unreached = _unreached(database, tree, session)
        _remove_turns(database, tree, unreached[:_AT_ONCE])
        if len(unreached) > _AT_ONCE:
            return False
        database.execute("DELETE FROM session WHERE id = ?", (session,))
        database.execute(
            "DELETE FROM tree WHERE id = ? AND NOT EXISTS (SELECT 1 FROM session WHERE tree = tree.id)", (tree,)
        )
        return True


def _unreached(database: Database, tree: int, session: int) -> list[TurnId]:
    """Return turns that only this session reaches, newest first, all or more than go at once.

    What others reach too is assigned to one of them.
    """
    staying = {other: head for other, head in heads_in(database, tree).items() if other != session}
    if not staying:
        rows = database.rows(
            "SELECT number FROM turn WHERE tree = ? ORDER BY number DESC LIMIT ?", (tree, _AT_ONCE + 1)
        )
        return [number for (number,) in rows]
    turns = places(database, tree)
    owners = _reached_from(staying, turns)
    _reassign(database, tree, session, turns, owners)
    return [number for number, _, _ in turns if number not in owners]


def _reassign(database: Database, tree: int, session: int, turns: list[Row], owners: dict[TurnId, int]) -> None:
    """Assign the turns that a session grew to others that reach them."""
    for number, _, grower in turns:
        if grower == session and number in owners:
            database.execute(
                "UPDATE turn SET grown_by = ? WHERE tree = ? AND number = ?", (owners[number], tree, number)
            )


def _remove_turns(database: Database, tree: int, numbers: Sequence[TurnId]) -> None:
    """Remove turns, their entries in the search index and the log, and the pictures that no turn uses any more."""
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
