"""`sessions import`: conversations of other programs and lmchat's own exports and backups, and what is said of them.

They are in plain files, archives and directories, each with its pictures (`_opened`).
"""

import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from io import BytesIO
from itertools import islice
from pathlib import Path, PurePath, PurePosixPath
from zipfile import BadZipFile, ZipFile

from lmchat.advice import Action, Do, Say
from lmchat.app.attachments import said, stdin_bytes
from lmchat.app.files import is_database
from lmchat.app.invocation import STDIN, Invocation, open_kept_store
from lmchat.app.maintenance import restore_backup
from lmchat.chat.values import Image
from lmchat.dataclass import dataclass, field
from lmchat.errors import BadUseError, some_of
from lmchat.render.notes import counted
from lmchat.store import SIGNATURE
from lmchat.store.documents import FORMAT
from lmchat.store.imports.adoption import Format, format_of
from lmchat.store.imports.found import LARGEST_PICTURE, Found, LeftOut, Refused, Source
from lmchat.store.store import Store
from lmchat.world import LARGEST_INPUT, input_bytes

_MOST_NAMED = 10
_SAID_EVERY = 1000
READABLE = "What can be read: exports of lmchat, ChatGPT and Claude, llm's logs.db, LM Studio's conversations."
_ZIP = b"PK\x03\x04"
_LARGEST = 1 << 30
"""Bytes of one file in an archive: a malicious one may unpack to far more."""

_PARENTS_WITH_PICTURES = 4
_USER_FILES = "user-files"
"""Where LM Studio keeps pictures, next to the directory of its conversations."""

Attached = Callable[[str], bytes | None]


@dataclass(slots=True)
class _Report:
    """What came of an import, as it goes on."""

    added: list[str] = field(default_factory=list)
    changed: list[tuple[str, str]] = field(default_factory=list)
    known: int = 0
    refused: list[Refused] = field(default_factory=list)
    left_out: LeftOut = field(default_factory=LeftOut)
    restored: bool = False

    @property
    def empty(self) -> bool:
        """Tell whether nothing was imported, now or before."""
        return not (self.added or self.known or self.restored)


def import_sessions(invocation: Invocation, files: Sequence[Path], name: str | None) -> None:
    """Add the conversations of files, archives and directories, and say what came of them; `name` is for a single one.

    Raise BadUseError where nothing in them can be read.
    """
    report = _Report()
    for file in files:
        try:
            _import(invocation, file, name, report)
        except BadUseError as error:
            if len(files) == 1:
                raise
            report.refused.append(Refused("", error.message))
    _say(invocation, report)
    if report.refused and report.empty:
        raise BadUseError("Nothing was imported.", hint=READABLE)


def _import(invocation: Invocation, file: Path, name: str | None, report: _Report) -> None:
    if is_database(file) and format_of(Source(file.name, path=file)) is None:
        if name is not None:
            raise BadUseError("A backup has many sessions: --name cannot name them.")
        restore_backup(invocation, file)
        report.restored = True
        return
    recognized = 0
    with open_kept_store(invocation) as store:
        for each in _opened(invocation, file):
            if isinstance(each, Refused):
                report.refused.append(each)
            elif isinstance(each.value, dict) and each.value.get("format") == FORMAT:
                report.added.append(store.import_(each.value, name).name)
            elif found := format_of(each):
                _adopt(store, each, found, name, report, invocation.say)
            else:
                continue
            recognized += 1
    if not recognized:
        raise BadUseError(f"'{file}' has no conversation that lmchat can read.", hint=READABLE)


def _adopt(store: Store, source: Source, read_as: Format, name: str | None, report: _Report, say: Say) -> None:
    """Add the conversations of one file of another program; of a long one, say how far it is."""
    found = read_as.read(source, report.left_out)
    if name is not None:
        several = list(islice(found, 2))
        if len(several) > 1:
            raise BadUseError("It has several conversations: --name cannot name them.")
        found = iter(several)
    for number, each in enumerate(found, 1):
        if isinstance(each, Refused):
            report.refused.append(each)
        else:
            _keep(store, each, name, report)
        if number % _SAID_EVERY == 0:
            say(f"{number:,} conversations are read so far.")


def _keep(store: Store, found: Found, name: str | None, report: _Report) -> None:
    try:
        adopted = store.adopt(found, report.left_out, name)
    except (ValueError, OverflowError, RecursionError) as error:
        reason = str(error) if type(error) is ValueError else "it cannot be kept"
        report.refused.append(Refused(found.title or "a conversation without a title", reason))
        return
    if adopted is None:
        report.known += 1
        return
    report.added.append(adopted.name)
    if adopted.before:
        report.changed.append((adopted.name, adopted.before))


def _say(invocation: Invocation, report: _Report) -> None:
    """Say what was imported, what was known already, and what was left out and why."""
    if len(report.added) == 1:
        invocation.say((f"Session '{report.added[0]}' was imported: ", Do(Action.SWITCH_SESSION, report.added[0])))
    elif report.added:
        names = some_of(report.added, _MOST_NAMED)
        imported = f"{counted(len(report.added), 'session')} imported: {names}. "
        invocation.say((imported, Do(Action.LIST_SESSIONS), " lists them."))
    if report.known:
        was = "was" if report.known == 1 else "were"
        invocation.say(f"{counted(report.known, 'conversation')} {was} imported before, and left out.")
    for name, before in report.changed[:_MOST_NAMED]:
        invocation.say(f"'{before}' has changed there since it was imported; the new state is '{name}'.")
    for refused in report.refused[:_MOST_NAMED]:
        title = f"'{' '.join(refused.title.split())[:60]}' was left out: {refused.reason}."
        invocation.say(title if refused.title else refused.reason)
    if len(report.refused) > _MOST_NAMED:
        invocation.say(f"{len(report.refused) - _MOST_NAMED:,} more were left out.")
    if parts := report.left_out.total():
        kinds = some_of([f"{count:,} × {kind[:40]}" for kind, count in report.left_out.most_common()], _MOST_NAMED)
        was = "was" if parts == 1 else "were"
        invocation.say(f"{counted(parts, 'part')} of a kind that lmchat has no place for {was} left out: {kinds}.")


def _opened(invocation: Invocation, path: Path) -> Iterator[Source | Refused]:
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
