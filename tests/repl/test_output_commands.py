"""What is taken out of a conversation, what is said of it, and the commands of the program itself."""

import json
import re
from pathlib import Path

import pytest

from lmchat.repl.clipboard import osc52
from lmchat.repl.commands.help import KEYS, OURS
from lmchat.repl.commands.table import BY_NAME, COMMANDS, command_named, readme_rows
from tests.support.lmstudio import Studio, ended, event, spoken
from tests.support.scripted import Steps, stream
from tests.support.talking import CTRL_C, CTRL_D, ENTER, Talk


def test_save_writes_the_last_reply(talk: Talk, tmp_path: Path) -> None:
    talk.type("one", f"/save {tmp_path}/answer 1.md")
    assert (tmp_path / "answer 1.md").read_text() == "Reply 1.\n"
    assert "There is no directory" in talk.type("one", f"/save {tmp_path}/none/answer.md")


def test_it_is_said_that_a_file_is_replaced_and_what_it_holds(talk: Talk, tmp_path: Path) -> None:
    lines = ("one", f"/save {tmp_path}/a", f"/export {tmp_path}/a", "y", f"/export {tmp_path}/b.JSON")
    out = talk.type(*lines, name="s")
    assert "The reply is in " in out
    assert out.count(", in place of what was there.") == 1
    assert "as Markdown, in place of what was there." in " ".join(out.split())
    assert "as JSON." in " ".join(out.split())


def test_export_writes_markdown_or_json_by_suffix(talk: Talk, tmp_path: Path) -> None:
    talk.type("one", f"/export {tmp_path}/s.md", f"/export {tmp_path}/s.json", name="s")
    assert "> one" in (tmp_path / "s.md").read_text()
    document = json.loads((tmp_path / "s.json").read_text())
    assert talk.store.import_(document, "again").head == 1


def test_export_without_a_file_uses_the_sessions_name(
    talk: Talk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    talk.type("one", "/export", name="s")
    assert "# s" in (tmp_path / "s.md").read_text()


def test_stats_shows_what_the_server_measured(talk: Talk) -> None:
    assert "Turn 1, acme/big: 10 tokens · 50.0 tokens/s · context 50 of 1,000 (5%)" in talk.type("one", "/stats")


def test_context_shows_how_full_it_is(talk: Talk) -> None:
    out = talk.type("/context", "one", "/context")
    assert "known after the next reply; 1,000 fit" in out
    assert "50 of 1,000 tokens (5%)" in out


def test_a_context_that_is_nearly_full_is_said_once_with_the_choices(talk: Talk, studio: Studio) -> None:
    studio.replies = [spoken("One.", 1, tokens=780), spoken("Two.", 2, tokens=800), spoken("Three.", 3, tokens=850)]
    out = talk.type("/models", "one", "two", "three")
    assert out.count("81% of the context is used. Go on") == 1
    assert "/compact" in out
    assert "/fork" in out
    assert "86% of the context" not in out


def test_tool_shows_a_call_whole(talk: Talk, studio: Studio) -> None:
    call = {"type": "tool_call", "tool": "find", "arguments": {"what": "sky"}, "output": "line\n" * 9 + "last line"}
    studio.replies = [stream(ended("", output=[call, {"type": "message", "content": "Found."}]))]
    out = talk.type("one", "/tool", "/tool 2")
    assert '"what": "sky"' in out
    assert "last line" in out
    assert "The last reply made 1 tool call." in out


def test_the_numbers_behind_a_reply_say_how_full_the_context_is(talk: Talk) -> None:
    talk.world.directories.settings.joinpath("settings.toml").write_text("stats = true\n")
    assert "10 tokens · 50.0 tokens/s · context 50 of 1,000 (5%)" in talk.type("/models", "one")


def test_help_names_every_command_in_one_screen(talk: Talk) -> None:
    out = talk.with_environ(COLUMNS="80").type("/help")
    rows = out.splitlines()[1:]  # after the greeting
    assert all(f"/{each.name}" in out for each in COMMANDS)
    assert len([row for row in rows if row]) <= 20
    assert max(map(len, rows)) <= 80
    assert out.split().index("Turns") < out.split().index("Sessions")


def test_help_all_says_something_of_every_command(talk: Talk) -> None:
    out = talk.type("/help all")
    assert all(each.help.split()[0] in out and each.written in out for each in COMMANDS)


def test_help_explains_the_commands_of_a_group(talk: Talk) -> None:
    out = talk.type("/help turns")
    assert "/undo [n]" in out
    assert "/image" not in out


def test_keys_lists_the_keys(talk: Talk) -> None:
    out = talk.type("/keys")
    assert all(key in out for key, _ in KEYS)


def test_a_command_typed_with_an_input_method_is_a_command(talk: Talk, studio: Studio) -> None:
    assert "Go back one turn" in talk.type("／ｈｅｌｐ　undo")
    assert "There is no command /nix." in talk.type("／ｎｉｘ")
    assert studio.chats == []


@pytest.mark.parametrize(("name", "ours"), OURS.items())
def test_a_name_of_another_program_leads_to_ours(name: str, ours: str) -> None:
    assert command_named(name) is BY_NAME[ours]
    assert name not in BY_NAME


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("/temperature 0.2", "/set temperature"),
        ("/show", "/models"),
        ("/drop a", "/file off"),
        ("/top-p 1", "/set top_p"),
    ],
)
def test_what_is_done_otherwise_here_is_said(talk: Talk, typed: str, hint: str) -> None:
    assert hint in talk.type(typed)


