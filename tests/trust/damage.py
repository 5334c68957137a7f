"""A store with one flipped bit anywhere or a senseless value in any column, and every command that works on it."""

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from lmchat.chat.values import Image
from lmchat.store import FILE_NAME
from tests.support.conversation import asked, drafted, opened
from tests.trust.forking import Ended, Lmchat
from tests.trust.section import Section

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("sessions",),
    ("sessions", "list", "--json"),
    ("sessions", "show", "one"),
    ("sessions", "show", "one", "--json"),
    ("sessions", "show", "two", "--raw"),
    ("sessions", "show", "one", "--at", "2"),
    ("sessions", "compare", "one", "1", "2"),
    ("sessions", "tree", "one"),
    ("sessions", "tree", "two", "--json"),
    ("sessions", "search", "First"),
    ("sessions", "search", "空"),
    ("sessions", "export", "one"),
    ("sessions", "export", "one", "--json"),
    ("sessions", "check"),
    ("__complete", "sessions", "show", ""),
    ("ask", "--at", "2", "-s", "one", "-m", "m", "again"),
    ("ask", "-c", "-m", "m", "again"),
    ("sessions", "fork", "one", "four"),
    ("sessions", "rename", "one", "five"),
    ("sessions", "delete", "one"),
    ("sessions", "delete", "three", "--purge"),
    ("sessions", "restore"),
    ("sessions", "restore", "gone"),
    ("sessions", "check", "--repair"),
    ("sessions", "backup", "copy.db", "--force"),
)
"""Each is run on the damaged file as it is; what they change is for the next damage made good again."""

VALUES: tuple[str, ...] = (
    "NULL", "''", "'x'", "x''", "x'ff00'", "CAST(x'ff41' AS TEXT)", "'a' || char(0) || 'b'", "-1", "0", "1",
    "99", "3.5", "-9223372036854775808", "9223372036854775807", "1e308", "-1e308", "9e999", "'['", "'null'",
    "'[[]]'", "'{}'", "'[1]'", "'{\"kind\":[]}'", "'[{\"kind\":\"message\"}]'",
    "replace(hex(zeroblob(60000)), '00', '[')", "char(0xD800)", "'9' || hex(zeroblob(3000))",
    "'[' || replace(hex(zeroblob(3000)), '00', '9') || ']'",
)  # fmt: skip
"""What no column should have, as SQL."""


def small_store(directory: Path) -> Path:
    """Write a store with branches, a fork, a picture, a tool call, an undone step, a draft and a trashed session."""
    directory.mkdir(parents=True, exist_ok=True)
    with opened(directory) as store:
        session = asked(store, store.create("one"), "First", "青い空", Image("dog.png", "image/png", b"dog"))
        session = asked(store, session, "Second", "Two words.")
        asked(store, store.undo(session), "Third")
        store.fork(session, "two")
        asked(store, store.create("three"), "Elsewhere")
        asked(store, store.create("gone"), "Deleted")
        store.trash(["gone"])
        drafted(store, store.find("three"), "Unfinished", "Half a")
    return directory / FILE_NAME


def columns(path: Path) -> list[tuple[str, str]]:
    """Return every column of every ordinary table."""
    with closing(sqlite3.connect(path)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return [
            (table, row[1])
            for table in tables
            if not table.startswith(("sqlite_", "trigram"))
            for row in database.execute(f"PRAGMA table_info({table})")
        ]


def senseless(content: bytes, path: Path, table: str, column: str, value: str) -> bool:
    """Write the store with a value in the first row of a column, or in all; tell whether SQLite took it."""
    restored(content, path)
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        for setting in ("foreign_keys=OFF", "ignore_check_constraints=ON", "writable_schema=ON"):
            database.execute(f"PRAGMA {setting}")
        database.create_function("nfc", 1, lambda text: text)
        database.execute("UPDATE sqlite_master SET sql = replace(sql, ' NOT NULL', '') WHERE type = 'table'")
        database.execute("PRAGMA writable_schema=RESET")
        try:
            for where in ("", f" WHERE rowid = (SELECT min(rowid) FROM {table})"):  # noqa: S608 - names of ours
                with suppress(sqlite3.IntegrityError):
                    database.execute(f"UPDATE {table} SET {column} = {value}{where}")  # noqa: S608 - as above
                    return True
        except sqlite3.Error:
            return False
    return False


def flipped(content: bytes, path: Path, place: int, bit: int) -> None:
    """Write the store with one bit turned over."""
    restored(content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :], path)


def restored(content: bytes, path: Path) -> None:
    """Write the store as it was, with nothing beside it."""
    for suffix in ("-wal", "-shm", "-journal"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    path.write_bytes(content)


def wrong(ended: Ended) -> str:
    """Say what is wrong with how a command ended, empty where nothing is."""
    if not ended.in_order:
        return f"status {ended.status}"
    return "" if ended.status in {0, 2, 3, 6, 7} else f"status {ended.status}"


def damages(content: bytes, path: Path, *, flips: int, chance: random.Random) -> Iterator[str]:
    """Damage the store again and again, and say each time what was done."""
    places = sorted({*chance.sample(range(len(content)), min(flips, len(content)))})
    for place in places:
        bit = chance.randrange(8)
        flipped(content, path, place, bit)
        yield f"bit {bit} of byte {place}"
    restored(content, path)
    cells = [(table, column, value) for table, column in columns(path) for value in VALUES]
    for table, column, value in cells if flips >= len(cells) else chance.sample(cells, flips):
        if senseless(content, path, table, column, value):
            yield f"{table}.{column} = {value[:40]}"


def run_damage(lmchat: Lmchat, home: Path, flips: int, commands: int, seed: int = 7) -> Section:
    """Run some of the commands after each damage."""
    section, chance = Section("damaged stores"), random.Random(seed)  # noqa: S311 - the same damage each time
    path = small_store(home)
    content = path.read_bytes()
    for damage in damages(content, path, flips=flips, chance=chance):
        damaged = path.read_bytes()
        for command in chance.sample(COMMANDS, min(commands, len(COMMANDS))):
            restored(damaged, path)
            arguments = [each if each != "copy.db" else str(home / each) for each in command]
            server = () if command[0] == "__complete" else ("--url", "http://127.0.0.1:9")
            ended = lmchat(*server, *arguments, home=home)
            last = (ended.stderr.strip() or "nothing was said").splitlines()[-1]
            fault = wrong(ended)
            section.saw(ended.peak, f"{damage}: lmchat {' '.join(command)}: {fault}: {last}" if fault else "")
    restored(content, path)
    return section
