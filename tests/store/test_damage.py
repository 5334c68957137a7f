"""Files that were damaged or are no files: an error that names the file, or all but the damaged row."""

import os
import random
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from lmchat.chat.transcript import transcript
from lmchat.errors import LmchatError, NotFoundError, StoreError
from lmchat.store import FILE_NAME
from lmchat.store.file import session_names
from lmchat.store.store import Store
from tests.support.conversation import asked, drafted, opened, small_store

READS: dict[str, Callable[[Store, str], object]] = {
    "list": lambda store, name: store.sessions(),
    "show": lambda store, name: transcript(store.find(name)),
    "search": lambda store, name: store.search("青い空"),
    "search by short words": lambda store, name: store.search("空", session=name),
    "tree": lambda store, name: (store.shape(store.find(name)), [each.at for each in store.tree(store.find(name))]),
    "heads": lambda store, name: store.heads(store.find(name)),
    "export": lambda store, name: store.export(store.find(name)),
    "last": lambda store, name: store.last(),
    "undo": lambda store, name: store.undo(store.find(name)),
    "ask": lambda store, name: asked(store, store.find(name), "More"),
    "delete": lambda store, name: store.delete([name]),
}


def read_everything(directory: Path) -> Iterator[LmchatError]:
    """Do everything that can be done, and yield the errors; any other exception passes through."""
    session_names(directory)
    try:
        with opened(directory) as store:
            for read in READS.values():
                try:
                    read(store, "one")
                except LmchatError as error:
                    yield error
    except LmchatError as error:
        yield error


def test_a_flipped_bit_anywhere_is_the_stores_own_error_or_none(tmp_path: Path) -> None:
    path = small_store(tmp_path)
    content = path.read_bytes()
    chance = random.Random(7)  # noqa: S311 - the same places each time
    # The header and the schema first: what is changed there changes how everything else is read.
    places = [*chance.sample(range(4096), 25), *chance.sample(range(4096, len(content)), 25)]
    for place in places:
        for suffix in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                Path(f"{path}{suffix}").unlink()
        path.write_bytes(content[:place] + bytes([content[place] ^ 1 << chance.randrange(8)]) + content[place + 1 :])
        for error in read_everything(tmp_path):
            assert isinstance(error, StoreError | NotFoundError) or "to undo" in error.message, place


SENSELESS = [
    "UPDATE session SET options = '[' WHERE name = 'one'",
    "UPDATE session SET options = '{}' || x'00' WHERE name = 'one'",
    "UPDATE session SET options = '{\"top_k\": []}' WHERE name = 'one'",
    "UPDATE session SET integrations = 7 WHERE name = 'one'",
    "UPDATE session SET model = x'ff' WHERE name = 'one'",
    "UPDATE session SET used = 'yesterday' WHERE name = 'one'",
    "UPDATE session SET created = 9e18 WHERE name = 'one'",
    "UPDATE session SET created = -9000000000000000 WHERE name = 'one'",
    "UPDATE session SET head = 99 WHERE name = 'one'",
    "UPDATE session SET tree = 99 WHERE name = 'one'",
    "UPDATE turn SET outcome = 'Splendid!' WHERE number = 3",
    "UPDATE turn SET at = 9000000000000000000",
    "UPDATE turn SET at = 'noon'",
    "UPDATE turn SET prompt = x'00ff'",
    "UPDATE turn SET items = '{'",
    "UPDATE turn SET items = '[[[' || replace(hex(zeroblob(50000)), '00', '[')",
    "UPDATE turn SET items = '[{\"kind\": 7}]'",
    "UPDATE turn SET stats = 'null'",
    "UPDATE turn SET parent = number",
    "UPDATE turn SET number = 'x' WHERE number = 3",
    "UPDATE turn SET summary = 'x'",
    "UPDATE turn SET images = 'x'",
    "UPDATE turn_image SET name = 7, width = 'x'",
    "UPDATE session SET name = CAST(x'ff41' AS TEXT) WHERE name = 'two'",
]


@pytest.mark.parametrize("change", SENSELESS)
def test_a_senseless_value_in_a_row_is_the_stores_own_error_or_none(tmp_path: Path, change: str) -> None:
    path = small_store(tmp_path)
    other = sqlite3.connect(path)
    for setting in ("foreign_keys=OFF", "ignore_check_constraints=ON"):
        other.execute(f"PRAGMA {setting}")
    other.execute(change)
    other.commit()
    other.close()
    assert all(isinstance(error, StoreError | NotFoundError) for error in read_everything(tmp_path))


def test_a_session_that_cannot_be_read_is_left_out_of_the_list_and_named(tmp_path: Path) -> None:
    path = small_store(tmp_path)
    other = sqlite3.connect(path)
    other.execute("UPDATE session SET used = 'yesterday' WHERE name = 'one'")
    other.commit()
    other.close()
    with opened(tmp_path) as store:
        assert {each.name for each in store.sessions()} == {"two", "three"}
        assert store.unreadable == ["the session 'one'"]


def test_a_turn_that_cannot_be_read_is_not_in_the_way_of_those_before_it(tmp_path: Path) -> None:
    path = small_store(tmp_path)
    other = sqlite3.connect(path)
    other.execute("UPDATE turn SET items = '{' WHERE number = 3")
    other.commit()
    other.close()
    with opened(tmp_path) as store:
        assert [turn.id for turn in store.find("two").path()] == [1, 2]


