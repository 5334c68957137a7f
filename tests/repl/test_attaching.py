"""Files that a prompt mentions and the output of commands, from the line to the server."""

import sys
from pathlib import Path

import pytest

from lmchat.app import attachments
from lmchat.app.programs import MOST_KEPT, Ran, ShownOutput, run_in_shell
from lmchat.errors import BadUseError
from tests.repl.test_keyboard import offered
from tests.support.lmstudio import EYES, Studio, refused
from tests.support.pictures import file as file_of
from tests.support.talking import CTRL_D, ENTER, Talk

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "place"
    (place / "src").mkdir(parents=True)
    (place / "other").mkdir()
    (place / "notes.md").write_text("noted\n")
    (place / "my notes.txt").write_text("mine\n")
    (place / "src" / "a.py").write_text("a = 1\n")
    (place / "src" / "b.py").write_text("b = 2\n")
    (place / "other" / "a.py").write_text("c = 3\n")
    (place / "src" / "c.bin").write_bytes(b"a\0b")
    (place / "p.png").write_bytes(file_of("PNG"))
    monkeypatch.chdir(place)
    return place


def test_a_mentioned_file_is_quoted_as_file_quotes_it(talk: Talk, studio: Studio, place: Path) -> None:
    out = talk.type("要約して@notes.md", "and now?")
    assert studio.chats[0]["input"] == "要約して@notes.md\n\nFile `notes.md`:\n```md\nnoted\n```"
    assert studio.chats[1]["input"] == "and now?"
    assert "Sent with it: notes.md (6 B)." in out


def test_files_of_the_same_name_are_told_apart(talk: Talk, studio: Studio, place: Path) -> None:
    talk.type("compare @src/a.py @other/a.py @src/a.py")
    sent = studio.chats[0]["input"]
    assert sent.count("File `src/a.py`:") == sent.count("File `other/a.py`:") == 1


def test_what_a_pattern_fits_and_is_no_text_is_left_out_and_named(talk: Talk, studio: Studio, place: Path) -> None:
    out = talk.type("read @src/*")
    assert "a = 1" in studio.chats[0]["input"]
    assert "b = 2" in studio.chats[0]["input"]
    assert "Left out: c.bin" in out


@pytest.mark.parametrize(
    ("line", "said"),
    [("see @./none", "There is no file './none'."), ("see @src/c.bin", "is not text"), ("see @src/", "is a directory")],
)
def test_what_cannot_be_quoted_is_said_and_the_line_stays(
    talk: Talk, studio: Studio, place: Path, line: str, said: str
) -> None:
    out = talk.press(f"{line}{ENTER}\x01\x0bhello{ENTER}{CTRL_D}")
    assert said in out
    assert studio.chats[0]["input"] == "hello"


def test_a_picture_is_attached(talk: Talk, studio: Studio, place: Path) -> None:
    studio.models = ({**EYES, "loaded_instances": [{"id": "acme/eyes"}]},)
    talk.type("what is in @p.png?")
    text, image = studio.chats[0]["input"]
    assert text["content"] == "what is in @p.png?"
    assert image["type"] == "image"


def test_too_much_is_refused(talk: Talk, studio: Studio, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attachments, "LARGEST_QUOTED", 1024 * 1024)
    (place / "big.log").write_text("x" * (1024 * 1024 + 1))
    assert "big.log' has more than 1 MB, which is too much" in talk.type("@big.log what?")
    assert studio.chats == []


def test_a_pattern_that_fits_too_many_files_is_refused(
    talk: Talk, studio: Studio, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attachments, "MOST_FILES", 2)
    assert "fits more than 2 files" in talk.type("@**/*.py what?")
    assert studio.chats == []


def test_a_pattern_is_a_file_for_the_commands_too(talk: Talk, studio: Studio, place: Path) -> None:
    talk.type("/file src/*.py", "hello")
    assert "File `a.py`" in studio.chats[0]["input"]
    assert "File `b.py`" in studio.chats[0]["input"]
    assert "No file fits 'src/*.rs'." in talk.type("/file src/*.rs")


def test_a_refusal_leaves_the_line_as_it_was_typed(talk: Talk, studio: Studio, place: Path) -> None:
    studio.replies = [refused()]
    talk.press(f"\\@me and @notes.md{ENTER}{ENTER}{CTRL_D}")
    assert studio.chats[0]["input"] == studio.chats[1]["input"]


def test_tab_completes_a_path_inside_a_prompt(talk: Talk, place: Path) -> None:
    state = talk.state()
    assert offered(state, "see @not") == ["notes.md"]
    assert offered(state, "これを@not") == ["notes.md"]
    assert offered(state, "see @my") == ["'my notes.txt'"]
    assert offered(state, 'see @"my no') == ["'my notes.txt'"]
    assert offered(state, "see @src/a") == ["src/a.py"]
    assert offered(state, "see @no such") == []
    assert offered(state, "mail me@no") == []
    assert offered(state, "!cat not") == ["notes.md"]


