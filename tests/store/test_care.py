"""Looking after the file: what is wrong is found, what can be is mended, and a copy is whole and private."""

import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from lmchat.errors import BadUseError
from lmchat.store import FILE_NAME
from lmchat.store.store import Store
from tests.support.conversation import asked, drafted, numbers, opened, small_store


def test_nothing_is_wrong_with_a_store_that_is_used(store: Store) -> None:
    session = asked(store, asked(store, store.create("one"), "First"), "青い空")
    drafted(store, session, "Still coming")
    store.trash([store.create("two").name])
    assert store.check() == []


@pytest.mark.parametrize(
    ("change", "found", "mended"),
    [
        ("UPDATE session SET head = 99 WHERE name = 'one'", "point at a turn that is missing", True),
        ("DELETE FROM session WHERE name = 'three'", "no session has", True),
        ("DELETE FROM turn WHERE number = 1 AND tree = 1", "follow one that is missing", True),
        ("INSERT INTO image (hash, data) VALUES ('x', 'y')", "Pictures that no turn has", True),
        ("DELETE FROM image", "Pictures of turns that are missing", False),
        ("INSERT INTO trigrams (trigrams) VALUES ('delete-all')", "search index", True),
        ("UPDATE turn SET items = '{' WHERE number = 2", "Turn 2", False),
        ("UPDATE session SET options = '[' WHERE name = 'one'", "session with the number 1", False),
    ],
)
def test_what_is_wrong_is_found_and_repaired_where_that_loses_nothing(
    tmp_path: Path, change: str, found: str, *, mended: bool
) -> None:
    other = sqlite3.connect(small_store(tmp_path))
    other.execute(change)
    other.commit()
    other.close()
    with opened(tmp_path) as store:
        findings = store.check()
        assert [finding.repairable for finding in findings if found in finding.sentence] == [mended]
        if mended:
            store.repair()
            assert store.check() == []
            assert len(store.search("青い空")) == ("number = 1" not in change)


def test_a_conversation_that_no_session_has_is_given_one(tmp_path: Path) -> None:
    other = sqlite3.connect(small_store(tmp_path))
    other.execute("DELETE FROM session WHERE name = 'three'")
    other.commit()
    other.close()
    with opened(tmp_path) as store:
        store.repair()
        assert [turn.prompt.text for turn in store.find("recovered").path()] == ["Elsewhere"]


def test_a_backup_is_whole_private_and_one_file(store: Store, tmp_path: Path) -> None:
    session = asked(store, store.create("one"), "Hello")
    path = tmp_path / "copy" / FILE_NAME
    path.parent.mkdir()
    store.backup(path)
    assert [each.name for each in path.parent.iterdir()] == [FILE_NAME]
    assert os.name == "nt" or path.stat().st_mode & 0o777 == 0o600
    with opened(path.parent) as copy:
        assert copy.export(copy.find("one")) == store.export(session)


def test_a_backup_replaces_nothing_unless_that_is_asked_for(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "copy.db"
    path.write_text("precious")
    with pytest.raises(BadUseError, match="exists already"):
        store.backup(path)
    assert path.read_text() == "precious"
    store.backup(path, replace=True)
    assert path.read_bytes().startswith(b"SQLite format 3")


def test_a_backup_that_cannot_be_written_is_said_and_leaves_nothing(store: Store, tmp_path: Path) -> None:
    with pytest.raises(BadUseError, match="cannot be written"):
        store.backup(tmp_path / "nowhere" / "copy.db")
    (tmp_path / "taken").mkdir()
    with pytest.raises(BadUseError, match="cannot be written"):
        store.backup(tmp_path / "taken", replace=True)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["data", "taken"]


def test_a_backup_while_others_write_is_of_one_moment(tmp_path: Path) -> None:
    def write() -> None:
        with opened(tmp_path / "data") as other:
            session = other.create("one")
            for number in range(60):
                session = asked(other, session, f"Question {number}", "word " * 200)

    writer = threading.Thread(target=write)
    with opened(tmp_path / "data") as store:
        writer.start()
        for number in range(5):
            path = tmp_path / str(number) / FILE_NAME
            path.parent.mkdir()
            store.backup(path)
        writer.join()
    for number in range(5):
        with opened(tmp_path / str(number)) as copy:
            assert copy.check() == []
            if copy.names():
                session = copy.find("one")  # what was being asked at that moment is an attempt there
                assert len(numbers(session)) == len(session.turns) - len(copy.attempts(session))


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
@pytest.mark.parametrize("linked", [False, True])
def test_a_backup_never_takes_the_place_of_the_conversations(tmp_path: Path, suffix: str, *, linked: bool) -> None:
    with opened(tmp_path / "data") as store:
        asked(store, store.create("one"), "Hello")
        place = tmp_path / "data" / f"{FILE_NAME}{suffix}"
        before = place.stat().st_ino
        if linked:
            (tmp_path / "link").symlink_to(place)
        with pytest.raises(BadUseError, match="the conversations are there"):
            store.backup(tmp_path / "link" if linked else place, replace=True)
        assert place.stat().st_ino == before


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to(path)])
def test_a_backup_replaces_nothing_but_a_file(store: Store, tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "taken")
    with pytest.raises(BadUseError, match="cannot be written"):
        store.backup(tmp_path / "taken", replace=True)
    assert not (tmp_path / "taken").is_file()
