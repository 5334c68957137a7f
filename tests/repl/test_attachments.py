"""What is sent with the next prompt: pictures, files, the clipboard."""

from pathlib import Path

import pytest

from tests.support.lmstudio import EYES, Studio, refused, spoken
from tests.support.pictures import file as file_of
from tests.support.talking import CTRL_C, CTRL_D, ENTER, Talk

PNG, GIF = (file_of(kind, (640, 480)) for kind in ("PNG", "GIF"))


@pytest.fixture
def seeing(talk: Talk, studio: Studio) -> Talk:
    studio.models = ({**EYES, "loaded_instances": [{"id": "acme/eyes"}]},)
    return talk


def clipboard(home: Path, *, picture: bytes = b"", text: str = "") -> dict[str, str]:
    """Install a clipboard tool that holds something, and keeps what is copied."""
    (home / "kept.png").write_bytes(picture)
    (home / "kept.txt").write_text(text)
    tool = home / "xclip"
    tool.write_text(
        f'#!/bin/sh\ncase "$*" in\n*image/png*) /bin/cat {home}/kept.png;;\n'
        f"*-o) /bin/cat {home}/kept.txt;;\n*) /bin/cat > {home}/copied;;\nesac\n"
    )
    tool.chmod(0o755)
    return {"PATH": str(home), "DISPLAY": ":0"}


def test_a_picture_goes_along_with_the_next_prompt_only(seeing: Talk, studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "my photo.txt").write_bytes(PNG)
    out = seeing.type(f"/image {tmp_path}/my photo.txt", "what is it?", "and now?")
    assert "my photo.txt (640 × 480, " in out
    text, image = studio.chats[0]["input"]
    assert text["content"] == "what is it?"
    assert image["data_url"].startswith("data:image/png;base64,iVBOR")
    assert studio.chats[1]["input"] == "and now?"


def test_several_pictures_can_be_named_at_once(seeing: Talk, studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "a b.png").write_bytes(PNG)
    (tmp_path / "c.gif").write_bytes(GIF)
    seeing.type(f"/image '{tmp_path}/a b.png' {tmp_path}/c.gif", "look")
    assert len(studio.chats[0]["input"]) == 3


