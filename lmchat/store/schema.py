"""The tables of the store: the steps that bring a file from one version to the next; checking, repair and a backup."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from lmchat.dataclass import dataclass
from lmchat.errors import BadUseError, StoreError
from lmchat.store.database import APPLICATION, Database
from lmchat.store.file import PATIENCE_SECONDS, damaged
from lmchat.store.sessions import exists, numbered, readable_session
from lmchat.store.turns import COLUMNS, make_all_findable, turn_value

STEPS: tuple[tuple[str, ...], ...] = (
    (
        # `next` only grows: the number of a turn that was deleted is never given again.
        "CREATE TABLE tree (id INTEGER PRIMARY KEY AUTOINCREMENT, next INTEGER NOT NULL DEFAULT 1)",
        """
        CREATE TABLE session (
            id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,
            tree INTEGER NOT NULL REFERENCES tree (id), head INTEGER,
            model TEXT NOT NULL, system TEXT NOT NULL, options TEXT NOT NULL, integrations TEXT NOT NULL,
            first_words TEXT NOT NULL DEFAULT '', created INTEGER NOT NULL, used INTEGER NOT NULL,
            use_order INTEGER NOT NULL, -- clocks go back; this does not
            FOREIGN KEY (tree, head) REFERENCES turn (tree, number)
        )
        """,
        "CREATE INDEX session_head ON session (tree, head)",
        "CREATE INDEX session_use ON session (use_order)",
        # `id` is the time in microseconds, or the next that is free: what reads backwards reads newest first.
        """
        CREATE TABLE turn (
            id INTEGER PRIMARY KEY, tree INTEGER NOT NULL REFERENCES tree (id), number INTEGER NOT NULL,
            parent INTEGER CHECK (parent < number), grown_by INTEGER NOT NULL REFERENCES session (id),
            depth INTEGER NOT NULL, at INTEGER NOT NULL, first_words TEXT NOT NULL, outcome TEXT NOT NULL,
            server TEXT NOT NULL, model TEXT NOT NULL, system TEXT NOT NULL, forgotten INTEGER NOT NULL,
            summary INTEGER NOT NULL, fault TEXT NOT NULL, response_id TEXT, model_instance_id TEXT NOT NULL,
            stats TEXT NOT NULL, images INTEGER NOT NULL, prompt TEXT NOT NULL, reply TEXT NOT NULL,
            items TEXT NOT NULL,
            UNIQUE (tree, number),
            FOREIGN KEY (tree, parent) REFERENCES turn (tree, number)
        )
        """,
        # All that a listing of the tree shows, so that the long rows themselves are not read.
        """
        CREATE INDEX turn_twig ON turn
            (tree, parent, number, grown_by, first_words, outcome, model, at, summary, server)
        """,
        "CREATE INDEX turn_grower ON turn (grown_by)",
        """
        CREATE TABLE draft (
            turn INTEGER PRIMARY KEY REFERENCES turn (id) ON DELETE CASCADE, writer TEXT NOT NULL,
            started_from INTEGER -- the head when it began
        )
        """,
        # What a program is still writing is hidden from all others.
        "CREATE VIEW settled AS SELECT * FROM turn WHERE id NOT IN (SELECT turn FROM draft)",
        "CREATE TABLE image (hash TEXT PRIMARY KEY, data BLOB NOT NULL)",
        """
        CREATE TABLE turn_image (
            turn INTEGER NOT NULL REFERENCES turn (id) ON DELETE CASCADE, place INTEGER NOT NULL,
            hash TEXT NOT NULL REFERENCES image (hash), name TEXT NOT NULL, media_type TEXT NOT NULL,
            width INTEGER NOT NULL, height INTEGER NOT NULL,
            PRIMARY KEY (turn, place)
        )
        """,
        "CREATE INDEX turn_image_hash ON turn_image (hash)",
        """
        CREATE TABLE move (
            id INTEGER PRIMARY KEY AUTOINCREMENT, session INTEGER NOT NULL REFERENCES session (id) ON DELETE CASCADE,
            kind TEXT NOT NULL, was INTEGER, became INTEGER, redone INTEGER NOT NULL DEFAULT 0, at INTEGER NOT NULL
        )
        """,
        "CREATE INDEX move_session ON move (session, id)",
        # The text itself stays in `turn`; trigrams find words in languages that do not separate them.
        "CREATE VIRTUAL TABLE trigrams USING fts5 (prompt, reply, content='', tokenize='trigram')",
        "CREATE VIRTUAL TABLE trigram_places USING fts5vocab (trigrams, instance)",
    ),
    (
        # The index has texts in one normal form since then: words are found however their accents were typed.
        """
        INSERT INTO trigrams (trigrams, rowid, prompt, reply)
            SELECT 'delete', id, prompt || '  ', reply || '  ' FROM settled
            WHERE nfc(prompt) <> prompt OR nfc(reply) <> reply
        """,
        """
        INSERT INTO trigrams (rowid, prompt, reply)
            SELECT id, nfc(prompt) || '  ', nfc(reply) || '  ' FROM settled
            WHERE nfc(prompt) <> prompt OR nfc(reply) <> reply
        """,
        # A turn that ended before anything came.
        "ALTER TABLE turn ADD COLUMN attempt INTEGER NOT NULL DEFAULT 0",
        "UPDATE turn SET attempt = 1 WHERE outcome != 'complete' AND items = '[]'",
        "DROP INDEX turn_twig",
        """
        CREATE INDEX turn_twig ON turn
            (tree, parent, number, grown_by, first_words, outcome, model, at, summary, server, attempt)
        """,
        "CREATE INDEX turn_attempt ON turn (tree, number) WHERE attempt",
        # When it was deleted; its name is free for others from then on, and is kept in `name_before`.
        "ALTER TABLE session ADD COLUMN trashed INTEGER",
        "ALTER TABLE session ADD COLUMN name_before TEXT",
    ),
    (
        # Of a conversation of another program: its identity there, and a fingerprint of what was imported.
        "ALTER TABLE session ADD COLUMN origin TEXT",
        "CREATE INDEX session_origin ON session (origin) WHERE origin IS NOT NULL",
    ),
    (
        # What a draft grows by: its row, which may be long, is not written again and again.
        """
        CREATE TABLE draft_piece (
            id INTEGER PRIMARY KEY, turn INTEGER NOT NULL REFERENCES draft (turn) ON DELETE CASCADE,
            place INTEGER NOT NULL, -- of the item in the reply
            item TEXT NOT NULL -- as in `turn.items`; its text goes on where the piece of this place before it ended
        )
        """,
        "CREATE INDEX draft_piece_turn ON draft_piece (turn, id)",
        "CREATE INDEX session_trashed ON session (trashed) WHERE trashed IS NOT NULL",
    ),
)


def prepare(database: Database) -> None:
    """Bring the file to this version; raise StoreError where it is newer, damaged or another program's."""
    if database.read_only and _log_is_needed(database):
        database.work_on_copy()
    version = _version(database)
    if version == len(STEPS):
        return
    if database.read_only and database.copy is None:
        database.work_on_copy()
    _use_log(database)
    with database.write(own_copy=database.copy is not None):
        for step in STEPS[_version(database) :]:
            for statement in step:
                database.execute(statement)
        database.execute(f"PRAGMA application_id={APPLICATION}")
        database.execute(f"PRAGMA user_version={len(STEPS)}")


