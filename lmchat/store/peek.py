"""A quick look at what there is, for completing a name while it is typed.

It only reads, does not wait for other programs, and loads nothing but SQLite. Where nothing can
be read, there is nothing to see.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from lmchat.store import FILE_NAME

_PATIENCE_SECONDS = 0.1
_MOST_TURNS = 1000


def session_names(directory: Path) -> list[tuple[str, str]]:
    """Return name and first words of every session, the one used last first."""
    return _rows(directory, "SELECT name, first_words FROM session WHERE name NOT GLOB '-*' ORDER BY use_order DESC")


def turn_numbers(directory: Path, session: str) -> list[tuple[str, str]]:
    """Return number and first words of the newest turns in a session's tree, the newest first."""
    return _rows(
        directory,
        "SELECT number, turn.first_words FROM session CROSS JOIN turn USING (tree) WHERE name = ?"
        " ORDER BY number DESC LIMIT ?",
        session,
        _MOST_TURNS,
    )


def _rows(directory: Path, query: str, *values: str | int) -> list[tuple[str, str]]:
    address = f"{(directory / FILE_NAME).absolute().as_uri()}?mode=rw"
    try:
        if not (directory / FILE_NAME).is_file():  # a pipe would be waited for
            return []
        # A mere reader would leave the log of a write behind; `query_only` keeps this one from writing.
        with closing(sqlite3.connect(address, timeout=_PATIENCE_SECONDS, uri=True)) as connection:
            connection.execute("PRAGMA query_only=ON")
            return [(str(first), str(second)) for first, second in connection.execute(query, values)]
    except (sqlite3.Error, OSError, ValueError):
        return []
