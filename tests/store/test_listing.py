"""Search finds words in any language, and never takes them for syntax."""

import unicodedata
from pathlib import Path
from typing import Literal

import pytest

from lmchat.chat.keeping import Match
from lmchat.errors import BadUseError, NotFoundError
from lmchat.store import listing
from lmchat.store.store import Store
from tests.support.conversation import asked, opened

Form = Literal["NFC", "NFD"]
FORMS: tuple[Form, ...] = ("NFC", "NFD")


def found(store: Store, text: str, *, session: str | None = None) -> list[int]:
    return [match.turn for match in store.search(text, session=session)]


@pytest.mark.parametrize(
    ("prompt", "query"),
    [
        ("私の好きな色は青です", "好きな色"),
        ("私の好きな色は青です", "青"),
        ("空は青", "青"),
        ("空は青い", "青い"),
        ("我喜欢蓝色", "蓝色"),
        ("Ответь: ОН ушёл", "он"),
        ("Ответь: он ушёл", "ОН"),
        ("STRASSE und Öl", "öl"),
        ("The Quick fox", "quick"),
        ("The quick fox", "FOX the"),
        ("a.b(c) = 100%", "100%"),
        ("a.b(c) = 5_", "5_"),
        ('say "hello" AND go', '"hello" AND'),
        ("x NEAR(y) * z", "NEAR(y) *"),
        ("prompt:colon ^caret", "prompt:colon ^caret"),
        ("it's -not", "it's -not"),
        ("🙂 smile", "🙂"),
        ("back\\slash", "\\"),
    ],
)
def test_words_are_found(store: Store, prompt: str, query: str) -> None:
    asked(store, store.create("one"), prompt)
    asked(store, store.create("two"), "Something else", "No.")
    assert [match.session for match in store.search(query)] == ["one"]


@pytest.mark.parametrize("query", ["% nothing", "_", "%", "quick dog", "fox青", "OR", "a*"])
def test_words_that_are_not_there_are_not_found(store: Store, query: str) -> None:
    asked(store, store.create("one"), "The quick fx")
    assert found(store, query) == []


def test_word_in_the_reply_is_found(store: Store) -> None:
    asked(store, store.create("one"), "Which colour?", "Deep blue.")
    (match,) = store.search("blue")
    assert (match.where, match.snippet) == ("reply", "Deep blue.")


def test_words_may_be_in_the_prompt_and_in_the_reply(store: Store) -> None:
    asked(store, store.create("one"), "Which colour?", "Deep blue.")
    assert found(store, "colour blue") == [1]


def test_newest_is_first_and_the_oldest_fall_off(store: Store) -> None:
    session = store.create("one")
    for _ in range(4):
        session = asked(store, session, "Hello there 青")
    for query in ("hello", "青"):
        assert [match.turn for match in store.search(query, limit=3)] == [4, 3, 2]


def test_short_words_are_found_far_back(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "_NEWEST", 2)
    session = store.create("one")
    for text in ("青と赤", "青", "赤", "青と赤", "no", "青"):
        session = asked(store, session, text)
    assert (found(store, "青"), found(store, "赤 青")) == ([6, 4, 2, 1], [4, 1])


def test_short_and_long_words_are_found_together(store: Store) -> None:
    session = asked(store, store.create("one"), "好きな色は青")
    asked(store, session, "好きな色は赤")
    assert found(store, "好きな色 青") == [1]


def test_search_in_a_session_finds_what_it_reaches(store: Store) -> None:
    one = asked(store, store.create("one"), "Hello first 青")
    two = store.fork(one, "two")
    asked(store, one, "Hello second 青")
    asked(store, two, "Hello third 青")
    asked(store, store.create("other"), "Hello fourth 青")
    for query in ("hello", "青"):
        assert found(store, query, session="two") == [3, 1]
        assert {match.session for match in store.search(query, session="two")} == {"two"}


def test_search_in_an_unknown_session_is_refused(store: Store) -> None:
    with pytest.raises(NotFoundError):
        store.search("hello", session="none")


@pytest.mark.parametrize("query", ["", " \n"])
def test_search_for_nothing_is_refused(store: Store, query: str) -> None:
    with pytest.raises(BadUseError):
        store.search(query)


def test_snippet_is_cut_around_the_hit_on_one_line(store: Store) -> None:
    asked(store, store.create("one"), "before " * 50 + "\nNEEDLE\t" + "after " * 50)
    (match,) = store.search("needle")
    assert marked(match) == ["NEEDLE"]
    assert len(match.snippet) < 200
    assert "\n" not in match.snippet


def test_snippet_begins_and_ends_with_whole_words(store: Store) -> None:
    asked(store, store.create("one"), "remember " * 50 + "needle " + "afterwards " * 50)
    (match,) = store.search("needle")
    assert set(match.snippet.split()) == {"remember", "needle", "afterwards"}


def test_snippet_of_a_text_without_blanks_is_cut_somewhere(store: Store) -> None:
    asked(store, store.create("one"), "前" * 500 + "空" + "後" * 500)
    (match,) = store.search("空")
    assert 100 < len(match.snippet) < 150


def test_every_word_in_the_snippet_is_marked(store: Store) -> None:
    asked(store, store.create("one"), "Blue sky, blue sea")
    (match,) = store.search("blue sea")
    assert marked(match) == ["Blue", "blue", "sea"]


def marked(match: Match) -> list[str]:
    return [match.snippet[start:end] for start, end in match.hits]


@pytest.mark.parametrize("word", ["Grüße", "が", "é", "한글", "ǖ"])
@pytest.mark.parametrize("typed", FORMS)
@pytest.mark.parametrize("kept", FORMS)
def test_words_are_found_however_their_accents_were_typed(store: Store, word: str, typed: Form, kept: Form) -> None:
    asked(store, store.create("s"), unicodedata.normalize(kept, f"Say {word} now"))
    (match,) = store.search(unicodedata.normalize(typed, word))
    assert match.snippet[slice(*match.hits[0])] == unicodedata.normalize("NFC", word)


def test_a_store_of_the_version_before_finds_them_after_its_first_opening(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        asked(store, store.create("s"), unicodedata.normalize("NFD", "viele Grüße"))
        database = store._database
        database.execute("INSERT INTO trigrams (trigrams) VALUES ('delete-all')")
        database.execute(
            "INSERT INTO trigrams (rowid, prompt, reply) SELECT id, prompt || '  ', reply || '  ' FROM turn"
        )
        database.execute("DROP TABLE draft_piece")
        for index in ("turn_attempt", "turn_twig", "session_origin", "session_trashed"):
            database.execute(f"DROP INDEX {index}")
        for table, column in (
            ("turn", "attempt"),
            ("session", "trashed"),
            ("session", "name_before"),
            ("session", "origin"),
        ):
            database.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        columns = "tree, parent, number, grown_by, first_words, outcome, model, at, summary, server"
        database.execute(f"CREATE INDEX turn_twig ON turn ({columns})")
        database.execute("PRAGMA user_version=1")
        assert database.rows("SELECT * FROM trigrams WHERE trigrams MATCH 'Grüße'") == []
    with opened(tmp_path) as store:
        assert len(store.search("Grüße")) == 1
