"""Which programs are still alive: each holds a lock on a file of its own while it writes drafts.

The system takes the lock away when a program ends, however it ends. It must not know what a draft is.
"""

import os
import sys
import uuid
from contextlib import suppress
from pathlib import Path

from lmchat.errors import StoreError

if sys.platform == "win32":
    import msvcrt

    def _lock(file: int, *, shared: bool) -> bool:
        del shared  # Windows has only the one kind
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True
else:
    import fcntl

    def _lock(file: int, *, shared: bool) -> bool:
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class Writer:
    """Stand for this program among those that write to a store."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._file: int | None = None
        self._name = ""

    def name(self) -> str:
        """Return the name drafts are signed with; from the first call until `close` its lock is held.

        Raise StoreError where the disk has no room for it, or no locks.
        """
        try:
            while self._file is None:
                self._lock_new_file()
        except OSError as error:
            raise StoreError(
                f"The conversations in {self._directory.parent} cannot be locked: {error.strerror or error}.",
                hint="Choose a directory on a local disk with LMCHAT_HOME.",
            ) from error
        return self._name

    def close(self) -> None:
        """Let go of the lock."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
            with suppress(OSError):
                (self._directory / self._name).unlink()

    def _lock_new_file(self) -> None:
        self._directory.mkdir(mode=0o700, exist_ok=True)
        _sweep(self._directory)
        self._name = uuid.uuid4().hex
        path = self._directory / self._name
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        # Another program may have swept the file away before the lock was on it.
        if _lock(file, shared=False) and path.exists():
            self._file = file
        else:
            os.close(file)


def alive(directory: Path, name: str) -> bool:
    """Tell whether the program that goes by `name` still runs, or may: in doubt it does."""
    try:
        file = os.open(directory / name, os.O_RDWR)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        # Shared, or two that look at the same time would each take the other for the writer.
        return not _lock(file, shared=True)
    except OSError:
        return True
    finally:
        os.close(file)


def _sweep(directory: Path) -> None:
    """Remove the files of programs that are gone."""
    for path in directory.iterdir():
        with suppress(OSError):
            file = os.open(path, os.O_RDWR)
            try:
                # Under the lock, so that a program that is about to lock its new file notices.
                if _lock(file, shared=True):
                    path.unlink()
            finally:
                os.close(file)