@pytest.mark.parametrize(
    ("change", "named", "shown"),
    [
        ("UPDATE turn SET number = 'x' WHERE number = 2", "turn 'x'", [(1, None), (3, 1)]),
        ("UPDATE turn SET number = -7 WHERE number = 2", "turn -7", [(1, None), (3, 1)]),
        ("UPDATE turn SET parent = 'x' WHERE number = 2", "turn 2", [(1, None), (3, 1)]),
        ("UPDATE turn SET parent = 0 WHERE number = 2", "turn 2", [(1, None), (3, 1)]),
        ("UPDATE turn SET parent = 99 WHERE number = 2", "turn 2", [(1, None), (3, 1)]),
        ("UPDATE turn SET number = x'00' WHERE number = 1", "turn b'\\x00'", [(2, None), (3, None)]),
    ],
)
def test_a_turn_without_a_place_is_left_out_of_the_tree_and_named(
    tmp_path: Path, change: str, named: str, shown: list[tuple[int, int | None]]
) -> None:
    changed(small_store(tmp_path), change)
    with opened(tmp_path) as store:
        session = store.find("one")
        assert list(store.shape(session)) == shown
        assert set(store.unreadable) == {named}
        assert {entry.id for entry in store.tree(session)} <= {number for number, _ in shown}


@pytest.mark.parametrize("writer", ["NULL", "x'ff00'", "7", "''", "'../data'", "'a' || char(0)", "'é'"])
def test_a_draft_of_a_writer_that_makes_no_sense_is_ended(tmp_path: Path, writer: str) -> None:
    path = small_store(tmp_path)
    with opened(tmp_path) as store:
        drafted(store, store.find("three"), "Unfinished", "Half a")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA writable_schema=ON")
    other.execute("UPDATE sqlite_master SET sql = replace(sql, 'writer TEXT NOT NULL', 'writer TEXT')")
    other.execute("PRAGMA writable_schema=RESET")
    other.execute(f"UPDATE draft SET writer = {writer}")  # noqa: S608 - ours
    other.close()
    with opened(tmp_path) as store:
        assert [turn.prompt.text for turn in store.find("three").path()] == ["Elsewhere", "Unfinished"]


def test_a_deletion_removes_nothing_of_a_tree_that_is_damaged(tmp_path: Path) -> None:
    changed(small_store(tmp_path), "UPDATE turn SET parent = 'x' WHERE number = 2")
    with opened(tmp_path) as store:
        with pytest.raises(StoreError):
            store.delete(["two"])
        assert store.has("two")


@pytest.mark.parametrize("time", ["-1", "0", "1000000"])
def test_a_senseless_time_in_the_trash_removes_nothing(tmp_path: Path, time: str) -> None:
    path = small_store(tmp_path)
    with opened(tmp_path) as store:
        store.trash(["three"])
    changed(path, f"UPDATE session SET trashed = {time} WHERE trashed IS NOT NULL")  # noqa: S608 - ours
    with opened(tmp_path) as store:
        assert store.restore("three") == "three"


def changed(path: Path, change: str) -> None:
    """Change a store as no lmchat does."""
    other = sqlite3.connect(path)
    for setting in ("foreign_keys=OFF", "ignore_check_constraints=ON"):
        other.execute(f"PRAGMA {setting}")
    other.execute(change)
    other.commit()
    other.close()


def test_a_turn_that_is_missing_is_said(tmp_path: Path) -> None:
    path = small_store(tmp_path)
    other = sqlite3.connect(path)
    other.execute("DELETE FROM turn WHERE number = 1")
    other.commit()
    other.close()
    with pytest.raises(StoreError, match=r"Turn 1 .* missing"), opened(tmp_path) as store:
        store.find("one").path()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
@pytest.mark.timeout(20)
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_named_and_not_waited_for(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / FILE_NAME)
    with pytest.raises(StoreError, match="is not a file"):
        opened(tmp_path)
    assert session_names(tmp_path) == []


@pytest.fixture
def unwritable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the system say that nothing may be written, as on a read-only disk: root may write everywhere else."""
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)


def log_of_another(directory: Path) -> Store:
    """Leave a store open, so that what was written last is only in its log."""
    store = opened(directory)
    asked(store, store.create("four"), "In the log")
    return store


@pytest.mark.parametrize("logged", [False, True])
def test_a_store_on_a_read_only_disk_is_read(tmp_path: Path, request: pytest.FixtureRequest, *, logged: bool) -> None:
    written = tmp_path / "written"
    path = small_store(written)
    if logged:
        with log_of_another(written):
            copied = tmp_path / "copied"
            copied.mkdir()
            for name in (FILE_NAME, f"{FILE_NAME}-wal"):
                (copied / name).write_bytes((written / name).read_bytes())
        path = copied / FILE_NAME
    before = {each.name: each.read_bytes() for each in path.parent.iterdir() if each.is_file()}
    request.getfixturevalue("unwritable")
    with opened(path.parent) as store:
        names = ["four", "three", "two", "one"] if logged else ["three", "two", "one"]
        assert sorted(store.names()) == sorted(names)
        assert len(store.sessions()) == len(names)
        assert "青い空" in transcript(store.find("one"))
        assert [match.turn for match in store.search("青い空")] == [1]
        assert len(store.export(store.find("one"))["turns"]) == 3
        with pytest.raises(StoreError, match="read-only"):
            store.create("five")
    assert {each.name: each.read_bytes() for each in path.parent.iterdir() if each.is_file()} == before


def test_a_file_on_a_read_only_disk_is_not_made_private(tmp_path: Path, unwritable: None) -> None:
    with pytest.raises(StoreError), opened(tmp_path) as store:
        store.create("one")
    path = small_store_of_others(tmp_path)
    opened(tmp_path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def small_store_of_others(directory: Path) -> Path:
    """Make the file in a directory one that everybody may read."""
    path = directory / FILE_NAME
    path.chmod(0o644)
    return path
