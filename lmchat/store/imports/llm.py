"""The `logs.db` of `llm` (the command-line tool of that name): a database, which is only read.

In older versions (0.26) every prompt and its response is a row of `responses`; in newer ones (0.36) `messages` are a
tree, and a thread points into it. A database that was in use under both has conversations of both kinds.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from lmchat.chat.values import Image, Message, Reasoning, Stats
from lmchat.dataclass import dataclass, replace
from lmchat.store import SIGNATURE
from lmchat.store.imports.found import (
    LARGEST_PICTURE,
    Call,
    Found,
    LeftOut,
    Part,
    Refused,
    Result,
    Role,
    Said,
    Source,
    arguments_of,
    each,
    joined,
    list_of,
    members_of,
    moment_of,
    parsed,
    sender_of,
    text_of,
    whole_of,
)

_OLD, _NEW = {"conversations", "responses"}, {"threads", "turns", "messages", "parts"}

Row = dict[str, Any]


def recognize(source: Source) -> bool:
    """Tell whether a file is of this format."""
    if source.path is None:
        return False
    try:
        with source.path.open("rb") as file:
            if file.read(len(SIGNATURE)) != SIGNATURE:
                return False
        with closing(_opened(source.path)) as connection:
            tables = _tables(connection)
    except (OSError, sqlite3.Error):
        return False
    return tables >= _OLD or tables >= _NEW


def read(source: Source, left_out: LeftOut) -> Iterator[Found | Refused]:
    """Read every conversation; a damaged file ends with what could not be read."""
    if source.path is None:
        return
    try:
        with closing(_opened(source.path)) as connection:
            yield from _Log(connection, _tables(connection), source, left_out).conversations()
    except sqlite3.Error as error:
        yield Refused(source.name, f"the database cannot be read to its end ({error})")


def _opened(path: Path) -> sqlite3.Connection:
    """Open a database for reading only, whatever is wrong with its text."""
    name = quote(os.fsencode(path.absolute()))
    connection = sqlite3.connect(f"file:{name}?mode=ro", uri=True)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error:  # such as where nothing can be written beside it
        connection.close()
        connection = sqlite3.connect(f"file:{name}?immutable=1", uri=True)
    connection.execute("PRAGMA trusted_schema=OFF")
    connection.text_factory = lambda data: data.decode(errors="replace")
    return connection


def _tables(connection: sqlite3.Connection) -> set[str]:
    """Return the names of what is really a table: views and virtual tables may do anything."""
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'")
    return {name for name, sql in rows if isinstance(sql, str) and sql.upper().startswith("CREATE TABLE")}


@dataclass(frozen=True, slots=True)
class _Log:
    """An open database and what it has."""

    connection: sqlite3.Connection
    tables: set[str]
    source: Source
    left_out: LeftOut

    def conversations(self) -> Iterator[Found | Refused]:
        """Yield every conversation, those of threads first."""
        known = set()
        if self.tables >= _NEW:
            for thread in self._threads():
                known.add(thread["id"])
                yield from each([thread], self._thread, "name")
        if self.tables >= _OLD:
            for conversation in self._conversations():
                if conversation["id"] not in known:
                    yield from each([conversation], self._conversation, "name")

    def rows(self, table: str, where: str = "", *values: object) -> list[Row]:
        """Return rows of a table by their columns, which differ between versions; none where it is missing."""
        if table not in self.tables:
            return []
        cursor = self.connection.execute(f'SELECT * FROM "{table}" {where}', values)  # noqa: S608 - our own words
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def _threads(self) -> list[Row]:
        """Return the threads, and turns that belong to none as a thread each."""
        turns = self.rows("turns", "WHERE thread_id IS NULL ORDER BY rowid")
        lone = [turn | {"name": None, "turns": [turn]} for turn in turns]
        return [*self.rows("threads", "ORDER BY rowid"), *lone]

    def _thread(self, thread: Row) -> Found:
        key = text_of(thread["id"])
        turns = thread.get("turns") or self.rows("turns", "WHERE thread_id = ? ORDER BY rowid", key)
        said: dict[str, Said] = {}
        for turn in turns:
            for message in self._new_messages(turn, said):
                said[message.key] = message
        tip = text_of(thread.get("tip_message_hash")) or None
        times = [at for turn in turns if (at := moment_of(turn.get("datetime_utc")))]
        model = text_of(turns[-1].get("model")) if turns else ""
        # A conversation that began in an older version keeps its name there.
        named = self.rows("conversations", "WHERE id = ?", key) or [thread]
        return _found(key, named[0].get("name"), [*said.values()][::-1], tip, times, model)

    def _new_messages(self, turn: Row, known: dict[str, Said]) -> Iterator[Said]:
        """Yield the messages of a turn that no turn before it had, from the last to the first."""
        at, model = moment_of(turn.get("datetime_utc")), text_of(turn.get("model"))
        stats, seen = _stats(turn), set[str]()
        key = text_of(turn.get("tip_message_hash"))
        while key and key not in known and key not in seen:
            seen.add(key)
            (row, *_) = self.rows("messages", "WHERE hash = ?", key) or [{}]
            parent = text_of(row.get("parent_hash"))
            yield self._message(row, Said(key, parent or None, at=at, model=model, stats=stats))
            key, stats = parent, Stats()

    def _message(self, row: Row, said: Said) -> Said:
        parts = self.rows("parts", "WHERE message_hash = ? ORDER BY position", said.key)
        match text_of(row.get("role")):
            case "user":
                texts, images = list[str](), list[Image]()
                for part in parts:
                    match text_of(part.get("type")):
                        case "text":
                            texts.append(self._words(part))
                        case "attachment":
                            images += self._pictures([members_of(_json(part).get("attachment")).get("id")])
                        case kind:
                            self.left_out[kind or "part without a kind"] += 1
                return replace(said, role=Role.USER, text="\n\n".join(texts), images=tuple(images))
            case "system":
                return replace(said, role=Role.SYSTEM, text="\n\n".join(self._words(part) for part in parts))
            case "assistant" | "tool":
                return replace(said, role=Role.REPLY, parts=tuple(self._parts(parts)))
            case role:
                self.left_out[sender_of(role)] += 1
                return said

    def _parts(self, parts: list[Row]) -> Iterator[Part]:
        for part in parts:
            more = _json(part)
            key, tool = text_of(more.get("tool_call_id")), text_of(more.get("name"))
            match text_of(part.get("type")):
                case "text":
                    yield Message(self._words(part))
                case "reasoning":
                    if text := self._words(part):
                        yield Reasoning(text)
                case "tool_call":
                    yield Call(key, tool, arguments_of(more.get("arguments")))
                case "tool_result":
                    yield Result(key, tool, text_of(more.get("output")))
                case kind:
                    self.left_out[f"{kind} in a reply" if kind else "part without a kind"] += 1

    def _words(self, part: Row) -> str:
        """Return the text of a part; what it takes from fragments is stored apart from it."""
        if isinstance(part.get("text"), str):
            return text_of(part["text"])
        pieces = map(members_of, list_of(_json(part).get("text_ref")))
        return "".join(
            self._fragment(piece["fragment"]) if "fragment" in piece else text_of(piece.get("literal"))
            for piece in pieces
        )

    def _fragment(self, number: object) -> str:
        rows = self.rows("fragments", "WHERE id = ?", number if isinstance(number, int | str) else None)
        return text_of(rows[0].get("content")) if rows else ""

    def _conversations(self) -> list[Row]:
        """Return the conversations, and responses that belong to none as a conversation each."""
        responses = self.rows("responses", "WHERE conversation_id IS NULL ORDER BY rowid")
        lone = [response | {"name": None, "responses": [response]} for response in responses]
        return [*self.rows("conversations", "ORDER BY rowid"), *lone]

    def _conversation(self, conversation: Row) -> Found:
        key = text_of(conversation["id"])
        responses = conversation.get("responses") or self.rows(
            "responses", "WHERE conversation_id = ? ORDER BY datetime_utc, rowid", key
        )
        said: list[Said] = []
        for response in responses:
            said += self._exchange(response, said[-1].key if said else None)
        times = [at for response in responses if (at := moment_of(response.get("datetime_utc")))]
        head = said[-1].key if said else None
        model = text_of(conversation.get("model")) or (text_of(responses[0].get("model")) if responses else "")
        return _found(key, conversation.get("name"), said, head, times, model)

    def _exchange(self, response: Row, before: str | None) -> Iterator[Said]:
        """Yield the messages of one row: system prompt (of the first), prompt and reply."""
        key, at = text_of(response["id"]), moment_of(response.get("datetime_utc"))
        if before is None and (system := self._with_fragments(response, "system_fragments", "system")):
            before = f"{key} system"
            yield Said(before, None, Role.SYSTEM, system, at=at)
        results = self.rows("tool_results", "WHERE response_id = ? ORDER BY id", key)
        attached = self.rows("prompt_attachments", 'WHERE response_id = ? ORDER BY "order"', key)
        prompt = self._with_fragments(response, "prompt_fragments", "prompt")
        if prompt or attached or not results:
            images = tuple(self._pictures([row.get("attachment_id") for row in attached]))
            yield Said(f"{key} prompt", before, Role.USER, prompt, images, at=at)
            before = f"{key} prompt"
        parts: list[Part] = [
            Result(text_of(row.get("tool_call_id")), text_of(row.get("name")), text_of(row.get("output")))
            for row in results
        ]
        if thought := text_of(response.get("reasoning")):
            parts.append(Reasoning(thought))
        if answer := text_of(response.get("response")):
            parts.append(Message(answer))
        for row in self.rows("tool_calls", "WHERE response_id = ? ORDER BY id", key):
            arguments = arguments_of(parsed(row.get("arguments")))
            parts.append(Call(text_of(row.get("tool_call_id")), text_of(row.get("name")), arguments))
        model = text_of(response.get("model"))
        yield Said(key, before, Role.REPLY, parts=tuple(parts), at=at, model=model, stats=_stats(response))

    def _with_fragments(self, response: Row, table: str, column: str) -> str:
        """Return a text with the fragments that were given with it, which come before it."""
        rows = self.rows(table, 'WHERE response_id = ? ORDER BY "order"', response["id"])
        texts = [self._fragment(row.get("fragment_id")) for row in rows]
        return joined((*texts, text_of(response.get(column))), "\n")

    def _pictures(self, keys: list[object]) -> Iterator[Image]:
        for key in keys:
            rows = self.rows("attachments", "WHERE id = ?", key if isinstance(key, str) else None)
            data, name = _attached(rows[0]) if rows else (None, "")
            image = self.source.picture(name, data) if data is not None else None
            if image is not None:
                yield image
            else:
                self.left_out["attachment that is missing or not a picture"] += 1


def _found(key: str, name: object, said: list[Said], head: str | None, times: list[datetime], model: str) -> Found:
    return Found(
        key=key,
        title=text_of(name),
        said=tuple(said),
        head=head,
        at=min(times, default=None),
        used=max(times, default=None),
        model=model,
    )


def _attached(row: Row) -> tuple[bytes | None, str]:
    """Return what is attached, from the database or from where it was, and its name."""
    if isinstance(row.get("content"), bytes):
        return row["content"], "picture"
    path = Path(text_of(row.get("path")) or "/")
    try:
        if path.is_file() and path.stat().st_size <= LARGEST_PICTURE:
            return path.read_bytes(), path.name
    except (OSError, ValueError):
        pass
    return None, ""


def _stats(row: Row) -> Stats:
    return Stats(input_tokens=whole_of(row.get("input_tokens")), total_output_tokens=whole_of(row.get("output_tokens")))


def _json(part: Row) -> dict[str, Any]:
    return members_of(parsed(part.get("payload")))
