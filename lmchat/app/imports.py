"""`sessions import`: conversations of other programs and lmchat's own exports and backups, and what is said of them."""

import shutil
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from lmchat.advice import Action, Do, Say
from lmchat.app.files import is_database
from lmchat.app.import_files import opened
from lmchat.app.invocation import Invocation, open_kept_store
from lmchat.dataclass import dataclass, field
from lmchat.errors import BadUseError, some_of
from lmchat.render.notes import counted
from lmchat.store import FILE_NAME
from lmchat.store.documents import FORMAT
from lmchat.store.imports.adoption import Format, format_of
from lmchat.store.imports.found import Found, LeftOut, Refused, Source
from lmchat.store.store import Store, open_store

_MOST_NAMED = 10
_SAID_EVERY = 1000
READABLE = "What can be read: exports of lmchat, ChatGPT and Claude, llm's logs.db, LM Studio's conversations."


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
        _import_backup(invocation, file)
        report.restored = True
        return
    recognized = 0
    with open_kept_store(invocation) as store:
        for each in opened(invocation, file):
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


def _import_backup(invocation: Invocation, file: Path) -> None:
    """Add every session of a backup; a name that is taken is numbered. Raise StoreError where it cannot be read."""
    with TemporaryDirectory(prefix="lmchat-") as directory:
        try:
            shutil.copyfile(file, Path(directory) / FILE_NAME)
        except OSError as error:
            raise BadUseError(f"'{file}' cannot be read: {error.strerror}.") from None
        with (
            open_store(Path(directory), now=invocation.world.now) as source,
            open_kept_store(invocation) as store,
        ):
            names = [store.import_(source.export(source.find(name))).name for name in reversed(source.names())]
    invocation.say(
        f"{counted(len(names), 'session')} restored: {', '.join(names)}." if names else "The backup has no sessions."
    )
