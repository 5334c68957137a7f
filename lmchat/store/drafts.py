"""Keeping a turn while its reply grows, and ending the drafts of programs that ended in the middle.

A draft is signed with its writer, which keeps a lock on a file of its own: the system removes the lock when the
program ends, however it ends. No other program changes a draft, or counts it as a turn, while its writer runs.
"""

import json
import os
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

from lmchat.chat.keeping import Kept
from lmchat.chat.session import UNNUMBERED, Turn, TurnId
from lmchat.chat.values import Item, Message, Reasoning, Reply
from lmchat.dataclass import replace
from lmchat.errors import StoreError
from lmchat.store.codec import first_words, items_json, items_value, written
from lmchat.store.database import Database, Row, typed
from lmchat.store.sessions import head_of, shift, touch
from lmchat.store.turns import Turns, insert, make_findable, next_number, session_gone, update
from lmchat.world import try_lock


class Writer:
    """This program among those that write to a store."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._file: int | None = None
        self._name = ""

    def name(self) -> str:
        """Return the name drafts are signed with; from the first call until `close` it is locked.

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
        """Release the lock."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
            with suppress(OSError):
                (self._directory / self._name).unlink()

    def _lock_new_file(self) -> None:
        self._directory.mkdir(mode=0o700, exist_ok=True)
        _remove_unused(self._directory)
        self._name = uuid.uuid4().hex
        path = self._directory / self._name
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        # Another program may have removed the file before it was locked.
        if try_lock(file) and path.exists():
            self._file = file
        else:
            os.close(file)


def is_running(directory: Path, name: object) -> bool:
    """Tell whether the program of this name still runs; in doubt it does, but nothing runs under what is not a name."""
    if not (isinstance(name, str) and name.isascii() and name.isalnum()):
        return False
    try:
        file = os.open(directory / name, os.O_RDWR)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        # Shared, or each of two that check at the same time would take the other for the writer.
        return not try_lock(file, shared=True)
    except OSError:
        return True
    finally:
        os.close(file)


def _remove_unused(directory: Path) -> None:
    """Remove the files of programs that have ended."""
    for path in directory.iterdir():
        with suppress(OSError):
            file = os.open(path, os.O_RDWR)
            try:
                # Under the lock, so that a program that is about to lock its new file notices it.
                if try_lock(file, shared=True):
                    path.unlink()
            finally:
                os.close(file)


class Keeper:
    """What keeps the new turns of one session (see `lmchat.chat.keeping.Keep`).

    The head moves to a turn that has ended only if it is still where it was when this keeper was made.
    """

    def __init__(self, database: Database, writer: Writer, turns: Turns) -> None:
        self._database = database
        self._writer = writer
        self._turns = turns
        self._started_from = head_of(database, turns.session)
        self._pieces = Pieces()

    def __call__(self, turn: Turn, *, done: bool) -> Kept:
        """Keep `turn`; raise StoreError where that fails."""
        number = turn.id
        if number == UNNUMBERED:
            number = self._begin(turn)
        elif not done:
            self._grow(turn)
        if done:
            self._end(number, turn)
        head = head_of(self._database, self._turns.session)
        return Kept(number, head, is_head=head == number)

    def _begin(self, turn: Turn) -> TurnId:
        database, session = self._database, self._turns.session
        writer = self._writer.name()
        self._pieces = Pieces()
        with database.write():
            # The session may have been deleted, its tree still there.
            if database.row("SELECT 1 FROM session WHERE id = ? AND trashed IS NULL", (session,)) is None:
                raise session_gone()
            number = next_number(database, self._turns.tree)
            row_id = insert(database, self._turns.tree, session, replace(turn, id=number))
            database.execute(
                "INSERT INTO draft (turn, writer, started_from) VALUES (?, ?, ?)",
                (row_id, writer, self._started_from),
            )
            database.execute(
                "UPDATE session SET first_words = ? WHERE id = ? AND first_words = ''",
                (first_words(turn.prompt.text), session),
            )
            touch(database, session)
        return number

    def _grow(self, turn: Turn) -> None:
        with self._database.write(durable=False):
            draft = self._draft(turn.id)
            if draft is not None:
                self._pieces.add(self._database, draft[0], turn.reply)

    def _end(self, number: TurnId, turn: Turn) -> None:
        database = self._database
        with database.write():
            draft = self._draft(number)
            if draft is None:
                database.execute(
                    "UPDATE turn SET forgotten = ? WHERE tree = ? AND number = ?",
                    (turn.forgotten, self._turns.tree, number),
                )
            else:
                row_id, started_from = draft
                update(database, row_id, turn)
                if _settle(database, row_id, self._turns.session, number, started_from):
                    self._started_from = number
        self._turns.forget(number)

    def _draft(self, number: TurnId) -> tuple[int, TurnId | None] | None:
        """Return the row of a draft and the head it started from, or None where the turn has ended."""
        row = self._database.row(
            "SELECT turn, started_from FROM draft JOIN turn ON turn.id = draft.turn WHERE tree = ? AND number = ?",
            (self._turns.tree, number),
        )
        return None if row is None else (row[0], row[1])


class Pieces:
    """What a draft grows by, piece by piece: a long reply is not written again and again."""

    def __init__(self) -> None:
        self._place = 0
        self._characters = 0

    def add(self, database: Database, row_id: int, reply: Reply) -> None:
        """Write what `reply` has more than the last time (inside a transaction)."""
        if not (self._place or self._characters):
            database.execute("UPDATE turn SET model_instance_id = ? WHERE id = ?", (reply.model_instance_id, row_id))
        for place, item in enumerate(reply.items[self._place :], self._place):
            begun = self._characters if place == self._place else 0
            self._place = place
            if isinstance(item, Message | Reasoning):
                self._characters = len(item.text)
                piece: Item = replace(item, text=item.text[begun:])
            elif begun:
                continue
            else:
                self._characters, piece = 1, item
            database.execute(
                "INSERT INTO draft_piece (turn, place, item) VALUES (?, ?, ?)",
                (row_id, place, written(items_json((piece,))[0])),
            )


def _put_together(database: Database, row_id: int) -> None:
    """Give a draft the items that its pieces make; those that cannot be read are left out."""
    rows = database.rows("SELECT turn, place, item FROM draft_piece WHERE turn = ? ORDER BY id", (row_id,))
    pieces: dict[int, list[dict[str, Any]]] = {}
    for place, item in database.readable(rows, _piece, "a piece of the turn"):
        pieces.setdefault(place, []).append(item)
    if not pieces:
        return
    items = [
        {**parts[-1], "text": "".join(part["text"] for part in parts)} if "text" in parts[-1] else parts[-1]
        for _, parts in sorted(pieces.items())
    ]
    reply = Reply(items_value(items, "the draft"))
    database.execute(
        "UPDATE turn SET reply = ?, items = ?, attempt = 0 WHERE id = ?", (reply.text, written(items), row_id)
    )


def _piece(row: Row) -> tuple[int, dict[str, Any]]:
    """Return the place and the item of a piece; raise ValueError or TypeError where it makes none."""
    _, place, text = typed(row, (int, int, str))
    item = json.loads(text)
    items_value([item], "a piece")
    return place, item


def end_abandoned_drafts(database: Database) -> None:
    """Make interrupted turns of the drafts of programs that ended in the middle, with what had come of them."""
    signed = database.rows("SELECT DISTINCT writer FROM draft")
    ended = [writer for (writer,) in signed if not is_running(writers_directory(database), writer)]
    if not ended or database.read_only:
        return
    with database.write():
        for writer in ended:
            drafts = database.rows(
                "SELECT turn, grown_by, number, started_from FROM draft JOIN turn ON turn.id = draft.turn"
                " WHERE writer IS ? ORDER BY turn",
                (writer,),
            )
            for row_id, session, number, started_from in drafts:
                _put_together(database, row_id)
                _settle(database, row_id, session, number, started_from)


def writers_directory(database: Database) -> Path:
    """Return the directory with the locks of the programs that write to a store."""
    return database.directory / "writers"


def _settle(database: Database, row_id: int, session: int, number: TurnId, started_from: TurnId | None) -> bool:
    """Make a draft a turn; it becomes the head if it is not empty and the head has not moved since."""
    make_findable(database, row_id)
    database.execute("DELETE FROM draft WHERE turn = ?", (row_id,))
    nothing_came = database.row("SELECT 1 FROM turn WHERE id = ? AND attempt", (row_id,)) is not None
    if nothing_came or head_of(database, session) != started_from:
        return False
    shift(database, session, number, "turn")
    return True