def test_help_shows_more_of_one_command(talk: Talk) -> None:
    out = talk.type("/help retry", "/help /exit")
    assert "/retry --model KEY temperature=0.2" in out
    assert "/quit, /exit" in out


def test_every_command_has_one_name_and_a_row_for_readme() -> None:
    names = [name for each in COMMANDS for name in (each.name, *each.aliases)]
    assert len(names) == len(set(names))
    assert ("/undo [n]", "Go back one turn, or n; the next prompt branches there.") in readme_rows()


def test_an_unknown_command_suggests_the_nearest(talk: Talk, studio: Studio) -> None:
    assert "Did you mean 'retry'?" in talk.type("/rety")
    assert "There is no command /!." in talk.type("/!")
    assert studio.chats == []


def test_two_slashes_send_text_that_begins_with_one(talk: Talk, studio: Studio) -> None:
    talk.type("//undo me", "// a comment")
    assert [chat["input"] for chat in studio.chats] == ["/undo me", "// a comment"]


def test_a_first_word_that_is_a_path_is_sent(talk: Talk, studio: Studio, tmp_path: Path) -> None:
    talk.type(f"{tmp_path}: what is it?")
    assert studio.chats[0]["input"] == f"{tmp_path}: what is it?"


def test_what_is_left_over_behind_a_command_is_refused(talk: Talk) -> None:
    assert "This command takes no arguments (got 'all of it')." in talk.type("/tree all of it")


def test_editor_puts_what_was_written_into_the_line_and_sends_nothing(
    talk: Talk, studio: Studio, tmp_path: Path
) -> None:
    editor = tmp_path / "my editor"
    editor.write_text(
        '#!/bin/sh\n/bin/cat "$2" > $(/usr/bin/dirname "$0")/seen\nprintf "from the\\neditor\\n" > "$2"\n'
    )
    editor.chmod(0o755)
    there = talk.with_environ(VISUAL=f"'{editor}' -w", PATH="/bin:/usr/bin")
    there.press(f"/editor begun{ENTER}!{ENTER}{CTRL_D}")
    assert (tmp_path / "seen").read_text() == "begun"
    assert [chat["input"] for chat in studio.chats] == ["from the\neditor!"]


def test_ctrl_x_ctrl_e_opens_the_line_in_the_editor_and_sends_nothing(
    talk: Talk, studio: Studio, tmp_path: Path
) -> None:
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nprintf ' and more' >> \"$1\"\n")
    editor.chmod(0o755)
    there = talk.with_environ(EDITOR=str(editor))
    there.press_slowly("begun\x18\x05", "!", ENTER, CTRL_D)
    assert [chat["input"] for chat in studio.chats] == ["begun and more!"]


def test_an_editor_that_fails_changes_nothing(talk: Talk) -> None:
    assert "failed with 1" in talk.with_environ(EDITOR="/bin/false").type("/editor")
    assert "does not start" in talk.with_environ(EDITOR="/nonexistent/vi").type("/editor")
    assert "There is no editor." in talk.type("/editor")


