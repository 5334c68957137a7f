"""Looking after the file: what is wrong with it, what of that can be repaired, and a copy while others write."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from lmchat.dataclass import dataclass
from lmchat.errors import BadUseError, StoreError
from lmchat.store.database import Database
from lmchat.store.index import make_all_findable
from lmchat.store.sessions import exists, numbered, readable_session
from lmchat.store.turns import COLUMNS, turn_value

_MOST = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong, in a sentence, and whether `repair` mends it."""

    sentence: str
    repairable: bool


_UNUSED_IMAGES = "hash NOT IN (SELECT hash FROM turn_image)"
_NOWHERE = "head IS NOT NULL AND NOT EXISTS (SELECT 1 FROM turn WHERE turn.tree = session.tree AND number = head)"
_LOST = "id NOT IN (SELECT tree FROM session) AND id IN (SELECT tree FROM turn)"
_BROKEN_OFF = (
    "parent IS NOT NULL AND NOT EXISTS (SELECT 1 FROM turn AS above WHERE above.tree = turn.tree"
    " AND above.number = turn.parent)"
)


def check(database: Database) -> list[Finding]:
    """Return what is wrong with the file, which is only read."""
    return list(_findings(database))


def _findings(database: Database) -> Iterator[Finding]:
    for (fault,) in database.rows(f"PRAGMA integrity_check({_MOST})"):
        if fault != "ok":
            # An index is made of the rows, which are still there.
            yield Finding(f"The file itself: {fault}.", "index" in str(fault))
    if nowhere := _count(database, f"session WHERE {_NOWHERE}"):
        yield Finding(f"Sessions that point at a turn that is missing: {nowhere}.", repairable=True)
    if lost := _count(database, f"tree WHERE {_LOST}"):
        yield Finding(f"Conversations that no session has: {lost}.", repairable=True)
    if broken := _count(database, f"turn WHERE {_BROKEN_OFF}"):
        yield Finding(f"Turns that follow one that is missing: {broken}.", repairable=True)
    if unused := _count(database, f"image WHERE {_UNUSED_IMAGES}"):
        yield Finding(f"Pictures that no turn has: {unused}.", repairable=True)
    if pictures := _count(database, "turn_image WHERE hash NOT IN (SELECT hash FROM image)"):
        yield Finding(f"Pictures of turns that are missing: {pictures}.", repairable=False)
    if not _index_is_whole(database):
        yield Finding("The search index does not fit the turns.", repairable=True)
    yield from _unreadable(database)


def _index_is_whole(database: Database) -> bool:
    try:
        indexed = _count(database, "trigrams_docsize")
        if not database.read_only:
            database.execute("INSERT INTO trigrams (trigrams) VALUES ('integrity-check')")
    except StoreError:
        return False
    return indexed == _count(database, "settled")


def _unreadable(database: Database) -> Iterator[Finding]:
    for (number,) in database.rows("SELECT id FROM session"):
        try:
            readable_session(database, number)
        except StoreError:
            yield Finding(f"The session with the number {number} cannot be read.", repairable=False)
    for row in database.stream(f"SELECT {COLUMNS} FROM turn"):  # noqa: S608 - a constant of ours
        try:
            database.value(row, lambda each: turn_value(database, each))
        except StoreError:
            yield Finding(f"Turn {row[1]!r} (asked {row[3]!r}) cannot be read.", repairable=False)


def repair(database: Database) -> None:
    """Mend what can be mended without losing a word; all of it or nothing."""
    with database.write():
        database.execute("PRAGMA defer_foreign_keys=ON")
        newest = "SELECT max(number) FROM turn WHERE turn.tree = session.tree AND grown_by = session.id"
        database.execute(f"UPDATE session SET head = ({newest}) WHERE {_NOWHERE}")  # noqa: S608 - constants of ours
        database.execute(f"UPDATE turn SET parent = NULL WHERE {_BROKEN_OFF}")  # noqa: S608 - a constant of ours
        for (tree,) in database.rows(f"SELECT id FROM tree WHERE {_LOST}"):  # noqa: S608 - a constant of ours
            _give_a_session(database, tree)
        database.execute(f"DELETE FROM image WHERE {_UNUSED_IMAGES}")  # noqa: S608 - a constant of ours
        database.execute("REINDEX")
        make_all_findable(database)


def _give_a_session(database: Database, tree: int) -> None:
    now = database.now()
    database.execute(
        "INSERT INTO session (name, tree, head, model, system, options, integrations, first_words, created, used,"
        " use_order) SELECT ?, tree, number, model, system, '{}', '[]', first_words, at, ?,"
        " (SELECT max(coalesce(max(use_order), 0), 0) + 1 FROM session) FROM turn"
        " WHERE tree = ? ORDER BY number DESC LIMIT 1",
        (numbered("recovered", lambda name: exists(database, name)), now, tree),
    )
    database.execute("UPDATE turn SET grown_by = (SELECT id FROM session WHERE tree = ?) WHERE tree = ?", (tree, tree))


def backup(database: Database, path: Path, *, replace: bool) -> None:
    """Copy the whole file, as it is at one moment, to `path`, for its owner only; others may write meanwhile.

    Raise BadUseError where there is a file already (unless `replace`) or none can be written.
    """
    path = Path(os.path.realpath(path))  # a link that points at itself stays one
    if path.parent == database.path.resolve().parent and path.name.startswith(database.path.name):
        raise BadUseError(f"'{path}' cannot be written: the conversations are there.", hint="Give another name.")
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise BadUseError(f"'{path}' cannot be written: it is no ordinary file.", hint="Give another name.")
    if path.exists() and not replace:
        raise BadUseError(f"'{path}' exists already.", hint="Give another name, or --force to replace it.")
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        os.close(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with closing(sqlite3.connect(beside)) as target:
            database.copy_to(target)
            # One file, without a log beside it.
            target.execute("PRAGMA journal_mode=DELETE")
        beside.replace(path)
    except OSError as error:
        raise BadUseError(f"'{path}' cannot be written: {error.strerror or error}.") from None
    except sqlite3.Error as error:
        raise BadUseError(f"'{path}' cannot be written: {error}.") from None
    finally:
        with suppress(OSError):
            beside.unlink()


def _count(database: Database, what: str) -> int:
    return database.number(f"SELECT count(*) FROM {what}")  # noqa: S608 - constants of ours
