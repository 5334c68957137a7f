"""The program in a real terminal: keys, signals, and a terminal whose modes are always restored."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lmchat.chat.session import Outcome, Turn
from lmchat.store.store import open_store
from tests.support.lmstudio import Studio, ended, event, spoken
from tests.support.program import run
from tests.support.scripted import HOLD, ScriptedServer, Steps, answer, stream
from tests.support.window import PATIENCE, Window, talk_command, window

pytestmark = pytest.mark.terminal

STARTED = event("chat.start", model_instance_id="acme/big")
PHASES: dict[str, tuple[Steps, str]] = {
    "load": (stream(STARTED, event("model_load.progress", progress=0.4), HOLD), "Loading the model"),
    "prefill": (stream(STARTED, event("prompt_processing.progress", progress=0.4), HOLD), "Reading the prompt"),
    "reasoning": (stream(STARTED, event("reasoning.delta", content="Hmm, let me see."), HOLD), "let me see"),
    "reply": (stream(STARTED, event("message.delta", content="Half of it\n\nand"), HOLD), "Half of it"),
    "tool": (stream(STARTED, event("tool_call.start", tool="find"), HOLD), "find"),
}

WORDLESS = {"load", "prefill", "tool"}
"""The phases in which not a word of the reply has come yet."""


@pytest.fixture
def talking(tmp_path: Path, studio: Studio) -> Iterator[Window]:
    with window(talk_command(studio.server.url, "s"), tmp_path) as opened:
        opened.until_prompt()
        opened.until("acme/big")
        yield opened


def turns(home: Path, name: str = "s") -> tuple[Turn, ...]:
    with open_store(home, now=lambda: datetime.now(UTC)) as store:
        return tuple(store.find(name).path())


def given_back(there: Window) -> bool:
    """Tell whether a terminal is as it was found: modes, cursor, marking of pastes, the ordinary screen."""
    left = there.leftovers()
    found = (left.get("2004", "l"), left.get("25", "h"), left.get("1049", "l"), left.get("7", "h"))
    return found == ("l", "h", "l", "h")


def test_a_talk_from_the_first_prompt_to_leaving(talking: Window) -> None:
    talking.send("hello\r")
    talking.until("Reply 1.")
    talking.until("turn 1 · 5% of 1k")
    talking.send("\x04")
    assert talking.ended() == 0
    assert given_back(talking)


def test_the_modes_of_the_terminal_are_restored(tmp_path: Path, studio: Studio) -> None:
    with window(["/bin/sh"], tmp_path) as shell:
        shell.until("shell$")
        before = shell.modes()
        shell.send(" ".join(talk_command(studio.server.url, "s")) + "\r")
        shell.until("is a new session")
        shell.until_prompt()
        assert shell.modes() != before
        shell.send("hello\r")
        shell.until("Reply 1.")
        shell.send("\x04")
        shell.until("shell$", times=2)
        assert shell.modes() == before


@pytest.mark.parametrize("phase", PHASES)
def test_ctrl_c_stops_a_reply_in_every_phase_and_the_talk_goes_on(
    talking: Window, studio: Studio, tmp_path: Path, phase: str
) -> None:
    steps, shown = PHASES[phase]
    studio.replies = [steps]
    talking.send("tell me\r")
    talking.until(shown)
    talking.send("\x03\x03")
    talking.until("(interrupted)")
    if phase in WORDLESS:  # the prompt is in the line again
        talking.until("> tell me", times=2)
        talking.send("\x03")
    talking.until_prompt()
    talking.send("again\r")
    talking.until("Reply 2.")
    talking.send("\x04")
    assert talking.ended() == 0
    before = [] if phase in WORDLESS else [Outcome.INTERRUPTED]
    assert [turn.outcome for turn in turns(tmp_path)] == [*before, Outcome.COMPLETE]


def test_ctrl_c_several_times_stops_a_reply_and_does_not_leave(talking: Window, studio: Studio) -> None:
    studio.replies = [PHASES["reply"][0]]
    talking.send("tell me\r")
    talking.until("Half of it")
    for _ in range(4):
        talking.send("\x03")
    talking.until_prompt()
    talking.send("and now\r")
    talking.until("Reply 2.")


def test_a_server_that_says_nothing_does_not_keep_the_prompt_away(tmp_path: Path) -> None:
    with ScriptedServer([HOLD]) as silent, window(talk_command(silent.url, "s"), tmp_path) as there:
        there.until_prompt()
        there.send("typed")
        there.until("> typed")


def test_what_is_typed_during_a_reply_waits_for_the_next_prompt(talking: Window, studio: Studio) -> None:
    typed = threading.Event()
    studio.replies = [stream(STARTED, event("message.delta", content="Half\n\n"), typed, ended("Half\n\nwhole."))]
    talking.send("tell me\r")
    talking.until("Half")
    talking.send("次の質問")
    typed.set()
    talking.until("whole.")
    talking.until("> 次の質問")
    assert "\n".join(talking.rows()).count("次の質問") == 1
    talking.send("!\r")
    talking.until("Reply 2.")
    assert studio.chats[1]["input"] == "次の質問!"


def test_a_line_sent_during_a_reply_is_asked_after_it_also_when_that_is_stopped(
    talking: Window, studio: Studio
) -> None:
    studio.replies = [stream(STARTED, event("message.delta", content="Half\n\n"), HOLD)]
    talking.send("tell me\r")
    talking.until("Half")
    talking.send("next\r\x03")
    talking.until("Reply 2.")
    assert studio.chats[1]["input"].endswith("next")


def test_a_paste_during_a_reply_is_not_sent_line_by_line(talking: Window, studio: Studio) -> None:
    pasted = threading.Event()
    studio.replies = [stream(STARTED, event("message.delta", content="Half\n\n"), pasted, ended("Half\n\nwhole."))]
    talking.send("tell me\r")
    talking.until("Half")
    assert talking.leftovers()["2004"] == "h"
    talking.send("\x1b[200~one\rtwo\r\x1b[201~")
    pasted.set()
    talking.until("… two")
    talking.send("\r")
    talking.until("Reply 2.")
    assert studio.chats[1]["input"] == "one\ntwo\n"


def test_what_is_typed_during_a_command_is_kept_whole_and_not_smeared(talking: Window, studio: Studio) -> None:
    typed = threading.Event()
    studio.routes["/api/v1/models/load"] = lambda request: [typed, *answer(200, '{"instance_id": "acme/eyes"}')]
    talking.send("/load acme/eyes\r")
    talking.until("Loading acme/eyes")
    # A terminal that reads line by line keeps no more than 4,096 bytes.
    talking.send("word " * 1000 + "end")
    talking.read(0.3)
    assert "word" not in "\n".join(talking.rows())
    typed.set()
    talking.until("word end")
    talking.send("\r")
    talking.until("Reply 1.")
    assert studio.chats[0]["input"] == "word " * 1000 + "end"


def test_a_megabyte_is_pasted_at_once_and_sent_whole(talking: Window, studio: Studio) -> None:
    text = "".join(f"line {number}\t日本語 😀  \n" for number in range(35_000))
    pasting = threading.Thread(target=talking.send, args=(f"\x1b[200~{text.replace(chr(10), chr(13))}\x1b[201~",))
    began = time.monotonic()
    pasting.start()
    talking.until("characters]")
    took = time.monotonic() - began
    pasting.join()
    talking.send("!\r")
    talking.until("Reply 1.")
    assert studio.chats[0]["input"] == f"{text}!"
    assert took < 20  # key by key it takes minutes


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
@pytest.mark.parametrize("during_reply", [False, True])
def test_a_signal_that_ends_the_program_restores_the_terminal(
    talking: Window, studio: Studio, tmp_path: Path, number: signal.Signals, *, during_reply: bool
) -> None:
    if during_reply:
        studio.replies = [PHASES["reply"][0]]
        talking.send("tell me\r")
        talking.until("Half of it")
    os.kill(talking.pid, number)
    assert talking.ended() == 128 + number
    assert given_back(talking)
    if during_reply:
        assert turns(tmp_path)[0].reply.text.startswith("Half of it")


def test_a_terminal_that_is_closed_saves_what_came(talking: Window, studio: Studio, tmp_path: Path) -> None:
    studio.replies = [PHASES["reply"][0]]
    talking.send("tell me\r")
    talking.until("Half of it")
    talking.hang_up()
    assert studio.server.hung_up.wait(PATIENCE)
    deadline = time.monotonic() + PATIENCE
    while not (kept := turns(tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert kept[0].reply.text.startswith("Half of it")
    assert kept[0].outcome is Outcome.INTERRUPTED


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, None])
def test_what_stands_in_the_line_is_kept_when_the_terminal_is_taken_away(
    talking: Window, studio: Studio, tmp_path: Path, how: signal.Signals | None
) -> None:
    talking.send("half a question 日本")
    talking.until("question 日本")
    if how is None:
        talking.hang_up()
    else:
        os.kill(talking.pid, how)
        talking.ended()
    deadline = time.monotonic() + PATIENCE
    while not (tmp_path / "history").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    with window(talk_command(studio.server.url, "s"), tmp_path) as again:
        again.until_prompt()
        again.send("\x1b[A")
        again.until("> half a question 日本")


@pytest.mark.parametrize("during_reply", [False, True])
def test_ctrl_z_suspends_and_comes_back_whole(tmp_path: Path, studio: Studio, *, during_reply: bool) -> None:
    back = threading.Event()
    studio.replies = [
        stream(STARTED, event("message.delta", content="Half\n\n"), back, ended("Half\n\nwhole.")) if during_reply
        else spoken("Half")
    ]  # fmt: skip
    with window(["/bin/sh", "-i"], tmp_path) as shell:
        shell.until("shell$")
        before = shell.modes()
        shell.send(" ".join(talk_command(studio.server.url, "s")) + "\r")
        shell.until("is a new session")
        shell.until_prompt()
        shell.send("tell me\r")
        shell.until("Half")
        if not during_reply:
            shell.until_prompt()
            shell.send("half a line")
            shell.until("> half a line")
        shell.send("\x1a")
        shell.until("Stopped")
        shell.until("shell$", times=2)
        assert given_back(shell)
        assert shell.modes() == before
        shell.send("fg\r")
        back.set()
        if during_reply:
            shell.until("whole.")
            shell.until_prompt()
            shell.send("half a line")
        shell.until("> half a line")
        shell.send("!\r")
        shell.until("Reply 2.")
        assert studio.chats[1]["input"] == "half a line!"


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGTSTP])
def test_stopped_from_outside_it_comes_back_whole(tmp_path: Path, studio: Studio, number: signal.Signals) -> None:
    with window(["/bin/sh", "-i"], tmp_path) as shell:
        shell.until("shell$")
        shell.send(" ".join(talk_command(studio.server.url, "s")) + "\r")
        shell.until("is a new session")
        shell.until_prompt()
        shell.send("half a line")
        shell.until("> half a line")
        os.kill(shell.in_front(), number)
        shell.until("Stopped")
        shell.until("shell$", times=2)
        shell.send("fg\n")  # this shell leaves the modes as they are: Enter alone is no new line yet
        shell.until("> half a line", times=2)
        shell.send("!\r")
        shell.until("Reply 1.")
        assert studio.chats[0]["input"] == "half a line!"


def test_a_pipe_is_the_first_prompt_and_then_the_keyboard_is_read(tmp_path: Path, studio: Studio) -> None:
    command = " ".join(talk_command(studio.server.url, "s"))
    with window(["/bin/sh", "-c", f"printf 'error in\\nline 3\\n' | {command}"], tmp_path) as there:
        there.until("Reply 1.")
        there.until_prompt()
        there.send("why?\r")
        there.until("Reply 2.")
        there.send("\x04")
        assert there.ended() == 0
        assert there.modes() == there.modes_before
    assert [chat["input"] for chat in studio.chats] == ["error in\nline 3", "why?"]


def test_a_window_that_is_made_narrow_keeps_the_line_and_the_toolbar_right(talking: Window) -> None:
    talking.send("これは長い日本語の入力です。" * 3)
    talking.until("入力です。これは")
    talking.resize(24, 33)
    line = ["> これは長い日本語の入力です。こ", "  れは長い日本語の入力です。これ", "  は長い日本語の入力です。"]
    talking.until_rows(lambda rows: rows[-4:-1] == line and rows[-1].startswith("s · acme/big"))


def test_the_first_ctrl_c_on_an_empty_line_says_what_a_second_does(talking: Window) -> None:
    talking.send("\x03")
    talking.until("Ctrl-C again, or Ctrl-D, leaves")
    talking.send("a")
    talking.until("s · acme/big")
    talking.send("\x03\x03\x03")
    assert talking.ended() == 0


def test_a_long_text_begins_a_new_line_with_a_mark(talking: Window) -> None:
    talking.send("one\x1b\rtwo\ntwo more")
    talking.until("… two more")
    assert [row for row in talking.rows() if row.startswith((">", "…"))] == ["> one", "… two", "… two more"]


def test_commands_are_offered_while_typing_and_nothing_is_offered_in_text(talking: Window) -> None:
    talking.send("/und")
    talking.until("Go back one turn")
    talking.send("\x03hello /und")
    talking.until("> hello /und")
    talking.read(0.3)
    assert "Go back one turn" not in "\n".join(talking.rows())


def test_without_a_terminal_it_says_what_to_use_instead(tmp_path: Path, studio: Studio) -> None:
    command = " ".join(talk_command(studio.server.url, "s"))
    with window(["/bin/sh", "-c", f"setsid -w {command} < /dev/null 2>&1 | /bin/cat; echo over"], tmp_path) as there:
        there.until("over")
        there.until("lmchat ask")


def test_a_terminal_without_escapes_gets_none(tmp_path: Path, studio: Studio) -> None:
    studio.replies = [spoken("**Bold**")]
    with window(talk_command(studio.server.url, "s"), tmp_path, term="dumb") as there:
        there.until_prompt()
        there.send("hello\r")
        there.until("**Bold**")
        there.send("/nosuch\r")
        there.until("> /nosuch", times=2)
        there.until_keys()
        there.send("\x03")
        there.until_prompt()
        there.send("\x04")
        assert there.ended() == 0
        assert b"\x1b" not in there.written
    (tmp_path / "settings.toml").write_text("title = true\n")
    # The session goes on: its last turns are shown, and its name would be a title.
    with window(talk_command(studio.server.url, "s"), tmp_path, term="dumb") as there:
        there.until("**Bold**")
        there.until_keys()
        for command in ("/history", "/tree", "/stats", "/context", "/set", "/models", "/help", "/copy", "/clear"):
            there.send(f"{command}\r")
            there.read(0.5)
            there.until_keys()
            there.send("\x03")
        there.send("\x04")
        assert there.ended() == 0
        assert b"\x1b" not in there.written


def test_the_last_reply_of_a_resumed_session_is_not_dim(tmp_path: Path, studio: Studio) -> None:
    studio.replies = [spoken("First."), spoken("Second.")]
    with window(talk_command(studio.server.url, "s"), tmp_path) as there:
        there.until_prompt()
        for said in ("First.", "Second."):
            there.send("hello\r")
            there.until(said)
            there.until_keys()
        there.send("\x04")
        assert there.ended() == 0
    with window(talk_command(studio.server.url, "s"), tmp_path) as there:
        there.until("Second.")
        assert b"\x1b[2mFirst." in there.written
        assert b"\x1b[2mSecond." not in there.written


def test_completions_are_shown_in_a_short_window(tmp_path: Path, studio: Studio) -> None:
    with window(talk_command(studio.server.url, "s"), tmp_path, rows=5) as there:
        there.until_prompt()
        there.send("/un")
        there.until("/undo")
        assert "> /un" in there.rows()


def test_numbers_are_not_torn_at_the_margin(tmp_path: Path, studio: Studio) -> None:
    with window(talk_command(studio.server.url, "s"), tmp_path, columns=40) as there:
        there.until_prompt()
        there.send("hello\r")
        there.until("turn 1")
        there.send("/stats\r")
        there.until("(5%)")
        assert "Turn 1, acme/big: 10 tokens · 50.0" in there.rows()
        assert "tokens/s · context 50 of 1,000 (5%) ·" in there.rows()


def test_clear_leaves_the_prompt_alone_on_the_screen(talking: Window) -> None:
    talking.send("/clear\r")
    deadline = time.monotonic() + PATIENCE
    while talking.rows()[0] != ">":
        assert talking.read()
        assert time.monotonic() < deadline


def test_two_windows_follow_a_rename_and_are_told_of_a_deletion(tmp_path: Path, studio: Studio) -> None:
    command = talk_command(studio.server.url, "s")
    with window(command, tmp_path) as one:
        one.until_prompt()
        one.send("first\r")
        one.until("Reply 1.")
        with window(command, tmp_path) as two:
            two.until_prompt()
            assert run(tmp_path, "sessions", "rename", "s", "renamed").status == 0
            two.send("second\r")
            two.until("it is called 'renamed' now")
            two.until("Reply 2.")
            two.until_prompt()
            one.send("third\r")
            one.until("it is called 'renamed' now")
            one.until("Another program added 1 turn")
            one.until("Reply 3.")
            one.until_prompt()
            assert run(tmp_path, "sessions", "delete", "renamed").status == 0
            two.send("fourth\r")
            two.until("was deleted by another program")
            two.until("> fourth", times=2)
    assert len(studio.chats) == 3
    assert [turn.prompt.text for turn in turns_in_trash(tmp_path)] == ["first", "second", "third"]


def turns_in_trash(home: Path) -> tuple[Turn, ...]:
    with open_store(home, now=lambda: datetime.now(UTC)) as store:
        return tuple(store.find(store.restore("renamed")).path())


def test_enter_before_the_prompt_is_there_sends(tmp_path: Path, studio: Studio) -> None:
    with window(talk_command(studio.server.url, "s"), tmp_path) as there:
        there.send("early\r")
        there.until("Reply 1.")
        there.until_prompt()
        assert studio.chats[0]["input"] == "early"


@pytest.mark.parametrize("term", ["xterm-256color", "dumb"])
def test_what_is_typed_before_the_prompt_is_there_is_in_the_line_and_in_no_other(
    tmp_path: Path, studio: Studio, term: str
) -> None:
    with window(talk_command(studio.server.url, "s"), tmp_path, term=term) as there:
        there.send("half a line")
        there.until("> half a line")
        assert "half a line" in there.rows()


def test_control_d_before_the_prompt_is_there_leaves(tmp_path: Path, studio: Studio) -> None:
    with window(talk_command(studio.server.url, "s"), tmp_path) as there:
        there.send("\x04")
        assert there.ended() == 0


def test_what_is_typed_during_a_reply_is_shown_and_can_be_taken_back(talking: Window, studio: Studio) -> None:
    over = threading.Event()
    studio.replies = [stream(STARTED, event("message.delta", content="Half\n\nof"), over, ended("Half\n\nof it."))]
    talking.send("tell me\r")
    talking.until("of")
    talking.send("次の質問\rand more")
    talking.until("queued: 次の質問 ⏎ and more  (Ctrl-U takes it back)")
    talking.send("\x15\x15")
    talking.until_gone("queued:")
    talking.send("other\x7f")
    talking.until("queued: othe ")
    over.set()
    talking.until("> othe")
    assert "queued" not in "\n".join(talking.rows())
    talking.send("\r")
    talking.until("Reply 2.")
    assert studio.chats[1]["input"] == "othe"


def test_what_a_terminal_answers_is_not_typed(talking: Window, studio: Studio) -> None:
    talking.send("\x1b[I\x1b[?62;c\x1b]11;rgb:1e1e/1e1e/1e1e\x1b\\\x1b[13;5uhello\x1b[O\x1b[97;5uAh, \x1b[24;80R")
    talking.until("> Ah, hello")
    talking.send("\r")
    talking.until("Reply 1.")
    assert studio.chats[0]["input"] == "Ah, hello"


def test_that_ctrl_c_leaves_is_forgotten_after_a_key_and_after_a_while(talking: Window, studio: Studio) -> None:
    notice = "Ctrl-C again, or Ctrl-D, leaves · s · acme/big"
    talking.send("\x03")
    talking.until(notice)
    talking.send("a\x7f")
    talking.until_gone(notice)
    talking.send("\x03")
    talking.until(notice)
    talking.until_gone(notice)
    talking.send("\x03")
    talking.until(notice)
    talking.send("hello\r")
    talking.until("Reply 1.")


def test_a_command_that_failed_stands_in_the_line_above_the_toolbar(talking: Window) -> None:
    talking.send("/nosuch\r")
    talking.until("> /nosuch", times=2)
    talking.until_rows(lambda rows: rows[-2] == "> /nosuch")


def test_an_entry_of_the_history_is_suggested_and_taken_with_right(talking: Window, studio: Studio) -> None:
    talking.send("the first question\r")
    talking.until("Reply 1.")
    talking.until_prompt()
    talking.send("the f")
    talking.until("> the first question", times=2)
    assert b"90m" in talking.written
    talking.send("\x1b[C\r")
    talking.until("Reply 2.")
    talking.until_prompt()
    talking.send("the first")
    talking.until("> the first question", times=3)
    talking.send("\r")
    talking.until("Reply 3.")
    assert [chat["input"] for chat in studio.chats] == ["the first question", "the first question", "the first"]


def test_the_mode_of_vis_keys_is_in_the_toolbar_and_the_cursors_shape(tmp_path: Path, studio: Studio) -> None:
    (tmp_path / "settings.toml").write_text('keys = "vi"\n')
    with window(talk_command(studio.server.url, "s"), tmp_path) as there:
        there.until("insert · s · acme/big")
        assert b"\x1b[6 q" in there.written
        there.send("hello\x1b")
        there.until("normal · s · acme/big")
        assert b"\x1b[2 q" in there.written
        there.send("v")
        there.until("visual · s · acme/big")
        there.send("\x1b\x03\x04")
        assert there.ended() == 0
        assert there.written.rfind(b"\x1b[0 q") > there.written.rfind(b"\x1b[2 q")


def test_a_command_of_the_shell_has_the_terminal_and_ctrl_c_stops_it_only(talking: Window, studio: Studio) -> None:
    talking.send("!printf 'na%s? ' me; read name; echo \"hello $name\"\r")
    talking.until("name?")
    talking.send("日本\r")
    talking.until("hello 日本")
    talking.until("Exit status 0; its output (1 line)")
    talking.until_prompt()
    talking.send("!echo begun; sleep 60\r")
    talking.until("begun", times=2)
    talking.send("\x03")
    talking.until("Stopped by Ctrl-C; its output (1 line) is sent")
    talking.until_prompt()
    talking.send("!trap '' INT; echo deaf; while :; do sleep 1; done\r")
    talking.until("deaf", times=2)
    talking.send("\x03")
    # Two that come at once are one.
    talking.until("^C", times=2)
    talking.read(0.2)
    talking.send("\x03")
    talking.until("Stopped by Ctrl-C", times=2)
    talking.until_prompt()
    talking.send("why?\r")
    talking.until("Reply 1.")
    assert "Output of `echo begun; sleep 60` (stopped by Ctrl-C):\n```\nbegun\n```" in studio.chats[0]["input"]
    talking.send("\x04")
    assert talking.ended() == 0
    assert given_back(talking)


def test_full_width_letters_of_an_input_method_are_commands_and_mentions(talking: Window, studio: Studio) -> None:
    talking.send("／ｈｅｌｐ undo\r")
    talking.until("Go back one turn")
