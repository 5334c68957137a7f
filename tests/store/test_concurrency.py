"""Several programs in one session at once: every turn is kept, and none waits for the reply of another."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lmchat.store.store import Store
from tests.support.conversation import asked, drafted, numbers, opened

TALKS = """
import sys, time
from lmchat.dataclass import replace
from pathlib import Path
from random import Random
from lmchat.chat.session import Outcome
from lmchat.chat.values import Message, Reply
from tests.support.conversation import answered, opened, unasked

directory, turns, name = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
pause = Random(name).random
for turn_number in range(turns):
    # `ask` opens the store again for each turn; `talk` would not, which is the easier case.
    with opened(directory) as store:
        session = store.find("one")
        keep = store.keeper(session)
        turn = unasked(session, f"{name} {turn_number}")
        turn = replace(turn, id=keep(turn, done=False).id)
        for part in range(3):
            keep(replace(turn, reply=Reply((Message("part " * part),))), done=False)
            time.sleep(pause() / 200)
        keep(answered(turn, f"answer {name} {turn_number}"), done=True)
        store.sessions()
"""


def test_six_programs_in_one_session_keep_every_turn(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.create("one")
    programs = [
        subprocess.Popen([sys.executable, "-c", TALKS, str(tmp_path), "15", f"program {each}"]) for each in range(6)
    ]
    assert [program.wait(100) for program in programs] == [0] * 6
    with opened(tmp_path) as store:
        session = store.find("one")
        entries = store.tree(session)
        assert sorted(entry.id for entry in entries) == list(range(1, 91))
        assert {entry.outcome.value for entry in entries} == {"complete"}
        assert all(entry.parent is None or entry.parent < entry.id for entry in entries)
        expected = {f"program {program} {turn}" for program in range(6) for turn in range(15)}
        assert {turn.prompt.text for turn in session.turns.values()} == expected
        assert {turn.reply.text for turn in session.turns.values()} == {f"answer {text}" for text in expected}


def test_no_program_waits_for_the_reply_of_another(tmp_path: Path) -> None:
    with opened(tmp_path) as slow, opened(tmp_path) as quick:
        drafted(slow, slow.create("one"), "A long story", "Once")
        start = time.monotonic()
        asked(quick, quick.find("one"), "Quick")
        assert time.monotonic() - start < 10  # a lock would be waited for three times as long
        assert numbers(quick.find("one")) == [2]


def test_reader_sees_a_whole_store_while_another_writes(store: Store, tmp_path: Path) -> None:
    session = asked(store, store.create("one"), "First")
    with opened(tmp_path / "data") as reader, store._database.write():
        store._database.execute("UPDATE session SET head = NULL WHERE name = 'one'")
        assert numbers(reader.find("one")) == numbers(session)


@pytest.mark.timeout(30)
def test_threads_that_search_while_others_read_never_wait_for_ever(store: Store) -> None:
    session = store.create("one")
    for number in range(30):
        session = asked(store, session, f"京都の京 {number}")

    def work(search: bool) -> None:
        for _ in range(60):
            assert store.search("京都 京") if search else store.sessions()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, [True, False, True, False]))
