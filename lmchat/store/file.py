"""The file of the conversations: failures of SQLite and the disk in plain words, and a quick look at the names in it.

The quick look completes names while they are typed: it only reads, does not wait for other programs, and shows nothing
where nothing can be read.
"""

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lmchat.advice import Action, Do
from lmchat.errors import StoreError
from lmchat.store import FILE_NAME

if TYPE_CHECKING:
    from tempfile import TemporaryDirectory

PATIENCE_SECONDS = 30.0
"""How long one program waits for another."""

OLDEST_SQLITE = (3, 35, 0)
"""The first with `RETURNING`; the trigram index needs 3.34."""

_QUICK_LOOK_SECONDS = 0.1
_MOST_TURNS = 1000


def explain(error: sqlite3.Error, path: Path) -> StoreError:
    """Put a failure of SQLite in one sentence that names the file."""
    # The extended codes keep the plain one in their lowest byte.
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    match code:
        case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT:
            return damaged(path)
        case sqlite3.SQLITE_FULL:
            return StoreError(
                f"There is no room left to keep the conversation in {path}.", hint="Free some space on that disk."
            )
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return read_only(path)
        case sqlite3.SQLITE_IOERR:
            return StoreError(
                f"The disk does not let lmchat use the conversations in {path}: {error}.",
                hint="Check whether that disk is full or failing.",
            )
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StoreError(
                f"{path} has been locked by another program for {PATIENCE_SECONDS:.0f} seconds.",
                hint="Close that program, then try again.",
            )
        case sqlite3.SQLITE_CONSTRAINT:
            return StoreError(
                "A turn this follows was deleted by another program.",
                hint=(Do(Action.SHOW_TREE), " shows what is left."),
            )
        case _:
            return StoreError(f"The conversations in {path} cannot be used: {error}.")


def lacks_room(error: StoreError) -> bool:
    """Tell whether a failure may come of a full disk: SQLite also calls it an I/O error."""
    code = getattr(error.__cause__, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    return code in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}


def read_only(path: Path) -> StoreError:
    """Say that nothing can be written where a file is."""
    return StoreError(
        f"The conversations in {path} cannot be written: the file or its directory is read-only.",
        hint="Change its permissions, or choose another directory with LMCHAT_HOME.",
    )


def damaged(path: Path) -> StoreError:
    """Say that a file is not, or no longer, what lmchat wrote."""
    return StoreError(
        f"The conversations in {path} cannot be read: the file is damaged, or is not lmchat's.",
        hint="Move it away or restore a backup; lmchat never overwrites what it cannot read.",
    )


def too_old() -> StoreError:
    """Say that the SQLite of this Python is older than OLDEST_SQLITE."""
    return StoreError(
        f"This Python comes with SQLite {sqlite3.sqlite_version}, which cannot keep conversations.",
        hint=f"Use a Python with SQLite {'.'.join(map(str, OLDEST_SQLITE))} or newer.",
    )


def copied(path: Path) -> "TemporaryDirectory[str]":
    """Copy a database and its log to a directory that is removed at the end; raise StoreError where that fails."""
    import shutil
    from tempfile import TemporaryDirectory

    try:
        directory = TemporaryDirectory(prefix="lmchat-")
        for suffix in ("", "-wal"):
            with suppress(FileNotFoundError):
                shutil.copyfile(f"{path}{suffix}", Path(directory.name) / f"{path.name}{suffix}")
    except OSError as error:
        raise StoreError(f"{path} cannot be copied to be read: {error.strerror or error}.") from None
    return directory


def read_only_query(path: Path) -> str:
    """Return how SQLite is asked to read a file where it can write nothing next to it."""
    if Path(f"{path}-shm").exists():
        return "?mode=ro"
    return "?mode=ro&immutable=1"  # it needs no log then; `prepare` takes care of one that is there


def session_names(directory: Path) -> list[tuple[str, str]]:
    """Return name and first words of every session, the one used last first."""
    return _rows(directory, "SELECT name, first_words FROM session WHERE name NOT GLOB '-*' ORDER BY use_order DESC")


def turn_numbers(directory: Path, session: str) -> list[tuple[str, str]]:
    """Return number and first words of the newest turns in a session's tree, the newest first."""
    return _rows(
        directory,
        "SELECT number, turn.first_words FROM session CROSS JOIN turn USING (tree) WHERE name = ?"
        " ORDER BY number DESC LIMIT ?",
        session,
        _MOST_TURNS,
    )


def _rows(directory: Path, query: str, *values: str | int) -> list[tuple[str, str]]:
    address = f"{(directory / FILE_NAME).absolute().as_uri()}?mode=rw"
    try:
        if not (directory / FILE_NAME).is_file():  # a pipe would be waited for
            return []
        # A connection for reading only would leave the log of a write there; `query_only` prevents writing.
        with closing(sqlite3.connect(address, timeout=_QUICK_LOOK_SECONDS, uri=True)) as connection:
            connection.execute("PRAGMA query_only=ON")
            return [(str(first), str(second)) for first, second in connection.execute(query, values)]
    except (sqlite3.Error, OSError, ValueError):
        return []
