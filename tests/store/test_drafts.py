"""What a program leaves behind when it dies in the middle of a reply."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lmchat.chat.session import Outcome, TurnId
from lmchat.errors import StoreError
from lmchat.store import drafts
from lmchat.store.store import Store
from tests.store.conversation import asked, drafted, numbers, opened

WRITES_UNTIL_KILLED = """
import sys, time
from pathlib import Path
from tests.store.conversation import drafted, opened
with opened(Path(sys.argv[1])) as store:
    drafted(store, store.find("one"), "Tell me", "Once upon")
    print("ready", flush=True)
    time.sleep(60)
"""


def writing_program(directory: Path) -> subprocess.Popen[str]:
    """Start a program that is in the middle of a reply when this returns."""
    program = subprocess.Popen(
        [sys.executable, "-c", WRITES_UNTIL_KILLED, str(directory)], stdout=subprocess.PIPE, text=True
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "ready\n"
    return program


def killed(program: subprocess.Popen[str]) -> None:
    program.kill()
    program.wait()
    assert program.stdout is not None
    program.stdout.close()


def test_reply_of_a_killed_program_is_an_interrupted_turn_with_what_had_come(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        asked(store, store.create("one"), "Hello")
        killed(writing_program(tmp_path))
        session = store.find("one")
        assert session.head == 2
        turn = session.turn(TurnId(2))
    assert (turn.outcome, turn.reply.text, turn.parent) == (Outcome.INTERRUPTED, "Once upon", 1)


def test_list_shows_the_reply_of_a_killed_program(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.create("one")
        killed(writing_program(tmp_path))
        (summary,) = store.sessions()
    assert (summary.turns, summary.outcome) == (1, Outcome.INTERRUPTED)


def test_reply_of_a_killed_program_can_be_searched(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.create("one")
        killed(writing_program(tmp_path))
        store.find("one")
        assert [match.turn for match in store.search("upon")] == [1]


def test_reply_of_a_killed_program_stays_a_branch_where_the_head_moved_since(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        session = store.create("one")
        program = writing_program(tmp_path)
        asked(store, session, "Meanwhile")
        killed(program)
        assert numbers(store.find("one")) == [2]
        assert [twig.id for twig in store.tree(store.find("one"))] == [1, 2]


def test_draft_of_a_living_program_is_left_alone(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.create("one")
        program = writing_program(tmp_path)
        try:
            assert (store.find("one").head, store.sessions()[0].turns) == (None, 0)
        finally:
            killed(program)


def test_own_draft_is_left_alone(store: Store) -> None:
    drafted(store, store.create("one"), "Hello")
    assert store.find("one").head is None


def test_program_that_closes_in_the_middle_leaves_an_interrupted_turn(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        drafted(store, store.create("one"), "Hello", "Wel")
    with opened(tmp_path) as store:
        assert [turn.reply.text for turn in store.find("one").path()] == ["Wel"]


def test_several_programs_that_look_at_once_agree_that_one_died(tmp_path: Path) -> None:
    directory = tmp_path / "writers"
    directory.mkdir()
    (directory / "gone").touch()
    others = [os.open(directory / "gone", os.O_RDWR) for _ in range(2)]
    try:
        assert drafts._lock(others[0], shared=True)
        assert not drafts.alive(directory, "gone")
    finally:
        for each in others:
            os.close(each)


def test_files_of_dead_programs_are_swept_away(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.create("one")
        killed(writing_program(tmp_path))
        assert len(list((tmp_path / "writers").iterdir())) == 1
        drafted(store, store.find("one"), "Hello")
        assert len(list((tmp_path / "writers").iterdir())) == 1
    assert list((tmp_path / "writers").iterdir()) == []


def test_file_of_a_living_program_is_not_swept_away(tmp_path: Path) -> None:
    with opened(tmp_path) as one, opened(tmp_path) as two:
        drafted(one, one.create("one"), "Hello")
        drafted(two, two.create("two"), "Hello")
        assert len(list((tmp_path / "writers").iterdir())) == 2


def test_disk_without_room_for_a_lock_is_told(store: Store, tmp_path: Path) -> None:
    (tmp_path / "data" / "writers").write_text("in the way")
    with pytest.raises(StoreError, match="cannot be locked"):
        drafted(store, store.create("one"), "Hello")
    assert store._database.rows("SELECT * FROM turn") == []
