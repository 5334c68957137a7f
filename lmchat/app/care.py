"""`sessions check`, `sessions backup`, and a backup as what is imported."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from lmchat.app.conversation import open_kept_store
from lmchat.app.files import place_for
from lmchat.app.invocation import Invocation
from lmchat.errors import BadUseError, StoreError
from lmchat.render.notes import counted
from lmchat.store import FILE_NAME
from lmchat.store.store import open_store


def check_sessions(invocation: Invocation, *, repair: bool) -> None:
    """Say on stdout what is wrong with the conversations, and mend it where wanted; raise StoreError for what is left.

    Before anything is mended, the file is copied beside itself.
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
        can = " (--repair mends this)" if finding.repairable else ""
        invocation.world.stdout.write(f"{finding.sentence}{can}\n")
    if findings:
        raise StoreError(
            f"The saved conversations are not whole: {counted(len(findings), 'finding')}.",
            hint="`lmchat sessions check --repair` mends what it can; `lmchat sessions import` reads a backup.",
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


def import_backup(invocation: Invocation, file: Path) -> None:
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
    invocation.say(f"{counted(len(names), 'session')} brought back: {', '.join(names)}." if names else "It has none.")
