"""Keeping a turn while it grows, and settling what a program that died left behind.

A draft is signed with its writer. Nobody else touches it, or counts it as a turn, while that program runs.
"""

from dataclasses import replace
from pathlib import Path

from lmchat.chat.session import Turn, TurnId
from lmchat.chat.talk import UNNUMBERED, Kept
from lmchat.store.database import Database
from lmchat.store.growth import insert, next_number, update
from lmchat.store.heads import head_of, shift, touch
from lmchat.store.rows import first_words
from lmchat.store.trigrams import make_findable
from lmchat.store.turns import Turns
from lmchat.store.writers import Writer, alive


class Keeper:
    """Keep the turns that grow in one session (see `lmchat.chat.talk.Keep`).

    The head moves to a turn that has ended only if it is still where it was when this keeper was made.
    """

    def __init__(self, database: Database, writer: Writer, turns: Turns) -> None:
        self._database = database
        self._writer = writer
        self._turns = turns
        self._started_from = head_of(database, turns.session)

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
        with database.write():
            head_of(database, session)  # the session may be gone, its tree still there
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
                update(self._database, draft[0], turn)

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


def settle_left_behind(database: Database) -> None:
    """End the drafts of programs that died: what had come of them is kept, as interrupted turns."""
    signed = database.rows("SELECT DISTINCT writer FROM draft")
    dead = [writer for (writer,) in signed if not alive(writers_directory(database), writer)]
    if not dead:
        return
    with database.write():
        for writer in dead:
            drafts = database.rows(
                "SELECT turn, grown_by, number, started_from FROM draft JOIN turn ON turn.id = draft.turn"
                " WHERE writer = ? ORDER BY turn",
                (writer,),
            )
            for row_id, session, number, started_from in drafts:
                _settle(database, row_id, session, number, started_from)


def writers_directory(database: Database) -> Path:
    """Return where the programs that write to a store hold their locks."""
    return database.directory / "writers"


def _settle(database: Database, row_id: int, session: int, number: TurnId, started_from: TurnId | None) -> bool:
    """Make a draft a turn, and the head if that has not moved since; tell whether it is the head now."""
    make_findable(database, row_id)
    database.execute("DELETE FROM draft WHERE turn = ?", (row_id,))
    if head_of(database, session) != started_from:
        return False
    shift(database, session, number, "turn")
    return True
