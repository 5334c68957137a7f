"""A lock between programs: a file that one of them has at a time."""

import contextlib
import errno
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path


@contextlib.contextmanager
def locked(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Let one program at a time inside.

    An exclusive SQLite transaction is a lock that every platform has and that ends with its process, however it dies.
    """
    try:
        lock = sqlite3.connect(path, timeout=0, isolation_level=None)
    except sqlite3.OperationalError as problem:
        raise OSError(errno.EACCES, str(problem)) from problem
    with contextlib.closing(lock):
        while not _taken(lock):
            waiting()
            time.sleep(0.2)
        yield


def _taken(lock: sqlite3.Connection) -> bool:
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as problem:
        if problem.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            return False
        raise OSError(errno.EIO, str(problem)) from problem
    return True
