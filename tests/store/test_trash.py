"""The trash: what is deleted is nowhere to be seen, comes back as it was, and is gone for good in the end."""

from datetime import timedelta
from pathlib import Path

import pytest

from lmchat.errors import NotFoundError, SessionGoneError
from lmchat.store.file import session_names
from lmchat.store.store import Store, open_store
from lmchat.store.tree import KEPT_FOR
from tests.support.conversation import BEGINNING, asked, drafted, numbers, opened


@pytest.fixture
def trashed(store: Store) -> Store:
    """Return a store with one session in the trash and one that is not."""
    asked(store, store.create("stays"), "A cat?")
    asked(store, store.create("gone"), "A dog?")
    store.trash(["gone"])
    return store


def test_a_deleted_session_is_in_no_list(trashed: Store, tmp_path: Path) -> None:
    assert trashed.names() == [each.name for each in trashed.sessions()] == ["stays"]
    assert not trashed.has("gone")
    assert trashed.last() == "stays"
    assert [name for name, _ in session_names(tmp_path / "data")] == ["stays"]
    with pytest.raises(NotFoundError):
        trashed.find("gone")


def test_a_deleted_session_is_not_searched(trashed: Store) -> None:
    assert (trashed.search("dog"), len(trashed.search("cat"))) == ((), 1)


def test_a_deleted_session_comes_back_as_it_was(store: Store) -> None:
    session = asked(store, asked(store, store.create("one"), "First"), "Second")
    before = store.export(session)
    store.trash(["one"])
    assert [each.name for each in store.in_trash()] == ["one"]
    assert store.restore("one") == "one"
    assert store.export(store.find("one")) == before
    assert (store.in_trash(), len(store.search("Second"))) == ((), 1)


def test_the_name_of_a_deleted_session_is_free(trashed: Store) -> None:
    trashed.create("gone")
    assert trashed.restore("gone") == "gone-2"


def test_what_was_deleted_last_comes_back_first(store: Store) -> None:
    for text in ("older", "newer"):
        asked(store, store.create("one"), text)
        store.trash(["one"])
    store.restore("one")
    assert [turn.prompt.text for turn in store.find("one").path()] == ["newer"]


def test_what_is_not_in_the_trash_cannot_be_restored(trashed: Store) -> None:
    with pytest.raises(NotFoundError, match="in the trash"):
        trashed.restore("stays")


def test_none_is_deleted_where_one_is_unknown(store: Store) -> None:
    store.create("one")
    with pytest.raises(NotFoundError):
        store.trash(["one", "none"])
    assert store.names() == ["one"]


def test_a_fork_of_a_deleted_session_keeps_its_turns_and_finds_them(store: Store) -> None:
    session = asked(store, asked(store, store.create("one"), "A dog?"), "A cat?")
    store.fork(session, "two", session.path_numbers()[0])
    store.trash(["one"])
    assert [(match.session, match.turn) for match in store.search("dog")] == [("two", 1)]
    assert store.search("cat") == ()
    assert store.heads(store.find("two")) == {}
    store.delete(["one"])
    assert numbers(store.find("two")) == [1]


def test_a_session_that_was_deleted_meanwhile_is_said(store: Store) -> None:
    session = store.create("one")
    store.trash(["one"])
    for use in (store.current, store.configure, lambda each: drafted(store, each, "Hello")):
        with pytest.raises(SessionGoneError):
            use(session)


def test_a_reply_that_is_under_way_is_kept_with_its_deleted_session(store: Store) -> None:
    session = store.create("one")
    keep = store.keeper(session)
    turn = drafted(store, session, "Hello", "Wel")
    store.trash(["one"])
    keep(turn, done=True)
    store.restore("one")
    assert [each.reply.text for each in store.find("one").path()] == ["Wel"]


def test_the_trash_is_emptied(trashed: Store) -> None:
    assert trashed.empty_trash() == 1
    assert trashed.in_trash() == ()
    assert trashed._database.rows("SELECT count(*) FROM turn") == [(1,)]


def test_one_in_the_trash_is_removed_for_good(trashed: Store) -> None:
    trashed.delete(["gone"])
    assert trashed.in_trash() == ()


@pytest.mark.parametrize(("later", "left"), [(KEPT_FOR - timedelta(days=1), 1), (KEPT_FOR + timedelta(days=1), 0)])
def test_what_was_deleted_long_ago_is_removed_when_the_store_is_opened(
    tmp_path: Path, later: timedelta, left: int
) -> None:
    with opened(tmp_path) as store:
        asked(store, store.create("one"), "Hello")
        store.trash(["one"])
    with open_store(tmp_path, now=lambda: BEGINNING + later) as store:
        assert len(store.in_trash()) == left
        assert store._database.rows("SELECT count(*) FROM turn") == [(left,)]
