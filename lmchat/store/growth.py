"""Writing turns: one row each, which grows while it is a draft and is found by search once it has ended.

Every function runs inside a transaction of its caller.
"""

from lmchat.chat.characters import whole
from lmchat.chat.session import Turn, TurnId
from lmchat.errors import StoreError
from lmchat.store.database import Database, microseconds
from lmchat.store.images import attach
from lmchat.store.rows import first_words, items_json, written

_ONE_SECOND = 1_000_000


def next_number(database: Database, tree: int) -> TurnId:
    """Give the next number of a tree away."""
    row = database.row("UPDATE tree SET next = next + 1 WHERE id = ? RETURNING next - 1", (tree,))
    if row is None:
        raise session_gone()
    return TurnId(row[0])


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
        "prompt": whole(turn.prompt.text),
        **_changing(turn),
    }
    names, marks = ", ".join(values), ", ".join("?" * len(values))
    database.execute(f"INSERT INTO turn ({names}) VALUES ({marks})", tuple(values.values()))  # noqa: S608 - our names
    attach(database, row_id, turn.prompt.images)
    return row_id


def update(database: Database, row_id: int, turn: Turn) -> None:
    """Replace what a turn holds, but for its place in the tree and its prompt, which never change."""
    values = _changing(turn)
    settings = ", ".join(f"{name} = ?" for name in values)
    database.execute(f"UPDATE turn SET {settings} WHERE id = ?", (*values.values(), row_id))  # noqa: S608 - our names


def session_gone() -> StoreError:
    """Say that a session disappeared while somebody talked in it."""
    return StoreError(
        "This session was deleted by another program.", hint="`lmchat sessions` lists those that are left."
    )


def _changing(turn: Turn) -> dict[str, object]:
    """Return the columns of a turn that may change until it has ended (`forgotten` even later)."""
    reply = turn.reply
    return {
        "outcome": turn.outcome.value,
        "server": whole(turn.server),
        "model": whole(turn.model),
        "system": whole(turn.system),
        "forgotten": turn.forgotten,
        "summary": turn.summary,
        "fault": whole(turn.fault),
        "response_id": None if reply.response_id is None else whole(reply.response_id),
        "model_instance_id": whole(reply.model_instance_id),
        "stats": written(reply.stats.given()),
        "reply": whole(reply.text),
        "items": written(items_json(reply.items)),
    }


def _depth(database: Database, tree: int, parent: TurnId | None) -> int:
    """Count the turns from the root to a child of `parent`."""
    if parent is None:
        return 1
    row = database.row("SELECT depth FROM turn WHERE tree = ? AND number = ?", (tree, parent))
    if row is None:
        raise StoreError(f"Turn {parent}, which this one follows, was deleted by another program.")
    return int(row[0]) + 1


def _free_id(database: Database, at: int) -> int:
    """Return the first free id at that time or just after it, so that ids run as time does."""
    row = database.row("SELECT max(id) + 1 FROM turn WHERE id >= ? AND id < ?", (at, at + _ONE_SECOND))
    return at if row is None or row[0] is None else int(row[0])
