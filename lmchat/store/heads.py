"""The head of a session: where it is, and the log of its moves, from which undo can be redone."""

from itertools import islice

from lmchat.chat.session import Session, TurnId
from lmchat.errors import BadUseError
from lmchat.store.database import Database
from lmchat.store.growth import session_gone
from lmchat.store.turns import turns_of


def head_of(database: Database, session: int) -> TurnId | None:
    """Return the head as it is on disk now; raise StoreError where the session is gone."""
    row = database.row("SELECT head FROM session WHERE id = ?", (session,))
    if row is None:
        raise session_gone()
    return None if row[0] is None else TurnId(row[0])


def shift(database: Database, session: int, to: TurnId | None, kind: str) -> None:
    """Move a head and log the move (inside a transaction)."""
    was = head_of(database, session)
    database.execute("UPDATE session SET head = ? WHERE id = ?", (to, session))
    database.execute(
        "INSERT INTO move (session, kind, was, became, at) VALUES (?, ?, ?, ?, ?)",
        (session, kind, was, to, database.now()),
    )


def touch(database: Database, session: int) -> None:
    """Make a session the one used last (inside a transaction)."""
    database.execute(
        "UPDATE session SET used = ?, use_order = (SELECT max(use_order) + 1 FROM session) WHERE id = ?",
        (database.now(), session),
    )


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
            raise BadUseError(have, hint="`/tree` shows the turns and their numbers.")
        for step, was in steps:
            shift(database, number, was, "redo")
            database.execute("UPDATE move SET redone = 1 WHERE id = ?", (step,))
        touch(database, number)
    return session.moved(steps[-1][1])


def heads(database: Database, session: Session) -> dict[TurnId, list[str]]:
    """Return the names of the other sessions that share this tree, by the turns they point at."""
    found: dict[TurnId, list[str]] = {}
    view = turns_of(session)
    rows = database.rows(
        "SELECT head, name FROM session WHERE tree = ? AND id != ? AND head IS NOT NULL ORDER BY name",
        (view.tree, view.session),
    )
    for head, name in rows:
        found.setdefault(head, []).append(name)
    return found
