"""The store as the program sees it: one value whose methods each say what can be done with kept conversations."""

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from lmchat.chat.keeping import Keep
from lmchat.chat.models import Integration
from lmchat.chat.session import Session, TurnId
from lmchat.chat.values import Options
from lmchat.errors import StoreError
from lmchat.store import FILE_NAME, sessions, tree
from lmchat.store.database import Database
from lmchat.store.drafts import Keeper, Writer, end_abandoned_drafts, writers_directory
from lmchat.store.file import lacks_room
from lmchat.store.turns import turns_of

if TYPE_CHECKING:
    from lmchat.chat.keeping import Match, Summary, Trashed, TreeEntry
    from lmchat.store.imports.adoption import Adopted
    from lmchat.store.imports.found import Found, LeftOut
    from lmchat.store.schema import Finding

Deleted = TypeVar("Deleted")


def open_store(directory: Path, *, now: Callable[[], datetime]) -> "Store":
    """Open the conversations kept in a directory, which is created where it is missing.

    Raise StoreError, and overwrite nothing, where they cannot be read or written.
    """
    database = Database(directory, now)
    try:
        if database.read_only or not database.up_to_date():
            from lmchat.store.schema import prepare

            prepare(database)
        if not database.read_only:
            with suppress(StoreError):  # what is not removed now is removed later
                if database.row("SELECT 1 FROM session WHERE trashed IS NOT NULL LIMIT 1"):
                    tree.remove_expired(database)
    except BaseException:
        database.close()
        raise
    return Store(database)


def has_store(directory: Path) -> bool:
    """Tell whether a directory has conversations."""
    return (directory / FILE_NAME).exists()


