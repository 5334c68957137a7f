"""The history of what was typed: complete, shared, and safe with several programs at once."""

import fcntl
import multiprocessing
import threading
import time
from pathlib import Path

import pytest

from lmchat.repl.editing import LONGEST_UNFOLDED, Folds
from lmchat.repl.history import SharedHistory
from tests.support.lmstudio import Studio
from tests.support.talking import CTRL_D, ENTER, UP, Talk

CTRL_R = "\x12"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "history"


def history(path: Path) -> SharedHistory:
    return SharedHistory(path, Folds())


def entries(path: Path) -> list[str]:
    """Return what another program would see, the oldest first."""
    return list(history(path).load_history_strings())[::-1]


def test_entries_of_several_lines_come_back_whole(path: Path) -> None:
    texts = ["one\ntwo\n\n\tthree  ", "日本語 😀", 'quotes " and \\ and \u2028', "half \ud83d a smile"]
    for text in texts:
        history(path).append_string(text)
    assert entries(path) == texts


def test_the_same_twice_in_a_row_is_kept_once_whoever_typed_it(path: Path) -> None:
    one, other = history(path), history(path)
    for writer, text in ((one, "a"), (other, "a"), (one, "b"), (other, "a")):
        writer.append_string(text)
    assert entries(path) == ["a", "b", "a"]


def test_a_leading_space_keeps_a_line_out(path: Path) -> None:
    for text in (" secret", "  ", "open"):
        history(path).append_string(text)
    assert entries(path) == ["open"]


def test_the_file_is_for_its_owner_only(path: Path) -> None:
    history(path).append_string("a")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_what_another_program_types_is_seen_at_the_next_prompt(path: Path) -> None:
    mine = history(path)
    mine.append_string("mine")
    history(path).append_string("theirs")
    assert list(mine.load_history_strings()) == ["theirs", "mine"]


def test_a_torn_line_costs_only_itself(path: Path) -> None:
    history(path).append_string("before")
    with path.open("ab") as file:
        file.write(b'"torn in the mid')
    history(path).append_string("after")
    assert entries(path) == ["before", "after"]


def test_a_file_that_was_emptied_is_read_from_its_beginning(path: Path) -> None:
    mine = history(path)
    mine.append_string("a")
    path.write_bytes(b"")
    mine.append_string("b")
    assert list(mine.load_history_strings()) == ["b"]


def test_a_directory_that_cannot_be_written_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    history(tmp_path / "file" / "history").append_string("a")


def _write(path: Path, name: str) -> None:
    mine = history(path)
    for number in range(30):
        mine.append_string(f"{name} {number} " + "x" * 50_000)


def test_several_programs_at_once_lose_nothing(path: Path) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_write, args=(path, f"writer {number}")) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(path.read_bytes().splitlines()) == 120
    assert {text[:8] for text in SharedHistory(path, _Unfolded()).load_history_strings()} == {
        f"writer {number}" for number in range(4)
    }


def test_an_entry_waits_until_no_other_program_writes(path: Path) -> None:
    history(path).append_string("before")
    writer = threading.Thread(target=history(path).append_string, args=("after",))
    with path.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        writer.start()
        writer.join(0.2)
        assert entries(path) == ["before"]
    writer.join()
    assert entries(path) == ["before", "after"]


class _Unfolded(Folds):
    def fold(self, text: str) -> str:
        return text


def test_20_000_entries_are_read_in_no_time(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("".join(f'"entry number {number} with some words in it"\n' for number in range(20_000)))
    began = time.process_time()
    assert len(list(history(path).load_history_strings())) == 20_000
    assert time.process_time() - began < 0.5


def test_up_brings_back_what_was_typed_in_any_session(talk: Talk, studio: Studio) -> None:
    talk.type("first", "second", name="a")
    talk.press_slowly(UP + UP, ENTER, CTRL_D, name="b")
    assert studio.chats[2]["input"] == "first"


def test_up_finds_what_begins_with_what_stands_there(talk: Talk, studio: Studio) -> None:
    talk.type("apple one", "banana two", name="a")
    talk.press_slowly("app", UP, ENTER, CTRL_D, name="a")
    assert studio.chats[2]["input"] == "apple one"


def test_ctrl_r_finds_words_inside_and_enter_does_not_send_yet(talk: Talk, studio: Studio) -> None:
    talk.type("apple one", "banana two", name="a")
    talk.press_slowly(CTRL_R + "ple", ENTER + "\x05!", ENTER, CTRL_D, name="a")
    assert studio.chats[2]["input"] == "apple one!"


def test_commands_are_remembered_too(talk: Talk) -> None:
    talk.type("/models")
    talk.press_slowly(UP, ENTER, CTRL_D)
    assert "KEY" in talk.out.getvalue()


def test_a_private_conversation_leaves_nothing_in_the_history(talk: Talk) -> None:
    talk.private = True
    talk.type("secret")
    assert not (talk.world.directories.state / "history").exists()


def test_a_long_paste_is_remembered_whole(talk: Talk, studio: Studio) -> None:
    text = "word " * (LONGEST_UNFOLDED // 4)
    talk.press(f"\x1b[200~{text}\x1b[201~{ENTER}{CTRL_D}", name="a")
    talk.press_slowly(UP, f"!{ENTER}", CTRL_D, name="a")
    assert studio.chats[1]["input"] == f"{text}!"
