"""The search index over prompts and replies: every three characters in a row, whatever the language.

What is written here must be taken away with the very same text, so only these functions touch it.
"""

import json
from collections.abc import Sequence

from lmchat.store.database import Database

LENGTH = 3

# After each text, so that its last character too begins a trigram and can be found alone.
_TAIL = " " * (LENGTH - 1)


def make_findable(database: Database, row_id: int) -> None:
    """Index a turn that has ended (inside a transaction)."""
    database.execute(
        "INSERT INTO trigrams (rowid, prompt, reply)"
        " SELECT id, nfc(prompt) || ?, nfc(reply) || ? FROM turn WHERE id = ?",
        (_TAIL, _TAIL, row_id),
    )


def make_all_findable(database: Database) -> None:
    """Make the index again from all turns that have ended (inside a transaction)."""
    database.execute("INSERT INTO trigrams (trigrams) VALUES ('delete-all')")
    database.execute(
        "INSERT INTO trigrams (rowid, prompt, reply) SELECT id, nfc(prompt) || ?, nfc(reply) || ? FROM settled",
        (_TAIL, _TAIL),
    )


def make_unfindable(database: Database, tree: int, numbers: Sequence[int]) -> None:
    """Take turns that are about to be deleted out of the index (inside a transaction)."""
    database.execute(
        "INSERT INTO trigrams (trigrams, rowid, prompt, reply)"
        " SELECT 'delete', id, nfc(prompt) || ?, nfc(reply) || ? FROM settled"
        " WHERE tree = ? AND number IN (SELECT value FROM json_each(?))",
        (_TAIL, _TAIL, tree, json.dumps(numbers)),
    )


def matching(words: list[str]) -> str:
    """Write the query for all these words, of three characters or more, as plain text and never as syntax."""
    return " ".join('"' + word.replace('"', '""') + '"' for word in words)


def holding(database: Database, word: str) -> set[int]:
    """Return the rows of turns that contain a word too short to be a trigram: one that begins with it will do."""
    rows = database.rows(
        "SELECT DISTINCT doc FROM trigram_places WHERE term >= ? AND term < ?",
        (word.lower(), word.lower() + "\U0010ffff"),
    )
    return {row[0] for row in rows}
