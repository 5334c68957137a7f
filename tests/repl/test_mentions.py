"""What a line mentions, and what it means: `@path`, `!command`, `//`, and pasted or dragged text."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmchat.errors import BadUseError
from lmchat.repl.commands.command import unfinished_mention
from lmchat.repl.line import literal, mentions, plain, sent, shell_command, slash_command


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "files"
    for name in (
        "notes.md",
        "my notes.txt",
        "it's.txt",
        "メモ.txt",
        "src/a.py",
        "src/b.py",
        "src/deep/c.py",
        "Makefile",
    ):
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (place / "node_modules").mkdir()
    (place / "node_modules" / "d.py").write_text("")
    monkeypatch.chdir(place)
    monkeypatch.setenv("HOME", str(place))
    return place


def named(line: str) -> list[str]:
    """Return the paths that a line mentions, seen from the current directory."""
    return [str(path.absolute().relative_to(Path.cwd())) for each in mentions(line) for path in each.files]


@pytest.mark.parametrize(
    ("line", "paths"),
    [
        ("@notes.md", ["notes.md"]),
        ("read @notes.md, please", ["notes.md"]),
        ("read @notes.md.", ["notes.md"]),
        ("is it in @notes.md?", ["notes.md"]),
        ("(see @notes.md)", ["notes.md"]),
        ("what is @notes.md's first line", ["notes.md"]),
        ("@notes.md and\n@src/a.py", ["notes.md", "src/a.py"]),
        ("これを読んで@notes.mdを要約", ["notes.md"]),
        ("これは@メモ.txtです", ["メモ.txt"]),
        ("「@notes.md」を要約して。", ["notes.md"]),
        ("＠notes.mdを要約", ["notes.md"]),
        ('@"my notes.txt" is long', ["my notes.txt"]),
        ("@'my notes.txt'", ["my notes.txt"]),
        ('@"it\'s.txt"', ["it's.txt"]),
        ("@my\\ notes.txt", ["my notes.txt"]),
        ("see @my notes.txt, please", ["my notes.txt"]),
        ("@./notes.md @~/src/b.py", ["notes.md", "src/b.py"]),
        ("@src/*.py", ["src/a.py", "src/b.py"]),
        ("@src/*.pyを見て", ["src/a.py", "src/b.py"]),
        ("@src/[b].py?", ["src/b.py"]),
        ("@**/*.py", ["src/a.py", "src/b.py", "src/deep/c.py"]),
        ("@Makefile", ["Makefile"]),
    ],
)
def test_files_that_exist_are_mentioned(files: Path, line: str, paths: list[str]) -> None:
    assert named(line) == paths


@pytest.mark.parametrize(
    "line",
    [
        "user@notes.md",
        "user@example.com",
        "@someone",
        "thanks, @someone!",
        "@types/node and @angular/core",
        "https://medium.com/@notes.md",
        "@Makefile.am",
        "@notes.mdx",
        "@",
        "@ notes.md",
        "@.",
        "@..",
        "a @ b",
        "@property\ndef x(self):",
        "\\@notes.md",
        "`@notes.md`",
        "@*args",
        "git@github.com:a/b.git",
    ],
)
def test_what_is_no_file_stays_text(files: Path, line: str) -> None:
    assert mentions(line) == []


@pytest.mark.parametrize(
    "line", ["@./x", "see @a/b.c", "@src/none", "@/no/such", "@~/none", "@src/*.rs", '@"src/no such.py"', "@../x/y"]
)
def test_a_path_that_does_not_exist_is_refused(files: Path, line: str) -> None:
    with pytest.raises(BadUseError, match=r"There is no file|No file fits") as refused:
        mentions(line)
    assert "sends it as text" in refused.value.hint


def test_a_directory_says_how_its_files_are_quoted(files: Path) -> None:
    with pytest.raises(BadUseError, match="'src/' is a directory") as refused:
        mentions("what is in @src/ ?")
    assert "@src/*" in refused.value.hint


def test_a_device_is_never_read(files: Path) -> None:
    with pytest.raises(BadUseError, match="not a file"):
        mentions("@/dev/null")


@given(st.text(alphabet="@ab./~*?[]'\"\\ 日本、！／!\n", max_size=20))
def test_any_text_is_read_or_refused(line: str) -> None:
    try:
        found = mentions(line)
    except BadUseError:
        return
    assert all(line[each.begins] in "@＠" and each.begins < each.ends <= len(line) for each in found)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("//usr", "/usr"),
        ("// a comment", "// a comment"),
        ("/* a comment */", "/* a comment */"),
        ("\\!important", "!important"),
        ("\\@notes.md", "@notes.md"),
        ("see \\@notes.md, これは\\@me", "see @notes.md, これは@me"),
        ("a\\@b", "a\\@b"),
        ("\\\\@x", "\\@x"),
        ("／／usr", "／usr"),
        ("@notes.md", "@notes.md"),
    ],
)
def test_a_character_that_means_something_can_be_sent_itself(line: str, text: str) -> None:
    assert sent(line) == text


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("/help", ("help", "")),
        ("／help undo", ("help", "undo")),
        ("／ｈｅｌｐ　undo", ("help", "undo")),
        ("/system one\ntwo", ("system", "one\ntwo")),
        ("/usr/bin/env python", None),
        ("/* a comment */", None),
        ("// a comment", None),
        ("//help", None),
        ("/", ("", "")),
        ("/!", ("!", "")),
        ("/^a/ is a pattern", None),
        (" /help", None),
        ("help", None),
    ],
)
def test_a_slash_command_is_one_word(line: str, command: tuple[str, str] | None) -> None:
    assert slash_command(line) == command


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("!ls -l", "ls -l"),
        ("! ls", "ls"),
        ("！ls", "ls"),
        ("！これは", None),
        ("a!b", None),
        ("!", ""),
        ("\\!ls", None),
    ],
)
def test_a_mark_in_front_is_a_command_of_the_shell(line: str, command: str | None) -> None:
    assert shell_command(line) == command


@given(st.text(alphabet="@!/\\＠！／ab \n", max_size=12))
def test_a_literal_text_is_sent_as_it_is(text: str) -> None:
    line = literal(text)
    assert sent(line) == plain(line) == text
    assert slash_command(line) is None
    assert shell_command(line) is None
    assert mentions(line) == []
    assert literal(line) == line


@pytest.mark.parametrize(
    ("before", "typed"),
    [
        ("see @no", "no"),
        ("これを@no", "no"),
        ("＠no", "no"),
        ('@"my no', '"my no'),
        ("@my\\ no", "my\\ no"),
        ("@", ""),
        ("@notes.md and", None),
        ("user@no", None),
        ("\\@no", None),
        ("none", None),
    ],
)
def test_an_unfinished_mention_is_known_in_front_of_the_cursor(before: str, typed: str | None) -> None:
    assert unfinished_mention(before) == typed
