"""The person's own prompts and roles: what their files say, where it goes, and what is wrong with them."""

from pathlib import Path

import pytest

from lmchat.chat.values import Options
from lmchat.errors import NotFoundError, SettingsError
from lmchat.settings.prompts import Kind, PromptFile, filled_in, prompt_names, read_all, read_prompt


def write(home: Path, name: str, text: str, kind: Kind = Kind.PROMPT) -> Path:
    path = home / kind.value / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return home / "settings.toml"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_front_matter_says_what_a_prompt_is_and_asks_with(tmp_path: Path, end: str, mark: str) -> None:
    lines = ["---", "# mine", "description: A commit: short", "model: 'acme/big'", "", "temperature: 0.2", "top_k: 3"]
    settings = write(tmp_path, "Commit.md", mark + end.join([*lines, "---", "", "Write:", "---", "x", ""]))
    prompt = read_prompt(settings, Kind.PROMPT, "commit")
    assert (prompt.text, prompt.description, prompt.model) == ("Write:\n---\nx", "A commit: short", "acme/big")
    assert prompt.options == Options(temperature=0.2, top_k=3)


def test_front_matter_can_be_left_out_and_the_first_words_say_what_it_is(tmp_path: Path) -> None:
    settings = write(tmp_path, "日本.md", "翻訳して:\n\n{{input}}\n")
    prompt = read_prompt(settings, Kind.PROMPT, "日本")
    assert (prompt.about, prompt.text) == ("翻訳して: {{input}}", "翻訳して:\n\n{{input}}")


def test_a_name_is_one_however_its_accents_and_letters_are_typed(tmp_path: Path) -> None:
    settings = write(tmp_path, "Gru\u0308ße.md", "Hallo")
    assert read_prompt(settings, Kind.PROMPT, "grüße").name == "grüsse"


@pytest.mark.parametrize("name", ["two words.md", ".hidden.md", "-x.md", "notes.txt", "a.md~", "a\nb.md", "@x.md"])
def test_what_cannot_be_typed_as_one_word_is_no_prompt(tmp_path: Path, name: str) -> None:
    assert prompt_names(write(tmp_path, name, "x"), Kind.PROMPT) == {}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("---\nmodel: x\n", "line 1: the front matter that begins here has no end"),
        ("---\n\nmodel\n---\nx", "line 3: this is not 'key: value'"),
        ("---\ntemprature: 1\n---\nx", "line 2: 'temprature' cannot be set in a prompt"),
        ("---\nmodel: a\nmodel: b\n---\nx", "line 3: 'model' is set twice"),
        ("---\nmodel: a\ntemperature: hot\n---\nx", "line 3: 'temperature' must be a number from 0 to 1"),
        ("---\nmodel: a\n---\n\n", "has no text"),
        ("", "has no text"),
    ],
)
def test_a_flaw_is_named_with_its_file_and_line(tmp_path: Path, text: str, says: str) -> None:
    settings = write(tmp_path, "x.md", text)
    with pytest.raises(SettingsError, match=r"x\.md") as raised:
        read_prompt(settings, Kind.PROMPT, "x")
    assert says in raised.value.message


def test_text_that_is_no_utf_8_is_named_with_its_line(tmp_path: Path) -> None:
    settings = write(tmp_path, "x.md", "")
    (tmp_path / "prompts" / "x.md").write_bytes(b"a\nb\xff")
    with pytest.raises(SettingsError, match=r"x\.md, line 2: this is not UTF-8 text"):
        read_prompt(settings, Kind.PROMPT, "x")


def test_a_role_has_no_model(tmp_path: Path) -> None:
    settings = write(tmp_path, "x.md", "---\nmodel: a\n---\nx", Kind.ROLE)
    with pytest.raises(SettingsError, match="'model' cannot be set in a role"):
        read_prompt(settings, Kind.ROLE, "x")


@pytest.mark.parametrize("name", ["comit", "../commit", "", "/etc/passwd", "\0"])
def test_a_prompt_that_is_not_there_is_named_with_what_is(tmp_path: Path, name: str) -> None:
    settings = write(tmp_path, "commit.md", "x")
    with pytest.raises(NotFoundError) as raised:
        read_prompt(settings, Kind.PROMPT, name)
    assert "commit" in raised.value.hint


def test_those_with_a_flaw_do_not_keep_the_others_out(tmp_path: Path) -> None:
    write(tmp_path, "a.md", "---\nx")
    settings = write(tmp_path, "b.md", "x")
    first, second = read_all(settings, Kind.PROMPT)
    assert (type(first), type(second)) == (SettingsError, PromptFile)


@pytest.mark.parametrize(
    ("text", "arguments", "given", "asked"),
    [
        ("Fix {{args}} in {{ input }}!", "it", "code", "Fix it in code!"),
        ("Translate: {{input}}", "青い空", "", "Translate: 青い空"),
        ("Translate: {{input}}", "first", "then", "Translate: first\n\nthen"),
        ("Say {{args}}.", "hi", "code", "Say hi.\n\ncode"),
        ("Review.", "closely", "code", "Review.\n\nclosely\n\ncode"),
        ("Review.", "", "", "Review."),
        ("{{args}}{{input}}{{other}}", "{{input}}", "x", "{{input}}x{{other}}"),
        ("{{input}}", "", "\\1 \\g<0>", "\\1 \\g<0>"),
    ],
)
def test_words_and_input_go_where_the_prompt_wants_them(text: str, arguments: str, given: str, asked: str) -> None:
    assert filled_in(PromptFile("x", Path("x"), text), arguments, given) == asked
