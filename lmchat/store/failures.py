"""What SQLite and the disk refuse, in plain words."""

import sqlite3
from pathlib import Path

from lmchat.advice import Action, Do
from lmchat.errors import StoreError

PATIENCE_SECONDS = 30.0
"""How long one program waits for another."""


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
