"""Files that are dragged into the terminal, and text that is pasted."""

from pathlib import Path

import pytest

from lmchat.repl.line import as_mentions, attached_by, dragged
from tests.support.lmstudio import EYES, Studio
from tests.support.pictures import file as file_of
from tests.support.talking import CTRL_C, CTRL_D, ENTER, Talk


def pasted(text: str) -> str:
    return f"\x1b[200~{text}\x1b[201~"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "my files"
    place.mkdir()
    for name in ("a.png", "b c.png", "日本.png", "it's.png"):
        (place / name).write_bytes(file_of("PNG"))
    (place / "notes.txt").write_text("noted")
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def seeing(talk: Talk, studio: Studio, place: Path) -> Talk:
    studio.models = ({**EYES, "loaded_instances": [{"id": "acme/eyes"}]},)
    return talk


WRITTEN = [
    "{}/a.png",
    "'{}/a.png'",
    '"{}/a.png" ',
    "'{}/a.png' '{}/b c.png'",
    "{}/a.png\n{}/日本.png\n",
]


@pytest.mark.parametrize("written", WRITTEN)
def test_paths_are_read_however_a_terminal_writes_them(place: Path, written: str) -> None:
    assert all(path.suffix == ".png" for path in dragged(written.replace("{}", str(place))))
    assert dragged(written.replace("{}", str(place)))


def test_escaped_blanks_and_urls_are_paths(place: Path) -> None:
    assert dragged(f"{place}/b c.png".replace(" ", "\\ ")) == (place / "b c.png",)
    assert dragged(f"file://{place}/b%20c.png".replace(" ", "%20")) == (place / "b c.png",)
    assert dragged((place / "日本.png").as_uri()) == (place / "日本.png",)
    assert dragged(f"{(place / 'a.png').as_uri()}\r\n{(place / 'b c.png').as_uri()}\r\n") == (
        place / "a.png",
        place / "b c.png",
    )
    assert dragged("it's.png") == (Path("it's.png"),)


@pytest.mark.parametrize("text", ["", "hello", "what is a.png", "/no/such.png", "a.png and so on", "'", "a.png 'b"])
def test_an_ordinary_prompt_is_no_path(place: Path, text: str) -> None:
    assert dragged(text) == ()
    assert attached_by(text) == ()


def test_a_copied_path_of_a_text_stays_text_and_a_dragged_one_is_mentioned(place: Path) -> None:
    path = place / "notes.txt"
    assert as_mentions(str(path), "what is in ") == ""
    assert as_mentions(f"'{path}' ", "what is in ") == f"@'{path}' "
    assert as_mentions(path.as_uri(), "see:") == f" @'{path}' "
    assert as_mentions(str(place / "a.png"), "") == f"@'{place}/a.png' "


def test_two_slashes_send_one_also_where_a_file_has_that_path(place: Path) -> None:
    assert dragged(f"/{place}/a.png") == ()
    assert attached_by(f"/{place}/a.png") == ()


def test_a_word_that_happens_to_be_a_files_name_is_a_prompt(place: Path) -> None:
    assert attached_by("notes.txt") == ()
    assert attached_by("@notes.txt") == ()
    assert attached_by(str(place / "notes.txt")) == (place / "notes.txt",)
    assert attached_by("a.png") == (Path("a.png"),)
    assert attached_by("@a.png @'b c.png'") == (Path("a.png"), Path("b c.png"))
    assert attached_by("@a.png what is it?") == ()


def test_a_picture_that_is_dragged_goes_with_the_words_after_it(seeing: Talk, studio: Studio, place: Path) -> None:
    out = seeing.press(pasted(f"'{place}/b c.png' ") + f"what is it?{ENTER}{CTRL_D}")
    assert "Sent with it: b c.png (64 × 48" in out
    text, image = studio.chats[0]["input"]
    assert text["content"] == f"@'{place}/b c.png' what is it?"
    assert image["data_url"].startswith("data:image/png")


def test_a_picture_alone_waits_for_the_prompt(seeing: Talk, studio: Studio, place: Path) -> None:
    out = seeing.type(f"'{place}/a.png'", "what is it?")
    assert "a.png (64 × 48" in out
    assert "/image off drops it" in out
    assert len(studio.chats) == 1
    assert studio.chats[0]["input"][0]["content"] == "what is it?"


def test_a_model_that_does_not_see_is_named_and_the_line_stays(talk: Talk, studio: Studio, place: Path) -> None:
    out = talk.press(f"@a.png what is it?{ENTER}\x15hello{ENTER}{CTRL_D}")
    assert "acme/big does not see pictures." in out
    assert studio.chats[0]["input"] == "hello"


@pytest.mark.parametrize(
    "text",
    [
        "/* a comment */",
        "/usr/bin/env python",
        "/nosuch one\ntwo",
        "/help\nme",
        "//x",
        "// x",
        "!ls",
        "@notes.txt",
        "\\!x",
    ],
)
def test_pasted_text_is_sent_as_it_is(talk: Talk, studio: Studio, place: Path, text: str) -> None:
    talk.press(pasted(text) + ENTER + CTRL_C + CTRL_D)
    assert studio.chats[0]["input"] == text


def test_a_pasted_command_is_one(talk: Talk, studio: Studio) -> None:
    assert "Go back one turn" in talk.press(pasted("/help undo") + ENTER + CTRL_D)
    assert studio.chats == []


def test_pasted_text_that_comes_back_from_the_history_is_still_text(talk: Talk, studio: Studio) -> None:
    talk.press(pasted("/nosuch one\ntwo") + ENTER + CTRL_D)
    talk.press("\x1b[A" + ENTER + CTRL_D)
    assert [chat["input"] for chat in studio.chats] == ["/nosuch one\ntwo"] * 2


def test_a_path_is_pasted_into_a_command_as_it_is(talk: Talk, studio: Studio, place: Path) -> None:
    talk.press("/file " + pasted(f"'{place}/notes.txt' ") + f"{ENTER}what?{ENTER}{CTRL_D}")
    assert studio.chats[0]["input"] == "what?\n\nFile `notes.txt`:\n```txt\nnoted\n```"


def test_a_prompt_that_is_changed_is_sent_as_it_was(talk: Talk, studio: Studio, place: Path) -> None:
    talk.type("\\@notes.txt //x", f"/edit{ENTER}")
    assert [chat["input"] for chat in studio.chats] == ["@notes.txt //x"] * 2
