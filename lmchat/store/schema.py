"""The tables of the store, as a list of steps: each brings a file from one version to the next."""

import time
from pathlib import Path

from lmchat.errors import StoreError
from lmchat.store.database import APPLICATION, Database
from lmchat.store.failures import PATIENCE_SECONDS, damaged

STEPS: tuple[tuple[str, ...], ...] = (
    (
        # `next` only grows: the number of a turn that was deleted is never given again.
        "CREATE TABLE tree (id INTEGER PRIMARY KEY AUTOINCREMENT, next INTEGER NOT NULL DEFAULT 1)",
        """
        CREATE TABLE session (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL UNIQUE,
            tree INTEGER NOT NULL REFERENCES tree (id),
            head INTEGER,
            model TEXT NOT NULL,
            system TEXT NOT NULL,
            options TEXT NOT NULL,
            integrations TEXT NOT NULL,
            first_words TEXT NOT NULL DEFAULT '',
            created INTEGER NOT NULL,
            used INTEGER NOT NULL,
            use_order INTEGER NOT NULL, -- clocks go back; this does not
            FOREIGN KEY (tree, head) REFERENCES turn (tree, number)
        )
        """,
        "CREATE INDEX session_head ON session (tree, head)",
        "CREATE INDEX session_use ON session (use_order)",
        # `id` is the time in microseconds, moved on where it was taken: what reads backwards reads newest first.
        """
        CREATE TABLE turn (
            id INTEGER PRIMARY KEY,
            tree INTEGER NOT NULL REFERENCES tree (id),
            number INTEGER NOT NULL,
            parent INTEGER CHECK (parent < number),
            grown_by INTEGER NOT NULL REFERENCES session (id),
            depth INTEGER NOT NULL,
            at INTEGER NOT NULL,
            first_words TEXT NOT NULL,
            outcome TEXT NOT NULL,
            server TEXT NOT NULL,
            model TEXT NOT NULL,
            system TEXT NOT NULL,
            forgotten INTEGER NOT NULL,
            summary INTEGER NOT NULL,
            fault TEXT NOT NULL,
            response_id TEXT,
            model_instance_id TEXT NOT NULL,
            stats TEXT NOT NULL,
            images INTEGER NOT NULL,
            prompt TEXT NOT NULL,
            reply TEXT NOT NULL,
            items TEXT NOT NULL,
            UNIQUE (tree, number),
            FOREIGN KEY (tree, parent) REFERENCES turn (tree, number)
        )
        """,
        # All that a drawing of the tree shows: it never touches the long rows themselves.
        """
        CREATE INDEX turn_twig ON turn
            (tree, parent, number, grown_by, first_words, outcome, model, at, summary, server)
        """,
        "CREATE INDEX turn_grower ON turn (grown_by)",
        """
        CREATE TABLE draft (
            turn INTEGER PRIMARY KEY REFERENCES turn (id) ON DELETE CASCADE,
            writer TEXT NOT NULL,
            started_from INTEGER -- the head when it began
        )
        """,
        # What a program is still writing is hidden from all others.
        "CREATE VIEW settled AS SELECT * FROM turn WHERE id NOT IN (SELECT turn FROM draft)",
        "CREATE TABLE image (hash TEXT PRIMARY KEY, data BLOB NOT NULL)",
        """
        CREATE TABLE turn_image (
            turn INTEGER NOT NULL REFERENCES turn (id) ON DELETE CASCADE,
            place INTEGER NOT NULL,
            hash TEXT NOT NULL REFERENCES image (hash),
            name TEXT NOT NULL,
            media_type TEXT NOT NULL,
            width INTEGER NOT NULL,
            height INTEGER NOT NULL,
            PRIMARY KEY (turn, place)
        )
        """,
        "CREATE INDEX turn_image_hash ON turn_image (hash)",
        """
        CREATE TABLE move (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            session INTEGER NOT NULL REFERENCES session (id) ON DELETE CASCADE,
            kind TEXT NOT NULL,
            was INTEGER,
            became INTEGER,
            redone INTEGER NOT NULL DEFAULT 0,
            at INTEGER NOT NULL
        )
        """,
        "CREATE INDEX move_session ON move (session, id)",
        # The text itself stays in `turn`; trigrams find words in languages that write none apart.
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
        # Of a conversation of another program: which it was there, and what it said when it was imported.
        "ALTER TABLE session ADD COLUMN origin TEXT",
        "CREATE INDEX session_origin ON session (origin) WHERE origin IS NOT NULL",
    ),
    (
        # What a draft has grown by since: its row, which may be long, is not written again and again.
        """
        CREATE TABLE draft_piece (
            id INTEGER PRIMARY KEY,
            turn INTEGER NOT NULL REFERENCES draft (turn) ON DELETE CASCADE,
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
    if database.read_only and not database.copied:
        database.work_on_copy()
    _use_log(database)
    with database.write(own_copy=database.copied):
        for step in STEPS[_version(database) :]:
            for statement in step:
                database.execute(statement)
        database.execute(f"PRAGMA application_id={APPLICATION}")
        database.execute(f"PRAGMA user_version={len(STEPS)}")


def _log_is_needed(database: Database) -> bool:
    """Tell whether the log of a read-only file holds what the file itself does not, and cannot be read in place."""
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
