"""The head of a session: where it is, and the log of its moves, from which undo can be redone."""

from lmchat.chat.session import TurnId
from lmchat.store.database import Database
from lmchat.store.growth import session_gone


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
