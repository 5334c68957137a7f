"""Stored responses: turns as a tree of rows, each pointing at the one it follows, and the messages in them.

One SQLite file for all servers that this person's lmchat runs. A message has the shape of `POST /v1/chat/completions`:
a role, and a text or parts of which some are pictures.
"""

import contextlib
import json
import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from lmchat.dataclass import dataclass

Message = dict[str, Any]


def message(role: str, text: str, pictures: Sequence[str] = ()) -> Message:
    """Return a message; pictures are data URLs."""
    if not pictures:
        return {"role": role, "content": text}
    parts: list[dict[str, Any]] = [{"type": "text", "text": text}] if text else []
    parts += [{"type": "image_url", "image_url": {"url": url}} for url in pictures]
    return {"role": role, "content": parts}


def text_of(given: Message) -> str:
    """Return the text of a message."""
    content = given["content"]
    return content if isinstance(content, str) else "\n\n".join(part["text"] for part in content if "text" in part)


def pictures_of(given: Message) -> list[str]:
    """Return the pictures of a message as data URLs."""
    content = given["content"]
    return [] if isinstance(content, str) else [part["image_url"]["url"] for part in content if "image_url" in part]


DAYS_KEPT = 30
_DAY = 86_400.0

_SCHEMA = (
    """
CREATE TABLE IF NOT EXISTS turn (
    number INTEGER PRIMARY KEY,
    response_id TEXT NOT NULL UNIQUE,
    parent INTEGER REFERENCES turn (number),
    system_prompt TEXT,
    input TEXT NOT NULL,
    output TEXT NOT NULL,
    first_shown INTEGER,
    at REAL NOT NULL,
    messages TEXT
)
""",
    "CREATE INDEX IF NOT EXISTS turn_parent ON turn (parent)",
    "CREATE INDEX IF NOT EXISTS turn_at ON turn (at)",
)

_CHAIN = """
WITH RECURSIVE chain (number, parent, system_prompt, input, messages, output, first_shown, depth) AS (
    SELECT number, parent, system_prompt, input, messages, output, first_shown, 0
    FROM turn WHERE response_id = ? AND at >= ?
    UNION ALL
    SELECT turn.number, turn.parent, turn.system_prompt, turn.input, turn.messages, turn.output, turn.first_shown,
        depth + 1
    FROM turn JOIN chain ON turn.number = chain.parent
)
SELECT number, system_prompt, input, messages, output, first_shown FROM chain ORDER BY depth DESC
"""

_VERSION = 2
"""Version 2 added `messages`: JSON where a turn's input is more than one text of the user."""

# A turn that a younger one still follows is needed, however old it is.
_FORGET = """
WITH RECURSIVE needed (number) AS (
    SELECT number FROM turn WHERE at >= ?
    UNION
    SELECT turn.parent FROM turn JOIN needed USING (number) WHERE turn.parent IS NOT NULL
)
DELETE FROM turn WHERE at < ? AND number NOT IN needed
"""


@dataclass(frozen=True, slots=True)
class StoredTurn:
    """One turn of a chain: its messages (usually one of the user) and the answer.

    `system_prompt` is None where its request had none.
    """

    number: int
    system_prompt: str | None
    messages: tuple[Message, ...]
    output: str


@dataclass(frozen=True, slots=True)
class Chain:
    """The turns a request follows, oldest first.

    `first_shown` is the number of the first turn that still fits the model's window (None: all do).
    """

    turns: tuple[StoredTurn, ...] = ()
    first_shown: int | None = None

    @property
    def shown(self) -> tuple[StoredTurn, ...]:
        """Return the turns that still fit."""
        first = self.first_shown
        return self.turns if first is None else tuple(turn for turn in self.turns if turn.number >= first)

    def first_of(self, shown: Sequence[StoredTurn]) -> int:
        """Return the number of the first turn that is shown; where none is, that of the turn to come."""
        return shown[0].number if shown else self.turns[-1].number + 1


def new_response_id() -> str:
    """Return an id in the form of LM Studio's (PROTOCOL.md section 2, State)."""
    return f"resp_{secrets.token_hex(24)}"


class History:
    """The stored turns in one file.

    Every call opens its own connection, so calls may come from any thread. All raise sqlite3.Error.
    """

    def __init__(self, path: Path, now: Callable[[], float] = time.time) -> None:
        self._path = path
        self._now = now
        self._forgot_at = float("-inf")

    def chain(self, response_id: str) -> Chain | None:
        """Return the turns from the root to that response, or None if it is not stored or older than 30 days."""
        with self._connected() as connection:
            rows = connection.execute(_CHAIN, (response_id, self._now() - DAYS_KEPT * _DAY)).fetchall()
        if not rows:
            return None
        turns = [
            StoredTurn(number, system_prompt, _messages(text, messages), output)
            for number, system_prompt, text, messages, output, _ in rows
        ]
        return Chain(tuple(turns), rows[-1][-1])

    def keep(
        self,
        response_id: str,
        chain: Chain,
        system_prompt: str | None,
        messages: Sequence[Message],
        output: str,
        first_shown: int | None = None,
    ) -> None:
        """Store a turn that follows the last one of `chain`."""
        parent = chain.turns[-1].number if chain.turns else None
        text = "\n\n".join(text_of(each) for each in messages if each["role"] == "user")
        plain = list(messages) == [message("user", text)]
        written = None if plain else json.dumps(messages, ensure_ascii=False)
        with self._connected() as connection:
            self._forget(connection)
            connection.execute(
                "INSERT INTO turn (response_id, parent, system_prompt, input, messages, output, first_shown, at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (response_id, parent, system_prompt, text, written, output, first_shown, self._now()),
            )

    def _forget(self, connection: sqlite3.Connection) -> None:
        """Delete what is older than 30 days, once a day."""
        now = self._now()
        if now - self._forgot_at < _DAY:
            return
        limit = now - DAYS_KEPT * _DAY
        connection.execute(_FORGET, (limit, limit))
        self._forgot_at = now

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """Open the file (a private one, made if there is none) for one transaction."""
        if not self._path.exists():
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        with contextlib.closing(sqlite3.connect(self._path, timeout=10)) as connection:
            connection.execute("PRAGMA foreign_keys = ON")
            if _version(connection) < _VERSION:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("BEGIN IMMEDIATE")
                # Read again: another program may just have done it.
                if _version(connection) == 1:
                    connection.execute("ALTER TABLE turn ADD COLUMN messages TEXT")
                for statement in _SCHEMA:
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {_VERSION}")
                connection.commit()
            with connection:
                yield connection


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _messages(text: str, written: str | None) -> tuple[Message, ...]:
    return (message("user", text),) if written is None else tuple(json.loads(written))
