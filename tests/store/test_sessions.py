"""Making, naming, finding, listing and renaming sessions."""

from pathlib import Path

import pytest

from lmchat.chat.models import EphemeralMcp, Plugin
from lmchat.chat.session import Outcome
from lmchat.chat.values import Options
from lmchat.dataclass import replace
from lmchat.errors import BadUseError, NotFoundError
from lmchat.store.store import Store
from tests.support.conversation import asked, numbers, opened


def test_everything_a_session_talks_with_comes_back(tmp_path: Path) -> None:
    options = Options(temperature=0.5, top_k=40, reasoning="low")
    integrations = (Plugin("mcp/web", ("search",)), EphemeralMcp("hub", "https://hub.example/mcp"))
    with opened(tmp_path) as store:
        store.create("one", model="m", system="Be brief.", options=options, integrations=integrations)
    with opened(tmp_path) as store:
        found = store.find("one")
    assert (found.model, found.system, found.options, found.integrations) == ("m", "Be brief.", options, integrations)


def test_changed_settings_are_kept(store: Store) -> None:
    store.configure(replace(store.create("one"), model="b", options=Options(top_p=0.9)))
    assert (store.find("one").model, store.find("one").options) == ("b", Options(top_p=0.9))


def test_secrets_in_headers_never_reach_the_disk(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        secret = {"Authorization": "Bearer geheim"}
        store.create("one", integrations=(EphemeralMcp("hub", "https://hub.example", headers=secret),))
        files = [path.read_bytes() for path in tmp_path.iterdir() if path.is_file()]
    assert not any(b"geheim" in content for content in files)


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("What is the capital of France?", "what-is-the-capital-of-france"),
        ("What's up, Doc?", "whats-up-doc"),
        ("私の好きな色は青です。", "私の好きな色は青です"),
        ("Ответь: ДА", "ответь-да"),
        ("नमस्ते दुनिया", "नमस्ते-दुनिया"),
        ("  ../../etc/passwd --help", "etc-passwd-help"),
        ("🙂 !!", "chat"),
        ("", "chat"),
        ("one two three four five six seven eight nine ten", "one-two-three-four-five-six-seven-eight"),
        ("あ" * 50, "あ" * 40),
    ],
)
def test_session_without_a_name_is_named_after_its_prompt(store: Store, prompt: str, name: str) -> None:
    assert store.create(None, prompt).name == name


def test_names_after_the_same_prompt_are_numbered(store: Store) -> None:
    assert [store.create(None, "Hello").name for _ in range(3)] == ["hello", "hello-2", "hello-3"]


@pytest.mark.parametrize("name", ["", "x" * 101, "-c", "/undo", " a", "a ", "a\nb", "a\x1b[31m", "\ud83d"])
def test_name_that_would_cause_trouble_is_refused(store: Store, name: str) -> None:
    with pytest.raises(BadUseError):
        store.create(name)
    assert store.names() == []


def test_name_that_is_taken_is_refused(store: Store) -> None:
    store.create("one")
    with pytest.raises(BadUseError, match="already"):
        store.create("one")


def test_name_is_the_same_however_its_accents_were_typed(store: Store) -> None:
    store.create("cafe\u0301")
    assert store.find("café").name == "café"


def test_names_differ_by_their_capitals(store: Store) -> None:
    store.create("one")
    assert not store.has("One")


def test_near_miss_names_the_near_name(store: Store) -> None:
    store.create("colours")
    with pytest.raises(NotFoundError) as raised:
        store.find("colors")
    assert "colours" in raised.value.hint


def test_list_begins_with_what_was_used_last(store: Store) -> None:
    first = store.create("first")
    store.create("second")
    asked(store, first, "Hello")
    assert [each.name for each in store.sessions()] == ["first", "second"]
    assert store.names() == ["first", "second"]
    assert store.last() == "first"


def test_nothing_was_used_last_in_an_empty_store(store: Store) -> None:
    assert store.last() is None


def test_list_can_stop_early(store: Store) -> None:
    for name in "abc":
        store.create(name)
    assert [each.name for each in store.sessions(limit=2)] == ["c", "b"]
    assert store.sessions(limit=10**30) == store.sessions()


def test_list_shows_turns_model_first_words_and_outcome(store: Store) -> None:
    session = asked(store, store.create("one"), "What is\n  blue?")
    asked(store, session, "And green?")
    (summary,) = store.sessions()
    assert (summary.turns, summary.model, summary.first_words) == (2, "a/model", "What is blue?")
    assert summary.outcome is Outcome.COMPLETE


def test_list_shows_a_session_before_its_first_turn(store: Store) -> None:
    store.create("one", model="m")
    (summary,) = store.sessions()
    assert (summary.turns, summary.model, summary.first_words, summary.outcome) == (0, "m", "", None)


def test_renamed_session_keeps_its_turns(store: Store) -> None:
    asked(store, store.create("one"), "Hello")
    store.rename("one", "two")
    assert (store.names(), numbers(store.find("two"))) == (["two"], [1])


def test_session_renamed_by_another_program_still_grows(store: Store) -> None:
    session = store.create("one")
    store.rename("one", "two")
    asked(store, session, "Hello")
    assert numbers(store.find("two")) == [1]


@pytest.mark.parametrize(("old", "new", "error"), [("one", "two", BadUseError), ("none", "three", NotFoundError)])
def test_renaming_that_cannot_be_is_refused(store: Store, old: str, new: str, error: type[Exception]) -> None:
    store.create("one")
    store.create("two")
    with pytest.raises(error):
        store.rename(old, new)
    assert sorted(store.names()) == ["one", "two"]