def _log_is_needed(database: Database) -> bool:
    """Tell whether the log of a read-only file has what the file itself lacks, and cannot be read in place."""
    log, index = Path(f"{database.path}-wal"), Path(f"{database.path}-shm")
    return log.exists() and log.stat().st_size > 0 and not index.exists()


def _version(database: Database) -> int:
    """Return how many steps the file has been through."""
    version = database.number("PRAGMA user_version")
    if version > len(STEPS):
        raise StoreError(
            f"The conversations in {database.path} were written by a newer lmchat.", hint="Update lmchat to read them."
        )
    ours = database.number("PRAGMA application_id") == APPLICATION
    if version < 0 or (not ours and (version or database.number("SELECT count(*) FROM sqlite_master"))):
        raise damaged(database.path)
    return version


def _use_log(database: Database) -> None:
    """Write ahead, so that readers and a writer never wait for each other."""
    # SQLite does not wait by itself when several programs create the file at once.
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            database.execute("PRAGMA journal_mode=WAL")
        except StoreError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong, in a sentence, and whether `repair` can repair it."""

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
    for (fault,) in database.rows("PRAGMA integrity_check(20)"):
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
    """Repair what can be repaired without losing a word; all of it or nothing."""
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
        raise BadUseError(f"'{path}' cannot be written: it is not an ordinary file.", hint="Give another name.")
    if path.exists() and not replace:
        raise BadUseError(f"'{path}' exists already.", hint="Give another name, or --force to replace it.")
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with closing(sqlite3.connect(temporary)) as target:
            database.copy_to(target)
            # One file, without a separate log.
            target.execute("PRAGMA journal_mode=DELETE")
        temporary.replace(path)
    except (OSError, sqlite3.Error) as error:
        raise BadUseError(f"'{path}' cannot be written: {getattr(error, 'strerror', None) or error}.") from None
    finally:
        with suppress(OSError):
            temporary.unlink()


def _count(database: Database, what: str) -> int:
    return database.number(f"SELECT count(*) FROM {what}")  # noqa: S608 - constants of ours