class Store:
    """Kept conversations; every method raises StoreError where the disk or the file fails."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._writer = Writer(writers_directory(database))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; a turn that is still growing then counts as interrupted."""
        try:
            self._database.close()
        finally:
            self._writer.close()

    @property
    def unreadable(self) -> list[str]:
        """Return what lists left out because it cannot be read, in words."""
        return self._database.unreadable

    def sessions(self, limit: int | None = None) -> "tuple[Summary, ...]":
        """Return the sessions, the one used last first, or only the first `limit` of them."""
        from lmchat.store import listing

        return listing.listed(self._database, limit)

    def names(self) -> list[str]:
        """Return the names of all sessions, the one used last first."""
        return sessions.names(self._database)

    def count(self) -> int:
        """Count the sessions."""
        return sessions.count(self._database)

    def has(self, name: str) -> bool:
        """Tell whether there is a session of that name."""
        return sessions.exists(self._database, name)

    def last(self) -> str | None:
        """Return the name of the session used last."""
        return sessions.last(self._database)

    def find(self, name: str) -> Session:
        """Return a session; raise NotFoundError, with the nearest names, where there is none."""
        end_abandoned_drafts(self._database)
        return sessions.find(self._database, name)

    def create(
        self,
        name: str | None,
        prompt_text: str = "",
        *,
        model: str = "",
        system: str = "",
        options: Options = Options(),
        integrations: tuple[Integration, ...] = (),
    ) -> Session:
        """Add a session, named after the first words of its prompt where `name` is None.

        Raise BadUseError where the name is taken or cannot be one.
        """
        settings = Session("", {}, model=model, system=system, options=options, integrations=integrations)
        return sessions.create(self._database, name, prompt_text, settings)

    def rewrite_removed(self) -> bool:
        """Write the conversations again if their file was removed while it was open; tell whether that was so.

        Raise StoreError where another file took its place.
        """
        if not self._database.rewrite_removed():
            return False
        self._writer.close()
        return True

    def current(self, session: Session) -> Session:
        """Return a session as it is on disk now, with its settings; raise SessionGoneError where it was deleted."""
        end_abandoned_drafts(self._database)
        return sessions.current(self._database, session)

    def join(self, session: Session) -> Session:
        """Return the kept session of that name with these settings, which is added where there is none yet."""
        end_abandoned_drafts(self._database)
        return sessions.join(self._database, session)

    def configure(self, session: Session) -> None:
        """Keep the model, system prompt, options and integrations of the value; headers are never kept."""
        sessions.configure(self._database, session, turns_of(session).session)

    def rename(self, old: str, new: str) -> None:
        """Give a session another name; raise NotFoundError or BadUseError where that cannot be."""
        sessions.rename(self._database, old, new)

    def fork(self, session: Session, name: str, at: TurnId | None = None) -> Session:
        """Add a session that points at the same turn, or at `at`; raise BadUseError where the name is taken."""
        return tree.fork(self._database, session, name, at)

    def keeper(self, session: Session) -> Keep:
        """Return what keeps the next turns of a session (see `lmchat.chat.keeping.Keep`).

        The head moves to a turn that has ended only if it has not moved since this was called.
        """
        return Keeper(self._database, self._writer, turns_of(session))

    def trash(self, names: Sequence[str]) -> None:
        """Move sessions to the trash; raise NotFoundError, and move none, for any unknown."""
        self._delete(lambda: tree.trash(self._database, names))

    def restore(self, name: str) -> str:
        """Bring a session back from the trash and return its name; raise NotFoundError where it is not there."""
        return tree.restore(self._database, name)

    def in_trash(self) -> "tuple[Trashed, ...]":
        """Return the sessions in the trash, the one deleted last first."""
        from lmchat.store import listing

        return listing.in_trash(self._database)

    def empty_trash(self) -> int:
        """Remove all that is in the trash for good, and return how many sessions that were."""
        return self._delete(lambda: tree.empty_trash(self._database))

    def delete(self, names: Sequence[str]) -> None:
        """Remove sessions for good, also from the trash; raise NotFoundError, and remove none, for any unknown."""
        self._delete(lambda: tree.delete(self._database, names))

    def move(self, session: Session, to: TurnId | None) -> Session:
        """Move the head to any turn of the tree (None: before the first); raise NotFoundError where there is none."""
        return tree.move(self._database, session, to)

    def undo(self, session: Session, count: int = 1) -> Session:
        """Move the head `count` turns nearer to the root, or raise BadUseError."""
        return tree.undo(self._database, session, count)

    def redo(self, session: Session, count: int = 1) -> Session:
        """Take back the latest `count` undone steps; raise BadUseError where the head moved elsewhere since."""
        return tree.redo(self._database, session, count)

    def heads(self, session: Session) -> dict[TurnId, list[str]]:
        """Return the names of the other sessions that share this tree, by the turns they point at."""
        from lmchat.store import listing

        return listing.heads(self._database, session)

    def shape(self, session: Session) -> tuple[tuple[TurnId, TurnId | None], ...]:
        """Return number and parent of every turn the session reaches, by number: the cheapest view of a tree."""
        from lmchat.store import listing

        return listing.shape(self._database, session)

    def attempts(self, session: Session) -> frozenset[TurnId]:
        """Return the turns of the tree that ended before anything came."""
        from lmchat.store import listing

        return listing.attempts(self._database, session)

    def forget_unanswered(self, session: Session) -> bool:
        """Remove a session in which nothing was ever answered, and tell whether it was one."""
        return tree.forget_unanswered(self._database, session)

    def tree(self, session: Session, only: Collection[TurnId] | None = None) -> "tuple[TreeEntry, ...]":
        """Return what a drawing shows of every turn the session reaches, or of those of `only`, by number.

        `only` are numbers that `shape` has named.
        """
        from lmchat.store import listing

        return listing.tree(self._database, session, only)

    def check(self) -> "list[Finding]":
        """Return what is wrong with the file, which is only read."""
        from lmchat.store import schema

        return schema.check(self._database)

    def repair(self) -> None:
        """Repair what can be repaired without losing a word; all of it or nothing."""
        from lmchat.store import schema

        schema.repair(self._database)

    def backup(self, path: Path, *, replace: bool = False) -> None:
        """Copy the whole file, as it is at one moment, for its owner only; others may write meanwhile.

        Raise BadUseError where there is a file already (unless `replace`) or none can be written.
        """
        from lmchat.store import schema

        schema.backup(self._database, path, replace=replace)

    def search(self, text: str, *, session: str | None = None, limit: int = 50) -> "tuple[Match, ...]":
        """Find the turns that contain all words of `text`, newest first.

        Raise BadUseError where there are no words, NotFoundError where there is no such session.
        """
        from lmchat.store import listing

        return listing.search(self._database, text, session, limit)

    def export(self, session: Session, *, branches: bool = True) -> dict[str, Any]:
        """Return a session as one JSON document: with every turn it reaches, or those on the way to its head."""
        from lmchat.store import documents

        return documents.export(self._database, session, branches=branches)

    def import_(self, document: object, name: str | None = None) -> Session:
        """Add the session a document contains, under its own name (numbered where that is taken) or another.

        Raise BadUseError, and change nothing, for a document that is not understood or a name that cannot be used.
        """
        from lmchat.store import documents

        return documents.import_document(self._database, document, name)

    def adopt(self, found: "Found", left_out: "LeftOut", name: str | None = None) -> "Adopted | None":
        """Add a conversation of another program, or return None where it is here already, unchanged.

        It is named after its title where `name` is None. Raise ValueError, and change nothing, for one that cannot be
        kept, and BadUseError for a name that cannot be used.
        """
        from lmchat.store.imports.adoption import adopt

        return adopt(self._database, found, left_out, name)

    def _delete(self, delete: Callable[[], Deleted]) -> Deleted:
        """Delete something, also where the disk is full."""
        try:
            return delete()
        except StoreError as error:
            if not lacks_room(error):
                raise
            self._database.work_in_place()
            return delete()
