"""The tree of a session: where its head is, the log of its moves, and the turns it reaches.

A session reaches the turns it grew, its head, and everything above them.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from operator import itemgetter
from types import NoneType
from typing import TYPE_CHECKING

from lmchat.advice import Action, Do
from lmchat.chat.session import Outcome, Session, TurnId
from lmchat.errors import BadUseError
from lmchat.store.database import Database, Row, moment, typed
from lmchat.store.turns import placed, session_gone, turns_of

if TYPE_CHECKING:
    from lmchat.chat.listing import TreeEntry


def head_of(database: Database, session: int) -> TurnId | None:
    """Return the head as it is on disk now; raise StoreError where the session is gone."""
    row = database.row("SELECT head FROM session WHERE id = ?", (session,))
    if row is None:
        raise session_gone()
    (head,) = database.value(row, lambda each: typed(each, ((int, NoneType),)))
    return None if head is None else TurnId(head)


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
        "UPDATE session SET used = ?, use_order = (SELECT max(max(use_order), 0) + 1 FROM session) WHERE id = ?",
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
            raise BadUseError(have, hint=(Do(Action.SHOW_TREE, session.name), " shows the turns and their numbers."))
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
        "SELECT head, name FROM session WHERE tree = ? AND id != ? AND head IS NOT NULL AND trashed IS NULL"
        " ORDER BY name",
        (view.tree, view.session),
    )
    for head, name in rows:
        found.setdefault(head, []).append(name)
    return found


_SETTLED = "turn.id NOT IN (SELECT turn FROM draft)"
_TWIG = "turn.number, turn.parent, first_words, outcome, model, at, summary, attempt"


def shape(database: Database, session: Session) -> tuple[tuple[TurnId, TurnId | None], ...]:
    """Return number and parent of every turn the session reaches, by number."""
    view = turns_of(session)
    rows = database.rows(f"SELECT number, parent FROM turn WHERE tree = ? AND {_SETTLED}", (view.tree,))  # noqa: S608 - ours
    wanted = reached(database, view.tree, view.session, whole=False)
    sound = placed(database, rows, whole=False)
    found = sound if wanted is None else [row for row in sound if row[0] in wanted]
    if len(found) < len(rows):
        # What follows a turn that cannot be read is shown all the same.
        numbers = {number for number, _ in found}
        found = [(number, parent if parent in numbers else None) for number, parent in found]
    return tuple(sorted(found, key=itemgetter(0)))


def attempts(database: Database, session: Session) -> frozenset[TurnId]:
    """Return the turns of the tree that ended before anything came."""
    # The few that there are have an index of their own, which is not chosen by itself.
    query = f"SELECT number FROM turn INDEXED BY turn_attempt WHERE tree = ? AND attempt AND {_SETTLED}"  # noqa: S608 - ours
    return frozenset(map(TurnId, database.numbers(query, (turns_of(session).tree,))))


def tree(database: Database, session: Session, only: Collection[TurnId] | None) -> "tuple[TreeEntry, ...]":
    """Return every turn the session reaches, or those of `only`, which `shape` has named, by number."""
    view = turns_of(session)
    wanted = reached(database, view.tree, view.session, whole=False) if only is None else None
    if only is None:
        rows = database.rows(f"SELECT {_TWIG} FROM turn WHERE tree = ? AND {_SETTLED}", (view.tree,))  # noqa: S608 - ours
    else:
        rows = database.rows(
            f"SELECT {_TWIG} FROM json_each(?) CROSS JOIN turn ON tree = ? AND turn.number = value AND {_SETTLED}",  # noqa: S608
            (json.dumps(list(only)), view.tree),
        )
    sound = placed(database, rows, whole=False)
    found = sound if wanted is None else [row for row in sound if row[0] in wanted]
    return tuple(database.readable(sorted(found, key=itemgetter(0)), _entry, "turn"))


_OUTCOMES = {outcome.value: outcome for outcome in Outcome}
_TWIG_KINDS = (int, (int, NoneType), str, str, str, int, int, int)


def _entry(row: Row) -> "TreeEntry":
    from lmchat.chat.listing import TreeEntry

    number, parent, words, outcome, model, at, summary, attempt = typed(row, _TWIG_KINDS)
    ended = _OUTCOMES.get(outcome) or Outcome(outcome)  # looked up: it is ten times as fast
    return TreeEntry(number, parent, words, ended, model, moment(at), bool(summary), bool(attempt))


def reached(database: Database, tree: int, session: int, *, whole: bool = True) -> set[TurnId] | None:
    """Return the numbers of the turns a session reaches; None means all, since no other session shares the tree.

    Where a turn has no place in the tree, raise StoreError, or (not `whole`) go on without it.
    """
    heads = heads_in(database, tree)
    if len(heads) == 1:
        return None
    return set(reached_from({session: heads.get(session)}, places(database, tree, whole=whole)))


def reached_from(heads: Mapping[int, TurnId | None], turns: Sequence[Row]) -> dict[TurnId, int]:
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


def heads_in(database: Database, tree: int) -> dict[int, TurnId | None]:
    """Return the sessions of a tree with their heads."""
    rows = database.rows("SELECT id, head FROM session WHERE tree = ?", (tree,))
    return dict(database.value(row, lambda each: typed(each, (int, (int, NoneType)))) for row in rows)


def tree_of(database: Database, session: int) -> int | None:
    """Return the tree a session is a part of, or None where it is gone."""
    row = database.row("SELECT tree FROM session WHERE id = ?", (session,))
    return None if row is None else database.value(row, lambda each: int(typed(each, (int,))[0]))
