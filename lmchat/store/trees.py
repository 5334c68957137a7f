"""What a session reaches in its tree, and how that looks from afar.

A session reaches the turns it grew, its head, and everything above them.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import NamedTuple

from lmchat.chat.session import Outcome, Session, TurnId
from lmchat.store.database import Database, Row, moment
from lmchat.store.turns import turns_of

_TWIGS = "SELECT number, parent, first_words, outcome, model, at, summary FROM settled WHERE tree = ?"


class Twig(NamedTuple):
    """Hold what a drawing of the tree shows of a turn: a tuple, since a drawing may need 100,000 of them."""

    id: TurnId
    parent: TurnId | None
    first_words: str
    outcome: Outcome
    model: str
    at: datetime
    summary: bool


def shape(database: Database, session: Session) -> tuple[tuple[TurnId, TurnId | None], ...]:
    """Return number and parent of every turn the session reaches, by number."""
    view = turns_of(session)
    wanted = reached(database, view.tree, view.session)
    rows = database.rows("SELECT number, parent FROM settled WHERE tree = ?", (view.tree,))
    return tuple(sorted(rows if wanted is None else [row for row in rows if row[0] in wanted], key=itemgetter(0)))


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
        Twig(number, parent, words, outcomes[outcome], model, moment(at), bool(summary))
        for number, parent, words, outcome, model, at, summary in sorted(
            database.rows(query, values), key=itemgetter(0)
        )
    )


def reached(database: Database, tree: int, session: int) -> set[TurnId] | None:
    """Return the numbers of the turns a session reaches; None means all, since no other session shares the tree."""
    heads = heads_in(database, tree)
    return None if len(heads) == 1 else set(reached_from({session: heads.get(session)}, places(database, tree)))


def reached_from(heads: Mapping[int, TurnId | None], turns: Sequence[Row]) -> dict[TurnId, int]:
    """Return every turn that these sessions reach, with the one that grew it or else one that reaches it."""
    reaching = {head: session for session, head in heads.items() if head is not None}
    for number, parent, grower in turns:
        if grower in heads:
            reaching[number] = grower
        if number in reaching and parent is not None:
            reaching.setdefault(parent, reaching[number])
    return reaching


def places(database: Database, tree: int) -> list[Row]:
    """Return number, parent and grower of every turn, the newest first, so that a parent comes after its children."""
    rows = database.rows("SELECT number, parent, grown_by FROM turn WHERE tree = ?", (tree,))
    return sorted(rows, key=itemgetter(0), reverse=True)


def heads_in(database: Database, tree: int) -> dict[int, TurnId | None]:
    """Return the sessions of a tree with their heads."""
    return dict(database.rows("SELECT id, head FROM session WHERE tree = ?", (tree,)))


def tree_of(database: Database, session: int) -> int | None:
    """Return the tree a session is a part of, or None where it is gone."""
    row = database.row("SELECT tree FROM session WHERE id = ?", (session,))
    return None if row is None else int(row[0])
