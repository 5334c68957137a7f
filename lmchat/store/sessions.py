"""The sessions of a store: naming, making, finding, configuring and renaming them; those in the trash do not count."""

import json
import unicodedata
from collections.abc import Callable
from types import NoneType

from lmchat.advice import Action, Do
from lmchat.chat.session import Session, TurnId, spells
from lmchat.chat.values import join_surrogates
from lmchat.dataclass import replace
from lmchat.errors import BadUseError, NotFoundError, nearest
from lmchat.store.codec import integrations_json, integrations_value, options_value, written
from lmchat.store.database import Database, Row, normal_form, typed
from lmchat.store.turns import Turns, session_gone

LONGEST_NAME, LONGEST_SLUG = 100, 40
UNNAMED = "chat"

_FORBIDDEN_CATEGORIES = {"Cc", "Cs", "Zl", "Zp"}


def names(database: Database) -> list[str]:
    """Return the names of all sessions, the one used last first."""
    return [
        str(row[0]) for row in database.rows("SELECT name FROM session WHERE trashed IS NULL ORDER BY use_order DESC")
    ]


def count(database: Database) -> int:
    """Count the sessions."""
    # Both counts read an index only; the rows themselves are long.
    row = database.row(
        "SELECT (SELECT count(*) FROM session) - (SELECT count(*) FROM session WHERE trashed IS NOT NULL)"
    )
    return int(row[0]) if row else 0


def exists(database: Database, name: str) -> bool:
    """Tell whether there is a session of that name."""
    return database.row("SELECT 1 FROM session WHERE name = ? AND trashed IS NULL", (same(name),)) is not None


def last(database: Database) -> str | None:
    """Return the name of the session used last."""
    row = database.row("SELECT name FROM session WHERE trashed IS NULL ORDER BY use_order DESC LIMIT 1")
    return None if row is None else str(row[0])


def find(database: Database, name: str) -> Session:
    """Return the session of that name; raise NotFoundError, with the nearest names, where there is none."""
    return readable_session(database, number_of(database, name))


def readable_session(database: Database, number: int) -> Session:
    """Return the session of that number; raise StoreError where it is missing or cannot be read."""
    row = database.row(
        "SELECT id, name, tree, head, model, system, options, integrations FROM session WHERE id = ?", (number,)
    )
    if row is None:
        raise session_gone()
    return database.value(row, lambda each: _session(database, each))


def current(database: Database, session: Session) -> Session:
    """Return a session as it is on disk now, whatever its name is there; raise SessionGoneError where it is deleted."""
    row = database.row("SELECT name, tree, head FROM session WHERE id = ? AND trashed IS NULL", (session.id,))
    if row is None:
        raise session_gone()
    name, tree, head = database.value(row, lambda each: typed(each, (str, int, (int, NoneType))))
    return replace(session, name=name, head=head, turns=Turns(database, tree, session.id))


def join(database: Database, settings: Session) -> Session:
    """Return the session of that name with these settings; it is added where there is none yet."""
    with database.write():
        if not exists(database, settings.name):
            return _created(database, checked(settings.name), settings)
    found = find(database, settings.name)
    joined = replace(settings, id=found.id, name=found.name, head=found.head, turns=found.turns)
    configure(database, joined, found.id)
    return joined


def create(database: Database, name: str | None, prompt_text: str, settings: Session) -> Session:
    """Add a session with the settings of `settings`, named after a prompt where `name` is None."""
    with database.write():
        if name is None:
            chosen = numbered(slug(prompt_text), lambda each: exists(database, each))
        else:
            chosen = free(database, name)
        return _created(database, chosen, settings)


def _created(database: Database, name: str, settings: Session) -> Session:
    tree = database.number("INSERT INTO tree DEFAULT VALUES RETURNING id")
    created = replace(settings, name=name, head=None)
    number = add(database, created, tree)
    return replace(created, id=number, turns=Turns(database, tree, number))


def free(database: Database, name: str) -> str:
    """Return a name as it is kept, or raise BadUseError where it is taken or cannot be one."""
    name = checked(name)
    if exists(database, name):
        raise BadUseError(f"There is a session '{name}' already.", hint="Choose another name.")
    return name


def add(database: Database, session: Session, tree: int, first_words: str = "") -> int:
    """Add the row of a session to a tree and return its number (inside a transaction)."""
    now = database.now()
    return database.number(
        "INSERT INTO session (name, tree, head, model, system, options, integrations, first_words, created, used,"
        " use_order) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
        " (SELECT max(coalesce(max(use_order), 0), 0) + 1 FROM session)) RETURNING id",
        (session.name, tree, session.head, *_settings(session), first_words, now, now),
    )


