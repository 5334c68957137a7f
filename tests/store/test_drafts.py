"""What a program leaves when it dies in the middle of a reply."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from lmchat.chat.session import Outcome, TurnId
from lmchat.chat.values import InvalidToolCall, Message, Provider, Reasoning, Reply, ToolCall
from lmchat.dataclass import replace
from lmchat.errors import StoreError
from lmchat.store import drafts
from lmchat.store.store import Store
from lmchat.world import try_lock
from tests.support.conversation import answered, asked, drafted, numbers, opened, unasked

WRITES_UNTIL_KILLED = """
import sys, time
from pathlib import Path
from tests.support.conversation import drafted, opened
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
        assert [entry.id for entry in store.tree(store.find("one"))] == [1, 2]


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


GROWING = (
    (Message("Let me"),),
    (Message("Let me see."), Reasoning("Hm", 0.5)),
    (
        Message("Let me see."),
        Reasoning("Hm, 空", 1.5),
        ToolCall("look", {"at": "sky"}, "blue", Provider("plugin", "x")),
    ),
    (
        Message("Let me see."),
        Reasoning("Hm, 空", 1.5),
        ToolCall("look", {"at": "sky"}, "blue", Provider("plugin", "x")),
        InvalidToolCall("no such tool", "lok"),
        Message('It is "blue'),
    ),
    (
        Message("Let me see."),
        Reasoning("Hm, 空", 1.5),
        ToolCall("look", {"at": "sky"}, "blue", Provider("plugin", "x")),
        InvalidToolCall("no such tool", "lok"),
        Message('It is "blue".\n'),
    ),
)


@pytest.mark.parametrize("steps", [(0,), (4,), (0, 1), (0, 1, 2, 3, 4), (1, 1, 2, 2, 4, 4), (2, 3), (0, 4)])
def test_a_reply_that_grew_in_any_steps_is_whole_after_a_kill(tmp_path: Path, steps: Sequence[int]) -> None:
    with opened(tmp_path) as store:
        session = store.create("one")
        keep, turn = store.keeper(session), unasked(session, "Hello")
        turn = replace(turn, id=keep(turn, done=False).id)
        for step in steps:
            keep(replace(turn, reply=Reply(GROWING[step], model_instance_id="m:2")), done=False)
    with opened(tmp_path) as store:
        (left,) = store.find("one").path()
        assert store.search("let")[0].turn == left.id
    assert left.reply == Reply(GROWING[steps[-1]], model_instance_id="m:2")
    assert not left.empty


def test_a_growing_reply_writes_only_what_is_new(store: Store) -> None:
    session = store.create("one")
    keep, turn = store.keeper(session), unasked(session, "Hello")
    turn = replace(turn, id=keep(turn, done=False).id)
    for words in range(1, 500):
        keep(replace(turn, reply=Reply((Message("word " * words),))), done=False)
    rows = store._database.rows("SELECT length(item) FROM draft_piece")
    assert {length for (length,) in rows} == {len('{"kind":"message","text":"word "}')}


def test_nothing_of_the_pieces_is_left_of_a_turn_that_ended(store: Store) -> None:
    session = store.create("one")
    keep, turn = store.keeper(session), unasked(session, "Hello")
    turn = replace(turn, id=keep(turn, done=False).id, reply=Reply((Message("Ye"),)))
    keep(turn, done=False)
    keep(answered(turn, "Yes."), done=True)
    assert store._database.rows("SELECT * FROM draft_piece") == []
    assert [each.reply.text for each in store.find("one").path()] == ["Yes."]


@pytest.mark.parametrize("senseless", ["'{'", "'[]'", "7", "x'ff'", '\'{"kind":"message"}\''])
def test_a_piece_that_cannot_be_read_is_left_out(tmp_path: Path, senseless: str) -> None:
    with opened(tmp_path) as store:
        session = store.create("one")
        keep, turn = store.keeper(session), unasked(session, "Hello")
        turn = replace(turn, id=keep(turn, done=False).id)
        for text in ("Once", "Once upon", "Once upon a time"):
            keep(replace(turn, reply=Reply((Message(text),))), done=False)
        store._database.execute(f"UPDATE draft_piece SET item = {senseless} WHERE id = 2")  # noqa: S608 - ours
    with opened(tmp_path) as store:
        assert [each.reply.text for each in store.find("one").path()] == ["Once a time"]


def test_the_draft_of_a_version_that_kept_it_in_its_row_stays_as_it_is(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        drafted(store, store.create("one"), "Hello")
        items = '[{"kind":"message","text":"Once upon"}]'
        store._database.execute("UPDATE turn SET reply = 'Once upon', items = ?, attempt = 0", (items,))
    with opened(tmp_path) as store:
        assert [each.reply.text for each in store.find("one").path()] == ["Once upon"]


def test_several_programs_that_look_at_once_agree_that_one_died(tmp_path: Path) -> None:
    directory = tmp_path / "writers"
    directory.mkdir()
    (directory / "gone").touch()
    others = [os.open(directory / "gone", os.O_RDWR) for _ in range(2)]
    try:
        assert try_lock(others[0], shared=True)
        assert not drafts.is_running(directory, "gone")
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


def test_disk_without_room_for_a_lock_is_an_error_with_a_hint(store: Store, tmp_path: Path) -> None:
    (tmp_path / "data" / "writers").write_text("in the way")
    with pytest.raises(StoreError, match="cannot be locked"):
        drafted(store, store.create("one"), "Hello")
    assert store._database.rows("SELECT * FROM turn") == []
