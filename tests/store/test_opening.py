"""Opening a store: private files, versions, and files that cannot be used."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lmchat.errors import StoreError
from lmchat.store import FILE_NAME, database, schema
from lmchat.store.file import explain
from lmchat.store.store import Store
from tests.support.conversation import asked, drafted, numbers, opened


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_directory_and_every_file_are_their_owners_only(tmp_path: Path) -> None:
    directory = tmp_path / "a" / "b"
    mask = os.umask(0)
    try:
        with opened(directory) as store:
            drafted(store, store.create("one"), "Hello")
            found = {path.relative_to(directory).parts[0]: mode(path) for path in directory.rglob("*")}
            assert mode(directory) == 0o700
            assert found.pop("writers") in {0o600, 0o700}
            assert set(found) == {FILE_NAME, f"{FILE_NAME}-wal", f"{FILE_NAME}-shm"}
            assert set(found.values()) == {0o600}
            assert [mode(path) for path in (directory / "writers").iterdir()] == [0o600]
    finally:
        os.umask(mask)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_file_that_others_may_read_is_made_private(tmp_path: Path) -> None:
    opened(tmp_path).close()
    (tmp_path / FILE_NAME).chmod(0o644)
    opened(tmp_path).close()
    assert mode(tmp_path / FILE_NAME) == 0o600


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"x", b"SQLite format 3\0"])
def test_file_that_is_no_database_is_named_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / FILE_NAME
    path.write_bytes(content)
    with pytest.raises(StoreError, match="damaged") as raised:
        opened(tmp_path)
    assert str(path) in raised.value.message
    assert path.read_bytes() == content


def test_file_damaged_in_the_middle_is_named_when_it_is_read(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        session = store.create("one")
        for each in range(40):
            session = asked(store, session, f"Question {each}", "word " * 500)
    path = tmp_path / FILE_NAME
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(StoreError, match="damaged"), opened(tmp_path) as store:
        store.find("one").path()
    assert path.read_bytes() == bytes(content)


def test_database_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / FILE_NAME)
    other.execute("CREATE TABLE recipes (name TEXT)")
    other.close()
    content = (tmp_path / FILE_NAME).read_bytes()
    with pytest.raises(StoreError, match="is not lmchat's"):
        opened(tmp_path)
    assert (tmp_path / FILE_NAME).read_bytes() == content


def add_step(patch: pytest.MonkeyPatch, *statements: str) -> None:
    """Make this a newer lmchat, whose files have been through one step more."""
    patch.setattr(schema, "STEPS", (*schema.STEPS, statements))
    patch.setattr(database, "VERSION", len(schema.STEPS))


def test_version_is_the_number_of_steps() -> None:
    assert len(schema.STEPS) == database.VERSION


def test_newer_version_is_refused_and_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as newer:
        add_step(newer, "CREATE TABLE mood (name TEXT)")
        opened(tmp_path).close()
    content = (tmp_path / FILE_NAME).read_bytes()
    with pytest.raises(StoreError, match="written by a newer lmchat"):
        opened(tmp_path)
    assert (tmp_path / FILE_NAME).read_bytes() == content


def test_older_version_is_brought_up_to_date_with_everything_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path) as store:
        asked(store, store.create("one"), "Hello")
    add_step(monkeypatch, "CREATE TABLE mood (name TEXT)")
    for _ in range(2):
        with opened(tmp_path) as store:
            assert numbers(store.find("one")) == [1]
            store._database.execute("INSERT INTO mood VALUES ('good')")


def test_step_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(tmp_path).close()
    with monkeypatch.context() as newer:
        add_step(newer, "CREATE TABLE mood (name TEXT)", "nonsense")
        with pytest.raises(StoreError):
            opened(tmp_path)
    with opened(tmp_path) as store:
        assert store._database.rows("SELECT 1 FROM sqlite_master WHERE name = 'mood'") == []


def test_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=str(tmp_path / "file" / "data")):
        opened(tmp_path / "file" / "data")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_directory_is_named(tmp_path: Path) -> None:
    opened(tmp_path).close()
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StoreError, match="read-only"), opened(tmp_path) as store:
            store.create("one")
    finally:
        tmp_path.chmod(0o700)


def test_full_disk_is_named_and_what_was_there_stays(store: Store) -> None:
    session = asked(store, store.create("one"), "Hello")
    pages = store._database.row("PRAGMA page_count")
    assert pages is not None
    store._database.execute(f"PRAGMA max_page_count={pages[0]}")
    with pytest.raises(StoreError, match="no room left"):
        asked(store, session, "word " * 100_000)
    assert numbers(store.find("one")) == [1]


def test_a_full_disk_lets_sessions_be_deleted(tmp_path: Path) -> None:
    with small_disk(tmp_path) as disk:
        with opened(disk / "data") as store:
            for name in ("one", "two", "three"):
                asked(store, store.create(name), "Hello " * 500)
        with contextlib.suppress(OSError), (disk / "full").open("wb", buffering=0) as file:
            while True:
                file.write(b"\0" * 1024)
        with opened(disk / "data") as store:
            assert len(store.sessions()) == 3
            store.trash(["one"])
        with opened(disk / "data") as store:
            store.delete(["two"])
            assert (store.names(), [each.name for each in store.in_trash()]) == (["three"], ["one"])
            with pytest.raises(StoreError):
                asked(store, store.find("three"), "word " * 100_000)
        (disk / "full").unlink()
        with opened(disk / "data") as store:
            assert store._database.row("PRAGMA journal_mode") == ("wal",)
            assert store.check() == []


@contextlib.contextmanager
def small_disk(directory: Path) -> Iterator[Path]:
    """Mount a disk of 1 MB."""
    disk = directory / "disk"
    disk.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], check=False, capture_output=True
    )
    if not mounted or mounted.returncode:
        pytest.skip("only root may mount a small disk")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_empty_file_left_by_a_killed_program_becomes_a_new_store(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).touch()
    with opened(tmp_path) as store:
        assert store.names() == []


def test_programs_that_create_the_store_at_once_all_succeed(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tests.support.conversation import opened\n"
        "with opened(Path(sys.argv[1])) as store: store.create(None, 'hello')"
    )
    programs = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "data")]) for _ in range(6)]
    assert [program.wait(60) for program in programs] == [0] * 6
    with opened(tmp_path / "data") as store:
        assert sorted(store.names()) == ["hello", *(f"hello-{number}" for number in range(2, 7))]


def test_a_disk_that_fails_is_named_with_what_to_check(tmp_path: Path) -> None:
    # A disk with no room left for SQLite's own files beside the database shows itself as this, not as full.
    fault = sqlite3.OperationalError("disk I/O error")
    fault.sqlite_errorcode = sqlite3.SQLITE_IOERR
    error = explain(fault, tmp_path / "conversations.db")
    assert "disk I/O error" in error.message
    assert "full" in error.hint


def test_an_sqlite_that_is_too_old_is_said_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sqlite3.sqlite_version_info", (3, 34, 1))
    monkeypatch.setattr("sqlite3.sqlite_version", "3.34.1")
    with pytest.raises(StoreError, match=r"SQLite 3\.34\.1") as raised:
        opened(tmp_path)
    assert "3.35.0" in raised.value.hint
