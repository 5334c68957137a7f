"""Export and import: the same tree comes back, and what is not understood changes nothing."""

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lmchat.chat.models import EphemeralMcp, Plugin
from lmchat.chat.session import Session, TurnId
from lmchat.chat.values import Image, Options, Reply
from lmchat.dataclass import replace
from lmchat.errors import BadUseError
from lmchat.store.store import Store
from tests.store.test_keeping import WHOLE
from tests.support.conversation import asked, fresh, numbers, unasked

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def rich(store: Store) -> Session:
    return filled(store)


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Open one store for all documents that must not change it."""
    with fresh(tmp_path_factory.mktemp("untouched") / "data") as store:
        filled(store)
        yield store


def filled(store: Store) -> Session:
    """Make a session with two branches, every kind of item and two pictures."""
    integrations = (Plugin("mcp/web", ("search",)), EphemeralMcp("hub", "https://hub.example", headers={"k": "v"}))
    session = store.create("one", model="m", system="s", options=Options(top_k=3), integrations=integrations)
    keep = store.keeper(session)
    keep(replace(WHOLE, id=TurnId(0), reply=Reply()), done=False)
    keep(WHOLE, done=True)
    session = asked(store, store.find("one"), "Second", "青", Image("dog.png", "image/png", b"dog"))
    return asked(store, store.undo(session), "Third")


def test_an_imported_session_keeps_its_times_and_none_is_in_the_future(store: Store, rich: Session) -> None:
    document = store.export(rich)
    times = ["2024-01-02T03:04:05+00:00", "2024-02-03T04:05:06+00:00"]
    for turn in document["turns"]:
        turn["at"] = times[min(turn["id"], 2) - 1]
    store.import_(document, "old")
    document["turns"][-1]["at"] = "2100-01-01T00:00:00+00:00"
    store.import_(document, "future")
    kept = {each.name: each for each in store.sessions()}
    assert [kept["old"].created.isoformat(), kept["old"].last_used.isoformat()] == times
    assert kept["future"].last_used <= store._database.clock()


def test_import_brings_back_the_same_session(store: Store, rich: Session) -> None:
    text = json.dumps(store.export(rich))
    copy = store.import_(json.loads(text), "copy")
    assert dict(store.find("copy").turns) == dict(rich.turns)
    assert replace(store.find("copy"), id=0, name="one", turns={}) == replace(store.find("one"), id=0, turns={})
    assert (numbers(copy), len(copy.turns)) == ([1, 3], 3)


def test_export_of_an_import_is_the_same_document(store: Store, rich: Session) -> None:
    document = store.export(rich)
    assert store.export(store.import_(document, "copy")) == {**document, "name": "copy"}


def test_imported_turns_are_found_and_grow(store: Store, rich: Session) -> None:
    document = store.export(rich)
    store.delete(["one"])
    copy = store.import_(document)
    assert [match.turn for match in store.search("青")] == [2, 1]
    assert asked(store, copy, "More").head == 4
    assert store.sessions()[0].first_words.startswith("Wie")


def test_document_comes_in_under_another_name_where_its_own_is_taken(store: Store, rich: Session) -> None:
    assert store.import_(store.export(rich)).name == "one-2"


def test_name_that_is_taken_is_refused(store: Store, rich: Session) -> None:
    with pytest.raises(BadUseError, match="already"):
        store.import_(store.export(rich), "one")


def test_export_holds_only_what_the_session_reaches(store: Store, rich: Session) -> None:
    fork = store.fork(rich, "two", TurnId(1))
    assert [turn["id"] for turn in store.export(fork)["turns"]] == [1]


def test_export_has_no_headers(store: Store, rich: Session) -> None:
    assert "headers" not in json.dumps(store.export(rich))


def test_export_leaves_out_what_is_still_coming(store: Store, rich: Session) -> None:
    store.keeper(rich)(unasked(rich, "Slow"), done=False)
    assert len(store.export(rich)["turns"]) == 3


def test_session_without_turns_comes_back(store: Store) -> None:
    copy = store.import_(store.export(store.create("one")), "two")
    assert (copy.head, asked(store, copy, "Hello").head) == (None, 1)


@pytest.mark.parametrize(
    "change",
    [
        lambda it: it.update(version=2),
        lambda it: it.update(format="something else"),
        lambda it: it.update(mood="good"),
        lambda it: it.pop("system"),
        lambda it: it.update(head=9),
        lambda it: it.update(head="1"),
        lambda it: it.update(name="-c"),
        lambda it: it.update(turns={}),
        lambda it: it["options"].update(top_k=[3]),
        lambda it: it["integrations"][0].update(kind=7),
        lambda it: it["turns"].append(7),
        lambda it: it["turns"].append(it["turns"][0]),
        lambda it: it["turns"].reverse(),
        lambda it: it["turns"][1].update(parent=3),
        lambda it: it["turns"][1].update(parent=2),
        lambda it: it["turns"][0].update(id=0),
        lambda it: it["turns"][0].update(id=True),
        lambda it: it["turns"][2].update(id=10**30),
        lambda it: it["turns"][0].update(outcome="Splendid!"),
        lambda it: it["turns"][0].update(at="yesterday"),
        lambda it: it["turns"][0].update(at="2026-01-01T00:00:00"),
        lambda it: it["turns"][0].update(at="0001-01-01T00:00:00+14:00"),
        lambda it: it["turns"][0].update(at="9999-12-31T23:59:59-11:00"),
        lambda it: it["turns"][0].update(mood="good"),
        lambda it: it["turns"][0].update(prompt=None),
        lambda it: it["turns"][0]["stats"].update(input_tokens="3"),
        lambda it: it["turns"][0]["items"][2]["provider"].pop("name"),
        lambda it: it["turns"][0]["images"][0].update(sha256="missing"),
        lambda it: it["turns"][0]["images"][0].update(width=10**30),
        lambda it: it["images"].update({next(iter(it["images"])): "!"}),
        lambda it: it["images"].update({next(iter(it["images"])): b64encode(b"changed").decode()}),
        lambda it: it["images"].update({next(iter(it["images"])): 7}),
        lambda it: it["integrations"][0].update(allowed_tools=[1]),
    ],
)
def test_document_that_is_not_understood_changes_nothing(untouched: Store, change: Change) -> None:
    document = json.loads(json.dumps(untouched.export(untouched.find("one"))))
    change(document)
    with pytest.raises(BadUseError):
        untouched.import_(document)
    assert untouched.names() == ["one"]
    assert untouched._database.rows("SELECT count(*) FROM tree") == [(1,)]


@pytest.mark.parametrize("value", [None, [], "text", 7, {}])
def test_what_is_no_document_is_refused(store: Store, value: object) -> None:
    with pytest.raises(BadUseError, match="cannot be imported"):
        store.import_(value)