def test_a_model_that_does_not_see_is_told_before_anything_is_sent(talk: Talk, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    out = talk.type(f"/image {tmp_path}/a.png")
    assert "acme/big does not see pictures." in out
    assert "acme/eyes" in out


def test_pictures_can_be_dropped(seeing: Talk, studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    out = seeing.type(f"/image {tmp_path}/a.png", "/image off", "hello")
    assert "No picture is sent" in out
    assert studio.chats[0]["input"] == "hello"


def test_what_is_no_picture_is_refused(seeing: Talk, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no")
    assert "is not a picture" in seeing.type(f"/image {tmp_path}/a.png")
    assert "cannot be read" in seeing.type(f"/image {tmp_path}/none.png")


def test_a_file_is_quoted_under_its_name(talk: Talk, studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("```\ncode\n```\n")
    talk.type(f"/file {tmp_path}/a.md", "what is it?", "and now?")
    assert studio.chats[0]["input"] == "what is it?\n\nFile `a.md`:\n````md\n```\ncode\n```\n````"
    assert studio.chats[1]["input"] == "and now?"


def test_a_file_that_is_no_text_is_refused(talk: Talk, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"a\0b")
    assert "a.bin' is not text." in talk.type(f"/file {tmp_path}/a.bin")


@pytest.mark.parametrize("command", ["/file", "/system @", "/save", "/export"])
def test_the_home_of_an_unknown_user_is_no_bug(
    talk: Talk, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    out = talk.type("one", f"{command} ~nobody-of-that-name/x".replace("@ ", "@"))
    assert "'~nobody-of-that-name/x' cannot be" in out or "There is no directory" in out


def test_files_can_be_dropped(talk: Talk, studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("text")
    out = talk.type(f"/file {tmp_path}/a.md", "/file off", "hello")
    assert "No file is sent" in out
    assert studio.chats[0]["input"] == "hello"


def test_attachments_stay_where_a_prompt_was_refused(talk: Talk, studio: Studio, tmp_path: Path) -> None:
    studio.replies = [refused(), spoken("Good.")]
    (tmp_path / "a.md").write_text("text")
    talk.press(f"/file {tmp_path}/a.md{ENTER}hello{ENTER}{ENTER}{CTRL_D}")
    assert studio.chats[0]["input"] == studio.chats[1]["input"]


def test_paste_attaches_the_picture_in_the_clipboard(seeing: Talk, studio: Studio, tmp_path: Path) -> None:
    seeing.with_environ(**clipboard(tmp_path, picture=PNG)).type("/paste", "look")
    assert studio.chats[0]["input"][1]["data_url"].startswith("data:image/png;")


def test_paste_puts_text_into_the_line(talk: Talk, studio: Studio, tmp_path: Path) -> None:
    talk.with_environ(**clipboard(tmp_path, text="two\nlines")).press(f"/paste{ENTER}!{ENTER}{CTRL_D}")
    assert studio.chats[0]["input"] == "two\nlines!"


def test_without_a_clipboard_paste_says_what_to_do(talk: Talk) -> None:
    assert "There is no clipboard here" in talk.type("/paste")


def test_copy_copies_the_last_reply(talk: Talk, tmp_path: Path) -> None:
    out = talk.with_environ(**clipboard(tmp_path)).type("one", "two", "/copy")
    assert (tmp_path / "copied").read_text() == "Reply 2."
    assert "Copied the reply of turn 2 (8 characters) with xclip." in out


def test_copy_n_copies_the_reply_of_that_turn(talk: Talk, tmp_path: Path) -> None:
    talk.with_environ(**clipboard(tmp_path)).type("one", "two", "/copy 1")
    assert (tmp_path / "copied").read_text() == "Reply 1."


def test_copy_code_copies_a_block_without_its_fences(talk: Talk, studio: Studio, tmp_path: Path) -> None:
    studio.replies = [spoken("```sh\nls\n```\n\n~~~~\n```\n~~~\n~~~~\nend")]
    there = talk.with_environ(**clipboard(tmp_path))
    there.type("one", "/copy code", name="s")
    assert (tmp_path / "copied").read_text() == "ls\n"
    there.type("/copy code 2", name="s")
    assert (tmp_path / "copied").read_text() == "```\n~~~\n"
    assert "has 2 blocks of code" in there.type("/copy code 3", name="s")


def test_copy_code_takes_off_the_indentation_of_a_list(talk: Talk, studio: Studio, tmp_path: Path) -> None:
    reply = "1. Do\n\n   ```py\n   if x:\n       y\n\n  z\n   ```\n\n- a\n  - b\n\n    ```\n    deep\n    ```\n"
    studio.replies = [spoken(reply)]
    there = talk.with_environ(**clipboard(tmp_path))
    there.type("one", "/copy code", name="s")
    assert (tmp_path / "copied").read_text() == "if x:\n    y\n\nz\n"
    there.type("/copy code 2", name="s")
    assert (tmp_path / "copied").read_text() == "deep\n"


def test_copy_code_does_not_end_at_a_fence_that_is_indented_deeper(talk: Talk, studio: Studio, tmp_path: Path) -> None:
    studio.replies = [spoken("```md\n- a\n\n    ```\n    b\n    ```\n```\n")]
    talk.with_environ(**clipboard(tmp_path)).type("one", "/copy code")
    assert (tmp_path / "copied").read_text() == "- a\n\n    ```\n    b\n    ```\n"


def test_in_tmux_copy_hands_the_text_to_tmux(talk: Talk, tmp_path: Path) -> None:
    tool = tmp_path / "tmux"
    tool.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\n/bin/cat > {tmp_path}/copied\n')
    tool.chmod(0o755)
    out = talk.with_environ(PATH=str(tmp_path), TMUX="default,1,0").type("one", "/copy")
    assert "with tmux." in out
    assert (tmp_path / "asked").read_text() == "load-buffer -w -\n"
    assert (tmp_path / "copied").read_text() == "Reply 1."


def test_without_a_clipboard_copy_points_to_save(talk: Talk) -> None:
    assert "/save reply.md" in talk.type("one", "/copy")


def test_nothing_can_be_copied_before_the_first_reply(talk: Talk) -> None:
    assert "There is no reply yet." in talk.type("/copy", f"{CTRL_C}")
