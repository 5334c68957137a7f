"""Conversations of other programs in the store: each once, as old as it is, in files of the version before as well."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from lmchat.chat.values import Message
from lmchat.store import database, schema
from lmchat.store.imports.found import Found, LeftOut, Role, Said
from lmchat.store.store import Store
from tests.support.conversation import asked, opened

LATER = datetime(2026, 2, 1, tzinfo=UTC)


def conversation(key: str, reply: str = "Blue.", **more: object) -> Found:
    said = (Said("q", None, Role.USER, "What?"), Said("a", "q", Role.REPLY, parts=(Message(reply),)))
    return Found(key, "Colours", said, **more)  # type: ignore[arg-type]  # what the test says


def names(store: Store) -> list[str]:
    return [summary.name for summary in store.sessions()]


def test_the_same_conversation_is_added_once_and_another_of_its_title_beside_it(store: Store) -> None:
    first = store.adopt(conversation("1"), LeftOut())
    assert (first and first.name, store.adopt(conversation("1"), LeftOut())) == ("colours", None)
    other = store.adopt(conversation("2"), LeftOut())
    assert (other and other.name, other and other.before) == ("colours-2", None)
    changed = store.adopt(conversation("1", "Green."), LeftOut())
    assert (changed and changed.name, changed and changed.before) == ("colours-3", "colours")


def test_it_is_as_old_as_it_is_and_below_what_is_in_use(store: Store) -> None:
    asked(store, store.create("mine"), "Hello")
    store.adopt(conversation("1", at=datetime(2025, 1, 1, tzinfo=UTC)), LeftOut())
    store.adopt(conversation("2", at=datetime(2024, 1, 1, tzinfo=UTC), used=LATER), LeftOut(), "used later")
    assert names(store) == ["mine", "used later", "colours"]
    assert [summary.last_used.year for summary in store.sessions()] == [2026, 2026, 2025]
    asked(store, store.find("colours"), "More")
    assert names(store) == ["colours", "mine", "used later"]


def test_one_that_cannot_be_kept_changes_nothing(store: Store) -> None:
    with pytest.raises(ValueError, match="nothing was said in it"):
        store.adopt(Found("1", "Empty", ()), LeftOut())
    assert names(store) == []


def test_a_reply_that_branches_without_end_is_refused(store: Store) -> None:
    said = [Said("0", None, Role.REPLY, parts=(Message("x"),))]
    for number in range(1, 3000):
        said += [
            Said(f"u{number}", str(number - 1), Role.USER, "y"),
            Said(str(number), str(number - 1), Role.REPLY, parts=(Message("x"),)),
        ]
    with pytest.raises(ValueError, match="too many parts"):
        store.adopt(Found("1", "Wide", tuple(said)), LeftOut())


def test_a_store_of_the_version_before_takes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as older:
        older.setattr(schema, "STEPS", schema.STEPS[:2])
        older.setattr(database, "VERSION", 2)
        with opened(tmp_path) as store:
            store.create("one")
    with opened(tmp_path) as store:
        store.adopt(conversation("1"), LeftOut())
        assert names(store) == ["one", "colours"]
