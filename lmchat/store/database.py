"""One SQLite file: opening it, short transactions, and its failures in plain words."""

import os
import sqlite3
import stat
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeVar

from lmchat.errors import StoreError
from lmchat.store import FILE_NAME, SIGNATURE, file

if TYPE_CHECKING:
    from tempfile import TemporaryDirectory

APPLICATION = 0x6C6D6368
"""\"lmch\", so that another program's database is never taken for ours."""

VERSION = 4
"""How many of the steps in `schema` a file of this version has been through."""

_SMALLEST = 512
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_MICROSECOND = timedelta(microseconds=1)
FIRST, LAST = ((datetime(year, 1, 1, tzinfo=UTC) - EPOCH) // _MICROSECOND for year in (1900, 9000))
"""At the ends of the calendar, no time zone could show a time."""

_SENSELESS = (ValueError, TypeError, KeyError, OverflowError, RecursionError)
"""What a value that makes no sense raises where a value of the program is made of it."""

Row = tuple[Any, ...]
Value = TypeVar("Value")


class Database:
    """The connection of one program; every method may be called from any of its threads."""

    def __init__(self, directory: Path, now: Callable[[], datetime]) -> None:
        self.directory = directory
        self.path = directory / FILE_NAME
        self.clock = now
        self._lock = RLock()
        self.read_only = False
        self.unreadable: list[str] = []
        self._in_place = False
        self.copy: TemporaryDirectory[str] | None = None
        try:
            self.read_only = not _make_private(directory, self.path)
        except OSError as error:
            raise StoreError(
                f"The conversations cannot be kept in {directory}: {error.strerror or error}.",
                hint="Choose another directory with LMCHAT_HOME.",
            ) from None
        try:
            self._open()
        except StoreError as error:
            if self.read_only or not file.lacks_room(error):
                raise
            self.work_in_place()

    def work_in_place(self) -> None:
        """Continue without files next to this one, for which a full disk has no room; other programs are locked out.

        A power cut in the middle of a write would damage the file, so this is only for deleting.
        """
        self._connection.close()
        self._open(alone=True)
        self.execute("PRAGMA journal_mode=MEMORY")
        self._in_place = True

    def work_on_copy(self) -> None:
        """Continue with a temporary copy: what is on a read-only disk cannot be brought up to date there."""
        self._connection.close()
        self.copy = file.copied(self.path)
        self._connect((Path(self.copy.name) / FILE_NAME).as_uri())

    def rewrite_removed(self) -> bool:
        """Write the file again if another program removed it meanwhile, and tell whether that was so.

        A program that has it open can still read all of it. Raise StoreError where another file took its place.
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
        """Close the file; SQLite then writes its log into it."""
        if self._in_place:
            with suppress(StoreError):
                self.execute("PRAGMA journal_mode=WAL")
        with self._lock, self._explained():
            self._connection.close()
        if self.copy is not None:
            self.copy.cleanup()

    def number(self, query: str, values: Sequence[object] = ()) -> int:
        """Return the first number of a query, 0 where there is none; raise StoreError for what is not a number."""
        return next(iter(self.numbers(query, values)), 0)

    def numbers(self, query: str, values: Sequence[object] = ()) -> list[int]:
        """Return the first column of a query; raise StoreError for what is not a whole number."""
        found = [row[0] for row in self.rows(query, values)]
        if not all(type(each) is int for each in found):
            raise file.damaged(self.path)
        return found

    def up_to_date(self) -> bool:
        """Tell whether the file is one of this version, for which nothing has to be prepared."""
        return self.number("PRAGMA user_version") == VERSION and self.number("PRAGMA application_id") == APPLICATION

    def now(self) -> int:
        """Return the time, in microseconds since 1970."""
        return microseconds(self.clock())

    def execute(self, statement: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        """Run one statement."""
        with self._lock, self._explained():
            return self._connection.execute(statement, values)

    def rows(self, query: str, values: Sequence[object] = ()) -> list[Row]:
        """Return every row of a query."""
        return self.made(query, values, list)

    def made(self, query: str, values: Sequence[object], make: Callable[[Iterable[Row]], Value]) -> Value:
        """Return what `make` makes of the rows of a query, which are read one by one."""
        with self._lock, self._explained():
            return make(self._connection.execute(query, values))

    def row(self, query: str, values: Sequence[object] = ()) -> Row | None:
        """Return the first row of a query, or None."""
        with self._lock, self._explained():
            first: Row | None = self._connection.execute(query, values).fetchone()
            return first

    def stream(self, query: str, values: Sequence[object] = ()) -> Iterator[Row]:
        """Return the rows of a query one by one, for a reader that may stop early."""
        cursor = self.execute(query, values)
        while True:
            # Not two threads in one connection: SQLite calls back into Python, and each would wait for the other.
            with self._lock, self._explained():
                row = cursor.fetchone()
            if row is None:
                return
            yield row

    def readable(self, rows: Iterable[Row], make: Callable[[Row], Value], what: str) -> Iterator[Value]:
        """Make a value of each row; those of which none can be made are left out, and named in `unreadable`."""
        for row in rows:
            try:
                yield make(row)
            except _SENSELESS:
                self.unreadable.append(f"{what} {row[0]!r}")

    def value(self, row: Row, make: Callable[[Row], Value]) -> Value:
        """Make a value of a row; raise StoreError where what is in it makes none."""
        try:
            return make(row)
        except _SENSELESS as error:
            raise file.damaged(self.path) from error

    def copy_to(self, target: sqlite3.Connection) -> None:
        """Copy the whole file, as it is at one moment, to another; raise sqlite3.Error where that one fails."""
        with self._lock:
            self._connection.backup(target)

    @contextmanager
    def write(self, *, durable: bool = True, own_copy: bool = False) -> Iterator[None]:
        """Run the block as one transaction, all of it or nothing; keep it short, others wait.

        A durable one survives a power cut, any other only the end of the program; `own_copy` may write to a copy.
        """
        if self.read_only and not own_copy:
            raise file.read_only(self.path)
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

    def _open(self, *, alone: bool = False) -> None:
        how = file.read_only_query(self.path) if self.read_only else "?mode=rwc"
        self._connect(f"{self.path.absolute().as_uri()}{how}", alone=alone)

    def _connect(self, address: str, *, alone: bool = False) -> None:
        if sqlite3.sqlite_version_info < file.OLDEST_SQLITE:
            raise file.too_old()
        with self._explained():
            self._connection = sqlite3.connect(
                address, uri=True, timeout=file.PATIENCE_SECONDS, isolation_level=None, check_same_thread=False
            )
        try:
            # Every value read is checked against the tables it belongs to; fullfsync is what macOS calls a real one.
            self._connection.create_function("nfc", 1, normal_form, deterministic=True)
            if alone:
                self.execute("PRAGMA locking_mode=EXCLUSIVE")
            for setting in ("foreign_keys=ON", "fullfsync=ON", "cache_size=-2000"):
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

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.ProgrammingError:
            raise  # a fault of ours, not of the disk
        except sqlite3.Error as error:
            raise file.explain(error, self.path) from error
        except (UnicodeDecodeError, MemoryError) as error:  # of a length or a name that was changed
            raise file.damaged(self.path) from error


def typed(row: Row, kinds: Sequence[type | tuple[type, ...]]) -> Row:
    """Return a row whose columns are of these types; raise TypeError where one is not."""
    if len(row) == len(kinds) and all(map(isinstance, row, kinds)):
        return row
    raise TypeError(f"{row!r} is not of the types {kinds!r}")


def normal_form(text: str) -> str:
    """Return the one form of a text that is compared, however its accents were typed (macOS takes them apart)."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def microseconds(at: datetime) -> int:
    """Return a time as the store keeps it: microseconds since 1970."""
    return (at - EPOCH) // _MICROSECOND


def moment(at: int) -> datetime:
    """Return a kept time as a value, in UTC; raise ValueError where it is none."""
    if not FIRST <= at < LAST:
        raise ValueError(f"{at} is out of range")
    return EPOCH + timedelta(0, 0, at)


def _make_private(directory: Path, path: Path) -> bool:
    """Create directory and file for their owner only, and tell whether they can be written.

    SQLite gives the files next to it the same permissions. Raise OSError where the file cannot be made, StoreError
    where it is not a database.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError:
        # A read-only disk says so even of a file that exists.
        if not path.exists():
            raise
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        raise StoreError(f"{path} is not a file.", hint="Move it away, or choose another directory with LMCHAT_HOME.")
    writable = os.access(path, os.W_OK) and os.access(directory, os.W_OK)
    if writable and mode & 0o077:
        path.chmod(0o600)
    # SQLite would take a file that is cut short for a new one and write over it.
    with path.open("rb") as opened:
        beginning = opened.read(_SMALLEST)
    if beginning and (len(beginning) < _SMALLEST or not beginning.startswith(SIGNATURE)):
        raise file.damaged(path)
    return writable
