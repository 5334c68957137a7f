"""Taking a conversation out of the store as a document, and bringing one in."""

from dataclasses import replace
from typing import Any

from lmchat.chat.session import Session
from lmchat.errors import BadUseError
from lmchat.store.database import Database
from lmchat.store.documents import document_json, document_value
from lmchat.store.growth import insert
from lmchat.store.heads import head_of
from lmchat.store.names import checked, numbered
from lmchat.store.rows import first_words
from lmchat.store.sessions import add, exists, free
from lmchat.store.trees import reached
from lmchat.store.trigrams import make_findable
from lmchat.store.turns import Turns, turns_of


def export(database: Database, session: Session) -> dict[str, Any]:
    """Return a session with every turn it reaches as a document of JSON."""
    view = turns_of(session)
    head = head_of(database, view.session)
    wanted = reached(database, view.tree, view.session)
    # From the newest, since that is the way the view reads ahead.
    numbers = [number for number in view if wanted is None or number in wanted]
    turns = [view[number] for number in reversed(numbers)]
    return document_json(replace(session, head=head), turns[::-1])


def import_document(database: Database, value: object, name: str | None) -> Session:
    """Add the session a document holds, under its own name (numbered where that is taken) or another.

    Raise BadUseError, and change nothing, for a document that is not understood or a name that cannot be used.
    """
    try:
        imported = document_value(value)
    except ValueError as error:
        raise BadUseError(f"This cannot be imported: {error}.", hint="Nothing was changed.") from None
    turns = tuple(imported.turns.values())
    with database.write():
        if name is None:
            chosen = numbered(checked(imported.name), lambda each: exists(database, each))
        else:
            chosen = free(database, name)
        row = database.row("INSERT INTO tree (next) VALUES (?) RETURNING id", (turns[-1].id + 1 if turns else 1,))
        tree = int(row[0]) if row else 0
        opening = first_words(turns[0].prompt.text) if turns else ""
        number = add(database, replace(imported, name=chosen, head=None), tree, opening)
        for turn in turns:
            make_findable(database, insert(database, tree, number, turn))
        database.execute("UPDATE session SET head = ? WHERE id = ?", (imported.head, number))
    return replace(imported, name=chosen, turns=Turns(database, tree, number))