def configure(database: Database, session: Session, number: int) -> None:
    """Keep the settings of a session; raise StoreError where it is missing."""
    with database.write():
        changed = database.execute(
            "UPDATE session SET model = ?, system = ?, options = ?, integrations = ? WHERE id = ? AND trashed IS NULL",
            (*_settings(session), number),
        )
        if not changed.rowcount:
            raise session_gone()
        touch(database, number)


def rename(database: Database, old: str, new: str) -> None:
    """Give a session another name; raise NotFoundError or BadUseError where that cannot be."""
    with database.write():
        number = number_of(database, old)
        if checked(new) != same(old):
            database.execute("UPDATE session SET name = ? WHERE id = ?", (free(database, new), number))


def number_of(database: Database, name: str) -> int:
    """Return the store's own number of a session; raise NotFoundError, with the nearest names, where there is none."""
    row = database.row("SELECT id FROM session WHERE name = ? AND trashed IS NULL", (same(name),))
    if row is None:
        raise NotFoundError(
            f"There is no session '{join_surrogates(name)}'.",
            hint=nearest(same(name), names(database)) or (Do(Action.LIST_SESSIONS), " lists them."),
        )
    return database.value(row, lambda each: int(typed(each, (int,))[0]))


def _settings(session: Session) -> tuple[str, str, str, str]:
    """Return the settings of a session as they are kept."""
    return (
        join_surrogates(session.model),
        join_surrogates(session.system),
        written(session.options.given()),
        written(integrations_json(session.integrations)),
    )


def _session(database: Database, row: Row) -> Session:
    kinds = (int, str, int, (int, NoneType), str, str, str, str)
    number, name, tree, head, model, system, options, integrations = typed(row, kinds)
    return Session(
        id=number,
        name=name,
        turns=Turns(database, tree, number),
        head=head,
        model=model,
        system=system,
        options=options_value(json.loads(options), "the options"),
        integrations=integrations_value(json.loads(integrations)),
    )


def same(name: str) -> str:
    """Return the one form of a name that is kept and compared, however it was typed."""
    return normal_form(join_surrogates(name))


def checked(name: str) -> str:
    """Return a name as it is kept, or raise BadUseError where it cannot be one."""
    fault = _fault(normal_form(name))
    if fault:
        raise BadUseError(
            f"A session name {fault}.", hint="Choose a short name of letters, digits, spaces and hyphens."
        )
    return same(name)


def _fault(name: str) -> str:
    if not name:
        return "cannot be empty"
    if len(name) > LONGEST_NAME:
        return f"can have at most {LONGEST_NAME} characters"
    if any(unicodedata.category(character) in _FORBIDDEN_CATEGORIES for character in name):
        return "cannot contain control characters"
    if name != name.strip():
        return "cannot begin or end with a space"
    return f"cannot begin with '{name[0]}'" if name[0] in "-/" else ""


def slug(text: str) -> str:
    """Make a name of the first words of a text: letters of any script, joined with hyphens."""
    words: list[str] = []
    for word in _words(same(text[:1000]).lower()):
        longer = "-".join([*words, word])
        if len(longer) > LONGEST_SLUG and words:
            break
        words.append(word)
    return same("-".join(words)[:LONGEST_SLUG]) or UNNAMED


def _words(text: str) -> list[str]:
    text = text.replace("'", "").replace("’", "")
    return "".join(character if spells(character) else " " for character in text).split()


def numbered(name: str, taken: Callable[[str], bool]) -> str:
    """Return the name, or the first free one with -2, -3 and so on after it."""
    candidate, number = name, 1
    while taken(candidate):
        number += 1
        candidate = f"{name}-{number}"
    return candidate


def head_of(database: Database, session: int) -> TurnId | None:
    """Return the head as it is on disk now; raise StoreError where the session is missing."""
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


def heads_in(database: Database, tree: int) -> dict[int, TurnId | None]:
    """Return the sessions of a tree with their heads."""
    rows = database.rows("SELECT id, head FROM session WHERE tree = ?", (tree,))
    return dict(database.value(row, lambda each: typed(each, (int, (int, NoneType)))) for row in rows)


def tree_of(database: Database, session: int) -> int | None:
    """Return the tree a session is a part of, or None where it is missing."""
    row = database.row("SELECT tree FROM session WHERE id = ?", (session,))
    return None if row is None else database.value(row, lambda each: int(typed(each, (int,))[0]))
