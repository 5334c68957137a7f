"""Stored turns on disk: chains, branches, thirty days, several programs at once."""

import contextlib
import re
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

from lmchat.local.history import Chain, History, message, new_response_id, text_of

DAY = 86_400


class Clock:
    def __init__(self) -> None:
        self.time = 1_000_000_000.0

    def __call__(self) -> float:
        return self.time


def kept(history: History, text: str, follows: str | None = None) -> str:
    chain = history.chain(follows) if follows else Chain()
    assert chain is not None
    response_id = new_response_id()
    history.keep(response_id, chain, None, [message("user", text)], f"reply to {text}")
    return response_id


def texts(history: History, response_id: str) -> list[str]:
    chain = history.chain(response_id)
    assert chain is not None
    return [text_of(turn.messages[0]) for turn in chain.turns]


def test_an_id_has_the_form_the_protocol_shows(tmp_path: Path) -> None:
    assert re.fullmatch("resp_[0-9a-f]{48}", kept(History(tmp_path / "h.db"), "one"))


def test_a_chain_is_read_from_its_root_to_the_id(tmp_path: Path) -> None:
    history = History(tmp_path / "h.db")
    one = kept(history, "one")
    two = kept(history, "two", one)
    kept(history, "three", two)

    assert texts(history, two) == ["one", "two"]


def test_any_earlier_id_can_be_branched_from_and_both_branches_stay(tmp_path: Path) -> None:
    history = History(tmp_path / "h.db")
    one = kept(history, "one")
    two, other = kept(history, "two", one), kept(history, "other", one)

    assert texts(history, two) == ["one", "two"]
    assert texts(history, other) == ["one", "other"]


def test_a_chain_survives_the_program(tmp_path: Path) -> None:
    one = kept(History(tmp_path / "h.db"), "one")

    assert texts(History(tmp_path / "h.db"), one) == ["one"]


def test_an_unknown_id_has_no_chain(tmp_path: Path) -> None:
    assert History(tmp_path / "h.db").chain("resp_0") is None


def test_a_response_older_than_thirty_days_cannot_be_followed(tmp_path: Path) -> None:
    clock = Clock()
    history = History(tmp_path / "h.db", clock)
    one = kept(history, "one")

    clock.time += 30 * DAY - 1
    assert history.chain(one) is not None
    clock.time += 2
    assert history.chain(one) is None


def test_what_is_older_than_thirty_days_is_deleted(tmp_path: Path) -> None:
    clock = Clock()
    history = History(tmp_path / "h.db", clock)
    kept(history, "one")

    clock.time += 31 * DAY
    kept(history, "two")

    with history._connected() as connection:
        assert connection.execute("SELECT input FROM turn").fetchall() == [("two",)]


def test_an_old_turn_stays_while_a_young_one_follows_it(tmp_path: Path) -> None:
    clock = Clock()
    history = History(tmp_path / "h.db", clock)
    one = kept(history, "one")
    clock.time += 20 * DAY
    two = kept(history, "two", one)

    clock.time += 20 * DAY
    kept(history, "three")

    assert texts(history, two) == ["one", "two"]
    assert history.chain(one) is None


def test_the_file_is_private(tmp_path: Path) -> None:
    kept(History(tmp_path / "data" / "h.db"), "one")

    assert stat.S_IMODE((tmp_path / "data" / "h.db").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def keep_many(path: Path, count: int) -> None:
    history = History(path)
    follows = None
    for number in range(count):
        follows = kept(history, str(number), follows)


def test_several_programs_can_begin_the_file_and_write_at_once(tmp_path: Path) -> None:
    program = "import sys; from tests.local.test_history import *; keep_many(Path(sys.argv[1]), 25)"
    command = [sys.executable, "-c", program, str(tmp_path / "h.db")]
    programs = [subprocess.Popen(command, cwd=Path(__file__).parents[2]) for _ in range(4)]

    assert [program.wait() for program in programs] == [0, 0, 0, 0]
    with History(tmp_path / "h.db")._connected() as connection:
        assert connection.execute("SELECT count(*) FROM turn").fetchone() == (100,)


_FIRST_VERSION = """
CREATE TABLE turn (number INTEGER PRIMARY KEY, response_id TEXT NOT NULL UNIQUE,
    parent INTEGER REFERENCES turn (number), system_prompt TEXT, input TEXT NOT NULL, output TEXT NOT NULL,
    first_shown INTEGER, at REAL NOT NULL);
INSERT INTO turn VALUES (1, 'resp_old', NULL, 'Be brief.', 'one', 'reply to one', NULL, 4e9);
PRAGMA user_version = 1;
"""


def test_what_an_older_lmchat_kept_can_be_followed(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "h.db")) as connection:
        connection.executescript(_FIRST_VERSION)
    history = History(tmp_path / "h.db")

    chain = history.chain("resp_old")
    assert chain is not None
    assert chain.turns[0].messages == (message("user", "one"),)
    assert texts(history, kept(history, "two", "resp_old")) == ["one", "two"]


def test_messages_of_several_roles_and_their_pictures_come_back_as_they_were(tmp_path: Path) -> None:
    history = History(tmp_path / "h.db")
    said = [
        message("user", "Look.", ["data:image/png;base64,AA=="]),
        message("assistant", "青"),
        message("user", "And?"),
    ]
    response_id = new_response_id()

    history.keep(response_id, Chain(), None, said, "Yes.")

    chain = history.chain(response_id)
    assert chain is not None
    assert list(chain.turns[0].messages) == said
