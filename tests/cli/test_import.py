"""`lmchat sessions import` of what other programs wrote."""

import json
import os
import zipfile
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lmchat.store.store import open_store
from tests.support.conversation import ticking
from tests.support.documents import RED, chatgpt, claude, lmstudio
from tests.support.program import run


def written(path: Path, value: object) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    return str(path)


def names(home: Path) -> list[str]:
    return [each["name"] for each in json.loads(run(home, "sessions", "--json").stdout)]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def test_conversations_are_here_under_names_of_their_titles_the_latest_first(home: Path, tmp_path: Path) -> None:
    older = {**chatgpt(), "title": "Older", "conversation_id": "2", "update_time": 1_600_000_000}
    for node in older["mapping"].values():
        if node["message"]:
            node["message"]["create_time"] -= 10_000_000
    file = written(tmp_path / "conversations.json", [older, chatgpt(), {**claude(), "mapping": {}}])
    ran = run(home, "sessions", "import", file)
    assert ran.status == 0
    assert "2 sessions imported: older, colours-of-the-sky. `lmchat sessions` lists them." in ran.stderr
    assert "6 parts of a kind that lmchat has no place for were left out: " in ran.stderr
    assert "'a conversation without a title' was left out: nothing was said in it." in ran.stderr
    assert names(home) == ["colours-of-the-sky", "older"]


def test_one_that_is_broken_is_named_and_does_not_keep_the_others_out(home: Path, tmp_path: Path) -> None:
    bad: list[Any] = [7, None, {"mapping": 3, "title": "Bad one"}, {"mapping": {}, "title": "Empty"}]
    ran = run(home, "sessions", "import", written(tmp_path / "c.json", [*bad, chatgpt()]))
    assert ran.status == 0
    assert "Session 'colours-of-the-sky' was imported" in ran.stderr
    for said in (
        "'conversation 1' was left out: it is not a conversation.",
        "'Bad one' was left out: it has no messages.",
        "'Empty' was left out: nothing was said in it.",
    ):
        assert said in ran.stderr


def test_what_was_imported_before_is_left_out_and_what_has_changed_comes_in_beside_it(
    home: Path, tmp_path: Path
) -> None:
    file = written(tmp_path / "c.json", [chatgpt(), claude() | {"uuid": "other"}])
    assert run(home, "sessions", "import", file).status == 0
    again = run(home, "sessions", "import", file)
    assert (again.status, names(home)) == (0, ["colours-of-the-sky"])
    assert "1 conversation was imported before, and left out." in again.stderr
    changed = chatgpt()
    changed["mapping"]["a3"]["message"]["content"]["parts"] = ["Greener."]
    ran = run(home, "sessions", "import", written(tmp_path / "c.json", [changed]))
    assert (
        "'colours-of-the-sky' has changed there since it was imported; the new state is 'colours-of-the-sky-2'."
        in ran.stderr
    )
    assert len(names(home)) == 2


def test_what_was_deleted_can_be_imported_again(home: Path, tmp_path: Path) -> None:
    file = written(tmp_path / "c.json", chatgpt())
    run(home, "sessions", "import", file)
    run(home, "sessions", "delete", "--yes", "colours-of-the-sky")
    assert "was imported" in run(home, "sessions", "import", file).stderr


def test_what_is_in_use_here_stays_above_what_is_imported(home: Path, tmp_path: Path) -> None:
    with open_store(home, now=ticking()) as store:
        store.create("mine")
    run(home, "sessions", "import", written(tmp_path / "c.json", chatgpt()))
    with open_store(home, now=ticking()) as store:
        store.create("newest")
    assert names(home) == ["newest", "mine", "colours-of-the-sky"]


def test_an_archive_has_its_pictures(home: Path, tmp_path: Path) -> None:
    archive = tmp_path / "export"
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("user.json", "{}")
        made.writestr("conversations.json", json.dumps([chatgpt()]))
        made.writestr("user-1/file-Red1-photo.png", RED)
    assert run(home, "sessions", "import", str(archive)).status == 0
    with open_store(home, now=ticking()) as store:
        (image,) = store.find("colours-of-the-sky").path()[0].prompt.images
    assert (image.name, image.width) == ("file-Red1", 4)


