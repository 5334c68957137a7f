"""One SQLite file: opening it, short transactions, and its failures in plain words."""

import os
import sqlite3
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import RLock
from typing import Any

from lmchat.advice import Action, Do
from lmchat.errors import StoreError

FILE_NAME = "conversations.db"
PATIENCE_SECONDS = 30.0
_SIGNATURE, _SMALLEST = b"SQLite format 3\0", 512
_OLDEST_SQLITE = (3, 35, 0)
"""The first with `RETURNING`; the trigram index needs 3.34."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Row = tuple[Any, ...]


class Database:
    """The connection of one program; every method may be called from any of its threads."""

    def __init__(self, directory: Path, now: Callable[[], datetime]) -> None:
        self.directory = directory
        self.path = directory / FILE_NAME
        self._now = now
        self._lock = RLock()
        try:
            _make_private(directory, self.path)
        except OSError as error:
            raise StoreError(
                f"The conversations cannot be kept in {directory}: {error.strerror or error}.",
                hint="Choose another directory with LMCHAT_HOME.",
            ) from None
        self._open()

    def _open(self) -> None:
        if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
            raise StoreError(
                f"This Python comes with SQLite {sqlite3.sqlite_version}, which cannot keep conversations.",
                hint=f"Use a Python with SQLite {'.'.join(map(str, _OLDEST_SQLITE))} or newer.",
            )
        with self._explained():
            self._connection = sqlite3.connect(
                self.path, timeout=PATIENCE_SECONDS, isolation_level=None, check_same_thread=False
            )
        try:
            # Every value read is checked against the tables it belongs to; fullfsync is what macOS calls a real one.
            self._connection.create_function("nfc", 1, normal_form, deterministic=True)
            for setting in ("foreign_keys=ON", "fullfsync=ON", "cache_size=-16000"):
                self.execute(f"PRAGMA {setting}")
            self._file = self._identity()
        except BaseException:
            self._connection.close()
            raise

    def _identity(self) -> tuple[int, int] | None:
        """Return which file is under the path now, None where there is none."""
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"The conversations in {self.path} cannot be reached: {error.strerror}.") from None
        return status.st_dev, status.st_ino

    def rewrite_removed(self) -> bool:
        """Write the file again if another program removed it meanwhile, and tell whether that was so.

        All that was in it is still there for whoever has it open. Raise StoreError where another file took its place.
        """
        now = self._identity()
        if now == self._file:
            return False
        if now is not None:
            raise StoreError(
                f"Another program has replaced the conversations in {self.path} while they were open.",
                hint="What was said here is still in memory: write it to a file, then start lmchat again.",
            )
        with self._lock, self._explained():
            before = self._connection
            try:
                _make_private(self.directory, self.path)
            except OSError as error:
                raise StoreError(f"The conversations in {self.path} are gone: {error.strerror}.") from None
            self._open()
            before.backup(self._connection)
            before.close()
        return True

    def close(self) -> None:
        """Close the file; SQLite then folds its log into it."""
        with self._lock, self._explained():
            self._connection.close()

    def now(self) -> int:
        """Return the time, in microseconds since 1970."""
        return microseconds(self._now())

    def execute(self, statement: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        """Run one statement."""
        with self._lock, self._explained():
            return self._connection.execute(statement, values)

    def rows(self, query: str, values: Sequence[object] = ()) -> list[Row]:
        """Return every row of a query."""
        with self._lock, self._explained():
            return self._connection.execute(query, values).fetchall()

    def row(self, query: str, values: Sequence[object] = ()) -> Row | None:
        """Return the first row of a query, or None."""
        with self._lock, self._explained():
            first: Row | None = self._connection.execute(query, values).fetchone()
            return first

    def stream(self, query: str, values: Sequence[object] = ()) -> Iterator[Row]:
        """Return the rows of a query one by one, for a reader that may stop early."""
        with self._explained():
            yield from self._connection.execute(query, values)

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[None]:
        """Do what is inside as one transaction, at once or not at all; keep it short, others wait.

        A durable one survives a power cut; one that is not survives only the end of the program.
        """
        with self._lock, self._explained():
            self._connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.ProgrammingError:
            raise  # a fault of ours, not of the disk
        except sqlite3.Error as error:
            raise explain(error, self.path) from error


def normal_form(text: str) -> str:
    """Return the one form of a text that is compared, however its accents were typed (macOS takes them apart)."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def microseconds(at: datetime) -> int:
    """Return a time as the store keeps it: microseconds since 1970."""
    return (at - EPOCH) // timedelta(microseconds=1)


def moment(at: int) -> datetime:
    """Return a kept time as a value, in UTC."""
    return EPOCH + timedelta(microseconds=at)


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
            return StoreError(
                f"The conversations in {path} cannot be written: the file or its directory is read-only.",
                hint="Change its permissions, or choose another directory with LMCHAT_HOME.",
            )
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


def damaged(path: Path) -> StoreError:
    """Say that a file is not, or no longer, what lmchat wrote."""
    return StoreError(
        f"The conversations in {path} cannot be read: the file is damaged, or is not lmchat's.",
        hint="Move it away or restore a backup; lmchat never overwrites what it cannot read.",
    )


def _make_private(directory: Path, path: Path) -> None:
    """Create directory and file for their owner only; SQLite gives the files beside it the same permissions."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
        # SQLite would take a stump for a new file and write over it.
        with path.open("rb") as file:
            beginning = file.read(_SMALLEST)
        if beginning and (len(beginning) < _SMALLEST or not beginning.startswith(_SIGNATURE)):
            raise damaged(path) from None