def test_an_editor_that_takes_the_file_away_changes_nothing(talk: Talk, studio: Studio, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\n/bin/rm "$1"\n')
    editor.chmod(0o755)
    talk.with_environ(EDITOR=str(editor)).press_slowly("begun\x18\x05", "!", ENTER, CTRL_D)
    assert [chat["input"] for chat in studio.chats] == ["begun!"]


def test_clear_writes_nothing_into_a_redirected_output(talk: Talk) -> None:
    assert "\x1b" not in talk.type("/clear")


def test_clear_keeps_the_conversation(talk: Talk, studio: Studio) -> None:
    talk.type("one", "/clear", "two")
    assert "previous_response_id" in studio.chats[1]


@pytest.mark.parametrize("word", ["/quit", "/exit", "exit", "quit"])
def test_quit_leaves(talk: Talk, studio: Studio, word: str) -> None:
    talk.press(f"{word}{ENTER}")
    assert studio.chats == []


def test_the_title_is_set_only_where_it_is_wanted(talk: Talk) -> None:
    assert "\x1b]2;" not in talk.type("one", name="a")
    talk.world.directories.settings.joinpath("settings.toml").write_text("title = true\n")
    assert "\x1b]2;a - lmchat\x07" in talk.type("one", name="a")
    assert "\x1b]2;b - lmchat\x07" in talk.type("/rename b", name="a")


def test_copying_through_the_terminal_is_wrapped_for_tmux() -> None:
    assert osc52(b"hi", {}) == "\x1b]52;c;aGk=\x07"
    assert osc52(b"hi", {"TMUX": "1"}) == "\x1bPtmux;\x1b\x1b]52;c;aGk=\x07\x1b\\"


def test_stopping_a_command_is_no_error(talk: Talk) -> None:
    assert "lmchat: error" not in talk.type(CTRL_C)


def thinking(text: str, *thoughts: str) -> Steps:
    """Answer after some reasoning, as PROTOCOL.md section 4 has it."""
    deltas = [event("reasoning.delta", content=thought) for thought in thoughts]
    output = [{"type": "reasoning", "content": "".join(thoughts)}, {"type": "message", "content": text}]
    start, over = event("reasoning.start"), event("reasoning.end")
    return stream(start, *deltas, over, event("message.delta", content=text), ended(text, output=output))


def test_think_unfolds_the_reasoning_of_the_last_reply_or_of_a_turn(talk: Talk, studio: Studio) -> None:
    studio.replies = [thinking("One.", "First ", "\x1b[2Jthis."), thinking("Two.", "Then that.")]
    out = talk.type("a", "b", "/think", "/think 1")
    assert out.count("Then that.") == 1
    assert out.index("Then that.") < out.index("First ␛[2Jthis.")


def test_think_says_where_there_was_no_reasoning(talk: Talk) -> None:
    assert "Turn 1 has no reasoning." in talk.type("a", "/think")


def test_raw_shows_a_replys_own_text(talk: Talk, studio: Studio) -> None:
    studio.replies = [spoken("**One**"), spoken("**Two**\x1b[2J")]
    out = talk.type("a", "b", "/raw", "/raw 1")
    assert out.count("**Two**␛[2J\n") == 1 or out.count("**Two**␛[2J") == 2
    assert out.rindex("**One**") > out.index("**Two**")


def test_show_reasoning_is_set_while_one_talks(talk: Talk, studio: Studio) -> None:
    studio.replies = [thinking("One.", "First this."), thinking("Two.", "Then that."), thinking("Three.", "At last.")]
    out = talk.type("a", "/set show_reasoning on", "b", "/set", "/unset show_reasoning", "c")
    assert "First this." not in out
    assert "Then that." in out
    assert re.search(r"show_reasoning +True +/set show_reasoning", out)
    assert "At last." not in out


def test_a_display_setting_that_does_not_fit_is_refused(talk: Talk) -> None:
    assert "true or false" in talk.type("/set show_reasoning perhaps")


def test_export_writes_a_page_with_all_branches(talk: Talk, tmp_path: Path) -> None:
    out = talk.type("one", "/undo", "two", f"/export {tmp_path}/page.html", name="s")
    assert "as HTML." in " ".join(out.split())
    page = (tmp_path / "page.html").read_text()
    assert page.startswith("<!doctype html>")
    assert '<div class="own">one</div>' in page
    assert '<div class="own">two</div>' in page


def test_diff_compares_two_turns_or_one_with_the_last(talk: Talk) -> None:
    out = talk.type("one", "two", "/diff 1 2", "/diff 1", "/diff 9")
    assert out.count("Turn 1 · acme/big") == 2
    assert "9" in out.rpartition("error")[2]


@pytest.mark.parametrize("line", ["/save", "/export"])
@pytest.mark.parametrize(("key", "kept"), [("n", True), ("y", False)])
def test_a_file_that_is_there_is_replaced_after_a_yes_only(
    talk: Talk, tmp_path: Path, line: str, key: str, kept: bool
) -> None:
    file = tmp_path / "mine.md"
    file.write_text("mine")
    out = talk.press(f"one{ENTER}{line} {file}{ENTER}{key}{ENTER}{CTRL_C}{CTRL_D}", name="s")
    assert (file.read_text() == "mine") is kept
    assert (f"'{file}' was left as it is." in out) is kept


@pytest.mark.parametrize("line", ["/save", "/export"])
def test_an_unknown_form_is_refused_by_name(talk: Talk, tmp_path: Path, line: str) -> None:
    assert "cannot be written as .pdf." in talk.type("one", f"{line} {tmp_path}/a.pdf", name="s")
    assert not (tmp_path / "a.pdf").exists()


def test_where_a_file_went_is_said_from_the_root(talk: Talk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    out = talk.type("one", "/save a.md", "/export", name="s")
    assert f"The reply is in {tmp_path}/a.md." in out
    assert f"Session 's' is in {tmp_path}/s.md as Markdown." in out
