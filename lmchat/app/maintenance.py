"""Look after the saved sessions: check them, back them up and take a backup in, delete and restore."""

import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from lmchat.advice import Action, Do
from lmchat.app.files import place_for
from lmchat.app.invocation import Invocation, open_kept_store
from lmchat.errors import BadUseError, NotFoundError, StoreError, nearest, some_of
from lmchat.render.notes import age_words, counted
from lmchat.render.text import sanitize_line
from lmchat.store import FILE_NAME
from lmchat.store.store import Store, open_store

_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_SHOWN = 20


def delete_sessions(
    invocation: Invocation, names: Sequence[str], *, older_than: str | None, purge: bool, yes: bool
) -> None:
    """Move sessions to the trash, or (`purge`) remove them for good; on a terminal only after a yes, unless `yes`.

    Names may be patterns; `older_than` leaves only sessions not used for that long. Without either, `purge` empties
    the trash. Raise BadUseError or NotFoundError, and delete nothing, where these name nothing.
    """
    if not names and older_than is None and not purge:
        raise BadUseError("No session is named.", hint=(Do(Action.LIST_SESSIONS), " lists them."))
    age = None if older_than is None else _age(older_than)
    with open_kept_store(invocation) as store:
        if not names and age is None:
            _empty_trash(invocation, store, yes=yes)
            return
        trashed = {each.name for each in store.in_trash()} if purge else set[str]()
        chosen = _expanded(store, names, trashed) if names else list(store.names())
        if age is not None:
            chosen = _unused(store, chosen, invocation.world.now() - age)
            if not chosen:
                invocation.say(f"No session is that old (--older-than {older_than}).")
                return
        question = (
            f"Delete {counted(len(chosen), 'session')} for good?"
            if purge
            else f"Move {counted(len(chosen), 'session')} to the trash?"
        )
        if not yes and not _confirmed(invocation, chosen, question):
            invocation.say("Nothing was deleted.")
            return
        if purge:
            store.delete(chosen)
        else:
            store.trash(chosen)
    invocation.say((f"Deleted: {some_of(chosen, _SHOWN)}", *([] if purge else _way_back(chosen)), "."))


def restore_session(invocation: Invocation, name: str | None) -> None:
    """Bring a session back from the trash, or, without a name, list what is in it on stdout."""
    with open_kept_store(invocation) as store:
        if name is not None:
            restored = store.restore(name)
            invocation.say((f"Session '{restored}' is back: ", Do(Action.SWITCH_SESSION, restored)))
            return
        trashed = store.in_trash()
    if not trashed:
        invocation.say("The trash is empty.")
    now = invocation.world.now()
    for each in trashed:
        line = f"{each.name}  deleted {age_words(each.at, now)}  {each.first_words}"
        invocation.world.stdout.write(f"{sanitize_line(line)}\n")


def _way_back(names: Sequence[str]) -> Sequence[str | Do]:
    if len(names) == 1:
        return "; for 30 days, ", Do(Action.RESTORE_SESSION, names[0]), " brings it back"
    return "; for 30 days, ", Do(Action.RESTORE_SESSION), " brings one back"


def _age(text: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,5})([hdw])", text.strip().lower())
    if found is None:
        raise BadUseError(f"'{text}' is not a length of time.", hint="Like this: 90d, 12h or 6w.")
    return int(found[1]) * _UNITS[found[2]]


def _expanded(store: Store, names: Sequence[str], trashed: Iterable[str]) -> list[str]:
    """Return the sessions that names or patterns mean; raise NotFoundError for one that means none."""
    kept = store.names()
    chosen: dict[str, None] = {}
    for name in names:
        if store.has(name):
            chosen[store.find(name).name] = None
            continue
        fitting = [each for each in (*kept, *trashed) if fnmatchcase(each, name)]
        if not fitting:
            hint = nearest(name, kept) or (Do(Action.LIST_SESSIONS), " lists them.")
            raise NotFoundError(f"There is no session '{sanitize_line(name)}'.", hint=hint)
        chosen.update(dict.fromkeys(fitting))
    return list(chosen)


def _unused(store: Store, names: Iterable[str], since: datetime) -> list[str]:
    old = {each.name for each in store.sessions() if each.last_used < since}
    return [name for name in names if name in old]


def _empty_trash(invocation: Invocation, store: Store, *, yes: bool) -> None:
    trashed = [each.name for each in store.in_trash()]
    if not trashed:
        invocation.say("The trash is empty.")
        return
    question = f"Delete {counted(len(trashed), 'session')} in the trash for good?"
    if not yes and not _confirmed(invocation, trashed, question):
        invocation.say("Nothing was deleted.")
        return
    invocation.say(f"{counted(store.empty_trash(), 'session')} deleted for good.")


def _confirmed(invocation: Invocation, names: Sequence[str], question: str) -> bool:
    """Ask on a terminal, after a list of what would go; without one there is no question."""
    world, ask = invocation.world, invocation.asking
    if ask is None:
        return True
    for name in names[:_SHOWN]:
        world.stderr.write(f"  {sanitize_line(name)}\n")
    if len(names) > _SHOWN:
        world.stderr.write(f"  … and {len(names) - _SHOWN:,} more\n")
    return ask(question)


def check_sessions(invocation: Invocation, *, repair: bool) -> None:
    """Write what is wrong with the conversations to stdout, and repair it if wanted; raise StoreError for what is left.

    Before anything is repaired, the file is copied in the same directory.
    """
    with open_kept_store(invocation) as store:
        findings = store.check()
        if repair and any(finding.repairable for finding in findings):
            stamp = invocation.world.now().strftime("%Y%m%d-%H%M%S")
            copy = invocation.world.directories.data / f"conversations-before-repair-{stamp}.db"
            store.backup(copy)
            invocation.say(f"What was there before the repair is in {copy}.")
            store.repair()
            findings = store.check()
        sessions = counted(len(store.names()), "session")
    for finding in findings:
        can = " (--repair repairs this)" if finding.repairable else ""
        invocation.world.stdout.write(f"{finding.sentence}{can}\n")
    if findings:
        raise StoreError(
            f"The saved conversations are damaged: {counted(len(findings), 'finding')}.",
            hint="`lmchat sessions check --repair` repairs what it can; `lmchat sessions import` reads a backup.",
        )
    invocation.world.stdout.write(f"{sessions}: nothing is wrong.\n")


def back_up_sessions(invocation: Invocation, file: Path, *, force: bool) -> None:
    """Copy all conversations to a file, while others write; see `place_for` for what it raises."""
    place = place_for(file, ask=invocation.asking, force=force, what="A backup")
    with open_kept_store(invocation) as store:
        if not place.stream:
            store.backup(place.path, replace=place.path.exists())
        else:
            with TemporaryDirectory(prefix="lmchat-") as directory, _added_to(place.path) as stream:
                store.backup(Path(directory) / FILE_NAME)
                stream.write((Path(directory) / FILE_NAME).read_bytes())
    invocation.say(f"All sessions are in {place.path}{place.instead}; `lmchat sessions import` reads them from there.")


@contextmanager
def _added_to(stream: Path) -> Iterator[BinaryIO]:
    try:
        with stream.open("ab") as opened:
            yield opened
    except OSError as error:
        raise BadUseError(f"'{stream}' cannot be written: {error.strerror}.") from None


def restore_backup(invocation: Invocation, file: Path) -> None:
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