def test_a_directory_of_lm_studio_has_the_pictures_beside_it(home: Path, tmp_path: Path) -> None:
    studio = tmp_path / ".lmstudio"
    written(studio / "conversations" / "1.conversation.json", lmstudio())
    written(studio / "conversations" / "work" / "2.conversation.json", {**lmstudio(), "createdAt": 5, "name": None})
    (studio / "conversations" / "notes.txt").write_text("{no json")
    (studio / "conversations" / "readme.md").write_text("Hello")
    (studio / "user-files").mkdir()
    (studio / "user-files" / "1755 - 4.png").write_bytes(RED)
    ran = run(home, "sessions", "import", str(studio / "conversations"))
    assert (ran.status, sorted(names(home))) == (0, ["sky", "what-colour"])
    assert "'notes.txt' was left out: 'notes.txt' is not JSON" in ran.stderr.replace(
        str(studio / "conversations") + "/", ""
    )
    with open_store(home, now=ticking()) as store:
        assert [len(store.find(name).path()[0].prompt.images) for name in ("sky", "what-colour")] == [1, 1]


def test_several_files_and_standard_input_are_read(home: Path, tmp_path: Path) -> None:
    files = [written(tmp_path / "a.json", chatgpt()), written(tmp_path / "b.json", claude())]
    ran = run(home, "sessions", "import", *files, str(tmp_path / "none.json"))
    assert (ran.status, sorted(names(home))) == (0, ["colours-of-the-sky", "カレンダー"])
    assert "none.json' cannot be read" in ran.stderr
    ran = run(home, "sessions", "import", "-", "--name", "sky", stdin=json.dumps(lmstudio()))
    assert "Session 'sky' was imported" in ran.stderr


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"no json", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b'{"a": 1}', "has no conversation that lmchat can read"),
        (b"[]", "has no conversation that lmchat can read"),
        (b"PK\x03\x04broken", "is a broken archive"),
        (b"SQLite format 3\0" + b"x" * 2000, "damaged"),
        (b"\xff\xfe\x00", "is not"),
        (b"9" * 10_000, "is not JSON"),
        (b"", "is not JSON"),
    ],
)
def test_what_is_none_of_them_is_refused_in_words(home: Path, tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    ran = run(home, "sessions", "import", str(file))
    assert ran.status in {2, 7}
    assert says in ran.stderr
    assert "bug" not in ran.stderr


def test_a_name_is_for_one_conversation(home: Path, tmp_path: Path) -> None:
    file = written(tmp_path / "c.json", [chatgpt(), chatgpt()])
    ran = run(home, "sessions", "import", file, "--name", "x")
    assert (ran.status, "--name cannot name them" in ran.stderr) == (2, True)
    ran = run(home, "sessions", "import", written(tmp_path / "d.json", [chatgpt()]), "--name", "x")
    assert (ran.status, names(home)) == (0, ["x"])


def places(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return the way to every value in a document."""
    found = [path]
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        found += places(each, (*path, key))
    return found


def nested(depth: int) -> object:
    value: object = "x"
    for _ in range(depth):
        value = {"parts": [value]}
    return value


JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.just([]), st.just({}),
    st.sampled_from([10**400, -(10**30), 1e308, float("inf"), float("nan"), "\0", "\ud83d"]),
    st.sampled_from(["\x1b[2J", "-x", "/", "a" * 5000]),
    st.sampled_from([[[]], [{}], [None], {"": ""}, {"type": []}, [["x"]], nested(200)]),
)  # fmt: skip


@pytest.mark.parametrize("make", [chatgpt, claude, lmstudio], ids=["chatgpt", "claude", "lmstudio"])
@settings(
    max_examples=int(os.environ.get("LMCHAT_EXAMPLES", "60")), deadline=None, suppress_health_check=[*HealthCheck]
)
@given(data=st.data())
def test_whatever_is_wrong_in_a_document_is_never_a_bug(
    make: Any, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    document = make()
    for _ in range(data.draw(st.integers(1, 4))):
        path = data.draw(st.sampled_from([each for each in places(document) if each]))
        at: Any = document
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = deepcopy(data.draw(JUNK))
    home = tmp_path_factory.mktemp("home")
    ran = run(home, "sessions", "import", "-", stdin=json.dumps(document))
    assert ran.status in {0, 2}, ran.stderr
    for name in names(home):
        assert run(home, "sessions", "show", "--", name).status == 0
        assert run(home, "sessions", "export", "--json", "--", name).status == 0
    assert run(home, "sessions", "check").status == 0


def test_a_long_conversation_and_a_deep_one_come_in(home: Path, tmp_path: Path) -> None:
    mapping: dict[str, Any] = {}
    for number in range(20_000):
        role = "assistant" if number % 2 else "user"
        mapping[str(number)] = {
            "parent": str(number - 1),
            "message": {"author": {"role": role}, "content": {"content_type": "text", "parts": [f"n{number}"]}},
        }
    ran = run(home, "sessions", "import", written(tmp_path / "c.json", {"mapping": mapping, "title": "Long"}))
    assert (ran.status, names(home)) == (0, ["long"])
