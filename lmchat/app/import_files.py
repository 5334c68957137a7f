"""Files that conversations are imported from: plain ones, archives and directories, each with its pictures."""

import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from io import BytesIO
from pathlib import Path, PurePath, PurePosixPath
from zipfile import BadZipFile, ZipFile

from lmchat.advice import Say
from lmchat.app.attachments import said, stdin_bytes
from lmchat.app.invocation import STDIN, Invocation
from lmchat.chat.values import Image
from lmchat.errors import BadUseError
from lmchat.store import SIGNATURE
from lmchat.store.imports.found import LARGEST_PICTURE, Refused, Source
from lmchat.world import LARGEST_INPUT, input_bytes

_ZIP = b"PK\x03\x04"
_LARGEST = 1 << 30
"""Bytes of one file in an archive: a malicious one may unpack to far more."""

_PARENTS_WITH_PICTURES = 4
_USER_FILES = "user-files"
"""Where LM Studio keeps pictures, next to the directory of its conversations."""

Attached = Callable[[str], bytes | None]


def opened(invocation: Invocation, path: Path) -> Iterator[Source | Refused]:
    """Yield what a path leads to that may have conversations, and what is broken in a directory or an archive.

    Raise BadUseError where the path itself cannot be read.
    """
    if path == STDIN:
        yield from _read(stdin_bytes(invocation.world), path, lambda _: None, invocation.say)
        return
    try:
        if path.exists() and not (path.is_dir() or path.is_file()):  # a device may have no end
            yield from _read(input_bytes(path, LARGEST_INPUT), path, lambda _: None, invocation.say)
            return
        if path.is_dir():
            yield from _below(path, invocation.say)
        elif _begins(path).startswith(SIGNATURE):
            yield Source(path.name, path=path, picture=_picture)
        else:
            yield from _read(path.read_bytes(), path, _beside(path), invocation.say)
    except OSError as error:
        raise BadUseError(f"'{path}' cannot be read: {error.strerror or error}.") from None


def _read(data: bytes, path: Path, attached: Attached, say: Say) -> Iterator[Source | Refused]:
    """Read one file: an archive, or JSON."""
    if data.startswith(_ZIP):
        yield from _unpacked(data, path, say)
    else:
        yield Source(path.name, _json(data, f"'{path}'", say), attached=attached, picture=_picture)


def _json(data: bytes, name: str, say: Say) -> object:
    """Read JSON in whatever encoding it is; raise BadUseError where it is none."""
    from lmchat.decoding import decode

    try:
        return json.loads(said(decode(data, name), say))
    except (ValueError, RecursionError):
        raise BadUseError(f"{name} is not JSON, or not whole.") from None


def _begins(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(64)


def _below(directory: Path, say: Say) -> Iterator[Source | Refused]:
    """Read every file below a directory that begins as JSON, a database or an archive does."""
    for path in sorted(each for each in directory.rglob("*") if each.is_file()):
        try:
            begins = _begins(path)
            if begins.startswith(SIGNATURE):
                yield Source(path.name, path=path, picture=_picture)
            elif begins.startswith(_ZIP) or begins.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in {b"{", b"["}:
                yield from _read(input_bytes(path, _LARGEST), path, _beside(path), say)
        except OSError as error:
            yield Refused(path.name, f"it cannot be read ({error.strerror or error})")
        except BadUseError as error:
            yield Refused(path.name, error.message.rstrip("."))


def _beside(path: Path) -> Attached:
    """Return what finds a picture in the file's directory, or where LM Studio has those of its conversations."""

    @cache
    def places() -> dict[str, Path]:
        parents = path.absolute().parents[:_PARENTS_WITH_PICTURES]
        directories = [path.absolute().parent, *(parent / _USER_FILES for parent in parents)]
        found = (each for directory in directories if directory.is_dir() for each in directory.rglob("*"))
        return {each.name: each for each in found}

    def attached(name: str) -> bytes | None:
        try:
            place = places().get(_named(name, places()) or "")
            if place is None or not place.is_file() or place.stat().st_size > LARGEST_PICTURE:
                return None
            return place.read_bytes()
        except OSError:
            return None

    return attached


def _unpacked(data: bytes, path: Path, say: Say) -> Iterator[Source | Refused]:
    """Read the JSON in an archive."""
    try:
        archive = ZipFile(BytesIO(data))
    except BadZipFile:
        raise BadUseError(f"'{path}' is a broken archive.", hint="Download it again.") from None
    places = {PurePosixPath(name).name: name for name in archive.namelist()}

    def attached(name: str) -> bytes | None:
        place = places.get(_named(name, places) or "")
        try:
            return None if place is None else _member(archive, place, LARGEST_PICTURE)
        except ValueError:
            return None

    for name in archive.namelist():
        if PurePosixPath(name).suffix.lower() != ".json":
            continue
        try:
            value = _json(_member(archive, name, _LARGEST), f"'{name}'", say)
        except (BadUseError, ValueError) as error:
            yield Refused(name, str(error).rstrip("."))
        else:
            yield Source(PurePath(name).name, value, attached=attached, picture=_picture)


def _member(archive: ZipFile, name: str, most: int) -> bytes:
    """Return a file of an archive; raise ValueError, which says why, where it cannot be read."""
    try:
        with archive.open(name) as file:
            data = file.read(most + 1)
    except (BadZipFile, zlib.error, EOFError, OSError, NotImplementedError):
        raise ValueError("it is broken") from None
    except RuntimeError:
        raise ValueError("it is encrypted") from None
    if len(data) > most:
        raise ValueError("it is too large")
    return data


def _named(name: str, places: Iterable[str]) -> str | None:
    """Return the name of the file that is called that, or begins with that and goes on with another word."""
    if not name:
        return None
    if name in places:
        return name
    return next((each for each in places if each.startswith((f"{name}-", f"{name}."))), None)


def _picture(name: str, data: bytes) -> Image | None:
    """Make a picture fit to send, or return None for what is none."""
    from lmchat.pictures import prepared

    try:
        return prepared(PurePath(name).name or "picture", data)[0]
    except BadUseError:
        return None
