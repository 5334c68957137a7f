"""`lmchat sessions check` and `backup`, and a backup brought back."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from lmchat.store import FILE_NAME
from lmchat.store.store import open_store
from tests.support.conversation import small_store
from tests.support.program import run


def test_a_whole_store_is_said_to_be_whole(tmp_path: Path) -> None:
    small_store(tmp_path)
    ran = run(tmp_path, "sessions", "check")
    assert (ran.status, ran.stdout, ran.stderr) == (0, "3 sessions: nothing is wrong.\n", "")


def test_damage_is_said_with_what_can_be_repaired_and_repair_copies_the_file_first(tmp_path: Path) -> None:
    other = sqlite3.connect(small_store(tmp_path))
    other.execute("UPDATE session SET head = 99 WHERE name = 'one'")
    other.commit()
    other.close()
    ran = run(tmp_path, "sessions", "check")
    assert (ran.status, "--repair repairs this" in ran.stdout, "1 finding" in ran.stderr) == (7, True, True)
    assert run(tmp_path, "sessions", "check", "--repair").status == 0
    assert len(list(tmp_path.glob("conversations-before-repair-*.db"))) == 1
    assert "Third" in run(tmp_path, "sessions", "show", "one").stdout


def test_a_backup_is_brought_back_beside_what_is_there(tmp_path: Path) -> None:
    small_store(tmp_path)
    copy = tmp_path / "copy.db"
    assert run(tmp_path, "sessions", "backup", str(copy)).status == 0
    assert run(tmp_path, "sessions", "backup", str(copy)).status == 2
    (tmp_path / FILE_NAME).unlink()
    with open_store(tmp_path, now=lambda: datetime.now(UTC)) as store:
        store.create("one")
    ran = run(tmp_path, "sessions", "import", str(copy))
    assert (ran.status, "3 sessions restored" in ran.stderr) == (0, True)
    with open_store(tmp_path, now=lambda: datetime.now(UTC)) as store:
        assert store.names() == ["three", "two", "one-2", "one"]
        assert len(store.search("青い空")) == 2
    assert run(tmp_path, "sessions", "import", str(copy), "--name", "x").status == 2
