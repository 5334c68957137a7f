"""Conversations of other programs become sessions: each once, as old as it is, below what is in use here."""

from hashlib import sha256

from lmchat.dataclass import dataclass, replace
from lmchat.store.database import Database, microseconds
from lmchat.store.documents import add_whole
from lmchat.store.imports.found import Found, LeftOut
from lmchat.store.imports.trees import fingerprint, session_of
from lmchat.store.sessions import exists, free, numbered, slug

_BELOW = 1 << 60
"""Those used here are counted from 1 up; among those that were not yet, the order is that of their times."""


@dataclass(frozen=True, slots=True)
class Adopted:
    """A session that was added; `before` is what the same conversation was imported as when it said something else."""

    name: str
    before: str | None = None


def adopt(database: Database, found: Found, left_out: LeftOut, name: str | None) -> Adopted | None:
    """Add a conversation, or return None where a session has it already, as it is now."""
    identity = sha256(found.key.encode(errors="surrogatepass")).hexdigest()
    origin = f"{identity} {fingerprint(found)}"
    missing = LeftOut()
    session = session_of(found, database.clock(), missing)
    first, last = (session.turns[number].at for number in (min(session.turns), max(session.turns)))
    used = microseconds(max(found.used or last, last))
    with database.write(durable=False):
        rows = database.rows(
            "SELECT name, origin FROM session WHERE origin BETWEEN ? AND ? AND trashed IS NULL ORDER BY id DESC",
            (f"{identity} ", f"{identity} g"),
        )
        if any(row[1] == origin for row in rows):
            return None
        if name is None:
            title = found.title or next(turn.prompt.text for turn in session.turns.values())
            chosen = numbered(slug(title), lambda each: exists(database, each))
        else:
            chosen = free(database, name)
        added = add_whole(database, replace(session, name=chosen))
        database.execute(
            "UPDATE session SET origin = ?, created = ?, used = ?, use_order = ? WHERE id = ?",
            (origin, microseconds(found.at or first), used, used - _BELOW, added.id),
        )
    left_out.update(missing)
    return Adopted(chosen, rows[0][0] if rows else None)