def test_tab_after_an_at_puts_the_path_into_the_line(talk: Talk, studio: Studio, place: Path) -> None:
    talk.press_slowly("これを@not", "\t", f"を読む{ENTER}", CTRL_D)
    assert studio.chats[0]["input"].startswith("これを@notes.mdを読む\n\nFile `notes.md`")


@posix
def test_the_output_of_a_command_is_shown_and_quoted_in_the_next_prompt(talk: Talk, studio: Studio) -> None:
    talk = talk.with_environ(SHELL="/bin/sh", PATH="/bin:/usr/bin")
    out = talk.type("!echo 日本; echo wrong >&2; exit 3", "why?", "and now?")
    assert "日本\nwrong\nExit status 3; its output (2 lines) is sent with the next prompt; /file off drops it." in out
    assert studio.chats[0]["input"] == (
        "why?\n\nOutput of `echo 日本; echo wrong >&2; exit 3` (exit status 3):\n```\n日本\nwrong\n```"
    )
    assert studio.chats[1]["input"] == "and now?"


@posix
def test_the_output_can_be_dropped(talk: Talk, studio: Studio) -> None:
    talk = talk.with_environ(SHELL="/bin/sh")
    talk.type("!echo out", "/file off", "hello")
    assert studio.chats[0]["input"] == "hello"


@posix
def test_a_command_does_not_inherit_a_token(talk: Talk, studio: Studio) -> None:
    talk = talk.with_environ(SHELL="/bin/sh", LM_API_TOKEN="sk-lm-secret", OTHER="seen")
    out = talk.type("!echo [$LM_API_TOKEN] [$OTHER]")
    assert "[] [seen]" in out


@posix
def test_what_is_no_text_and_what_says_nothing_is_not_sent(talk: Talk, studio: Studio) -> None:
    talk = talk.with_environ(SHELL="/bin/sh")
    out = talk.type("!printf 'a\\000b'", "!true", "hello")
    assert "what it printed is not text" in out
    assert "Exit status 0; it printed nothing" in out
    assert studio.chats[0]["input"] == "hello"


def test_a_shell_that_does_not_start_is_named(talk: Talk, studio: Studio) -> None:
    talk = talk.with_environ(SHELL="/no/such/shell")
    assert "The shell '/no/such/shell' does not start" in talk.type("!ls")


def test_an_escaped_mark_is_sent(talk: Talk, studio: Studio) -> None:
    talk.type("\\!important", "！これは大事")
    assert [chat["input"] for chat in studio.chats] == ["!important", "！これは大事"]


def ran(command: str) -> tuple[Ran, bytes]:
    shown: list[bytes] = []
    done = run_in_shell(command, {"SHELL": "/bin/sh", "PATH": "/bin:/usr/bin"}, None, shown.append)
    return done, b"".join(shown)


@posix
def test_a_long_output_keeps_its_beginning_and_its_end() -> None:
    done, shown = ran("seq 200000")
    assert len(shown) > 1_000_000
    assert len(done.output) < MOST_KEPT + 100
    assert done.text().startswith("1\n2\n")
    assert done.text().endswith("199999\n200000")
    assert "left out" in done.text()


@posix
def test_what_a_command_leaves_running_does_not_keep_it() -> None:
    done, _ = ran("echo begun; sleep 30 &")
    assert done.output == b"begun\n"


@posix
def test_a_signal_is_named() -> None:
    assert ran("kill -9 $$")[0].ended == "ended by SIGKILL"


@pytest.mark.parametrize(
    ("printed", "text"),
    [
        (b"\x1b[31mred\x1b[0m\x1b]0;title\x07\r\n", "red"),
        (b"10%\r50%\r100%\ndone\n", "100%\ndone"),
        (b"N\x08NA\x08AME\n", "NAME"),
        ("日本語のテキストです。\n".encode("shift_jis") * 4, "日本語のテキストです。"),
    ],
)
def test_what_is_quoted_is_what_a_screen_would_show(printed: bytes, text: str) -> None:
    assert Ran(0, printed).text().startswith(text)


def test_an_output_with_other_bytes_is_no_text() -> None:
    with pytest.raises(BadUseError):
        Ran(0, b"\0\1\2").text()


def test_what_is_shown_cannot_move_the_cursor_however_it_is_cut() -> None:
    printed = "日\x1b[2Jx\x1b]0;t\x07y\r\nz\r!\x9b1A\n".encode()
    for size in (1, 2, 3, len(printed)):
        shown = ShownOutput("<again>")
        text = "".join(shown.feed(printed[at : at + size]) for at in range(0, len(printed), size)) + shown.flush()
        assert text == "日xy\nz<again>!1A\n"
    assert ShownOutput("").flush() == ""
