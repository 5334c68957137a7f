"""`lmchat sessions delete` and `restore`: which sessions are meant, what is asked, and what comes back."""

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pexpect
import pytest

from lmchat.store.store import open_store
from tests.support.program import run


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home with two new sessions and two old ones."""
    now = datetime.now(UTC)
    for age, names in ((100, ("chat", "old")), (0, ("chat-2", "new"))):
        with open_store(tmp_path, now=lambda age=age: now - timedelta(days=age)) as store:  # type: ignore[misc]
            for name in names:
                store.create(name)
    return tmp_path


def left(home: Path) -> set[str]:
    with open_store(home, now=lambda: datetime.now(UTC)) as store:
        return set(store.names())


@pytest.mark.parametrize(
    ("arguments", "stay"),
    [
        (["old"], {"chat", "chat-2", "new"}),
        (["chat*"], {"old", "new"}),
        (["chat-*", "new"], {"chat", "old"}),
        (["--older-than", "90d"], {"chat-2", "new"}),
        (["chat*", "--older-than", "2w"], {"old", "chat-2", "new"}),
        (["--older-than", "200d"], {"chat", "old", "chat-2", "new"}),
    ],
)
def test_names_patterns_and_ages_say_what_goes_without_a_question_in_a_script(
    home: Path, arguments: list[str], stay: set[str]
) -> None:
    assert run(home, "sessions", "delete", *arguments).status == 0
    assert left(home) == stay


def test_a_name_with_the_signs_of_a_pattern_is_that_session(home: Path) -> None:
    with open_store(home, now=lambda: datetime.now(UTC)) as store:
        store.create("chat*")
    run(home, "sessions", "delete", "chat*")
    assert left(home) == {"chat", "old", "chat-2", "new"}


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ([], 2, "No session is named"),
        (["none-*"], 6, "There is no session 'none-*'"),
        (["old", "nwe"], 6, "Did you mean 'new'?"),
        (["--older-than", "soon"], 2, "not a length of time"),
    ],
)
def test_what_names_nothing_is_refused_and_deletes_nothing(
    home: Path, arguments: list[str], status: int, said: str
) -> None:
    ran = run(home, "sessions", "delete", *arguments)
    assert (ran.status, said in ran.stderr) == (status, True)
    assert len(left(home)) == 4


def test_a_deleted_session_is_listed_and_restored(home: Path) -> None:
    said = run(home, "sessions", "delete", "old").stderr
    assert "lmchat sessions restore" in said
    assert run(home, "sessions", "restore").stdout.startswith("old  deleted")
    assert run(home, "sessions", "restore", "old").status == 0
    assert "old" in left(home)
    assert "empty" in run(home, "sessions", "restore").stderr


def test_purge_deletes_for_good_and_without_a_name_empties_the_trash(home: Path) -> None:
    run(home, "sessions", "delete", "old", "new")
    run(home, "sessions", "delete", "--purge", "chat", "old")
    assert run(home, "sessions", "restore").stdout.startswith("new  deleted")
    assert "1 session deleted for good" in run(home, "sessions", "delete", "--purge").stderr
    assert run(home, "sessions", "restore", "new").status == 6
    assert left(home) == {"chat-2"}


@pytest.mark.terminal
@pytest.mark.parametrize(
    ("arguments", "answer", "stay"),
    [(["chat*"], "y\r", 2), (["chat*"], "\r", 4), (["chat*"], "\x04", 4), (["chat*", "--yes"], "", 2)],
)
def test_a_terminal_is_asked_with_what_would_go(home: Path, arguments: list[str], answer: str, stay: int) -> None:
    child = pexpect.spawn(
        sys.executable,
        ["-m", "lmchat", "sessions", "delete", *arguments],
        env={**os.environ, "LMCHAT_HOME": str(home), "TERM": "xterm-256color"},
        encoding="utf-8",
        timeout=60,
    )
    if answer:
        child.expect_exact("chat-2")
        child.expect_exact("Move 2 sessions to the trash? [y/N]")
        child.send(answer)
    child.expect(pexpect.EOF)
    child.close()
    assert (child.exitstatus, len(left(home))) == (0, stay)
