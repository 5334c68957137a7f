"""Text files inside a prompt."""

from pathlib import Path

import pytest

from lmchat.app.attachments import LARGEST_QUOTED, files_matching, files_named, quoted_file, read_text
from lmchat.chat.transcript import quoted, without_quotes
from lmchat.errors import BadUseError


def test_a_file_is_quoted_under_its_name_with_its_language() -> None:
    assert quoted("a.py", "print(1)\n") == "File `a.py`:\n```py\nprint(1)\n```"


def test_the_fence_is_longer_than_any_inside() -> None:
    assert quoted("notes", "````\nx\n````") == "File `notes`:\n`````\n````\nx\n````\n`````"


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n\x00", b"a\x00b"])
def test_what_is_no_text_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "picture.png").write_bytes(data)
    with pytest.raises(BadUseError, match=r"picture\.png' is not text"):
        read_text(tmp_path / "picture.png", print)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("a.md", "b1.md", "b2.md", "[c].md", "deep/d.md", ".hidden.md", "node_modules/e.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("a.md", ["a.md"]),
        ("none.md", ["none.md"]),
        ("b*.md", ["b1.md", "b2.md"]),
        ("[c].md", ["[c].md"]),
        ("*.txt", []),
        ("**/*.md", ["[c].md", "a.md", "b1.md", "b2.md", "deep/d.md"]),
        ("node_modules/*.md", ["node_modules/e.md"]),
    ],
)
def test_a_pattern_names_the_files_that_fit_it(place: Path, pattern: str, names: list[str]) -> None:
    assert [str(path) for path in files_matching(Path(pattern))] == names


def test_a_pattern_that_fits_no_file_is_refused(place: Path) -> None:
    with pytest.raises(BadUseError, match=r"No file fits '\*\.txt'"):
        files_named([Path("a.md"), Path("*.txt")])
    assert files_named([Path("a.md"), Path("*.md")])[:2] == [Path("a.md"), Path("[c].md")]


def test_a_file_that_is_larger_than_any_context_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"x" * (LARGEST_QUOTED + 1))
    with pytest.raises(BadUseError, match="which is too much"):
        quoted_file(tmp_path / "log", print)


def test_the_words_of_a_prompt_are_those_in_front_of_what_is_quoted() -> None:
    text = f"Compare.\n\nBoth.\n\n{quoted('a', 'x')}\n\n{quoted('b', 'y')}"
    assert without_quotes(text) == "Compare.\n\nBoth."
    assert without_quotes(quoted("a", "x")) == quoted("a", "x")
