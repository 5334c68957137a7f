"""What a session reaches, what deletion leaves, and the trash: what is in it is not listed and can be restored."""

from datetime import timedelta
from pathlib import Path

import pytest

from lmchat.chat.session import Outcome, Session, TurnId
from lmchat.chat.values import Image
from lmchat.errors import BadUseError, NotFoundError, SessionGoneError
from lmchat.store import tree
from lmchat.store.file import session_names
from lmchat.store.store import Store, open_store
from lmchat.store.tree import KEPT_FOR
from tests.support.conversation import BEGINNING, asked, drafted, numbers, opened

PICTURE = Image("cat.png", "image/png", b"cat")


@pytest.fixture
def family(store: Store) -> tuple[Session, Session]:
    """Make `one` (1, 2, 3) and its fork `two` (1, 2, 4)."""
    one = asked(store, asked(store, store.create("one"), "First"), "Second")
    two = store.fork(one, "two")
    return asked(store, one, "Third", "Yes.", PICTURE), asked(store, two, "Fourth")


def reached(store: Store, name: str) -> list[TurnId]:
    return [entry.id for entry in store.tree(store.find(name))]


def count(store: Store, table: str) -> int:
    row = store._database.row(f"SELECT count(*) FROM {table}")  # noqa: S608 - our own names
    assert row is not None
    return int(row[0])


def test_tree_shows_what_a_drawing_needs(store: Store) -> None:
    session = asked(store, store.create("one"), "What is\n\tblue? " + "x" * 300)
    (entry,) = store.tree(session)
    turn = session.turn(TurnId(1))
    assert (entry.id, entry.parent, entry.outcome, entry.model) == (1, None, Outcome.COMPLETE, "a/model")
    assert (entry.at, entry.summary) == (turn.at, False)
    assert entry.first_words.startswith("What is blue? xxx")
    assert len(entry.first_words) == 200


def test_tree_can_show_some_turns_only(store: Store, family: tuple[Session, Session]) -> None:
    assert [entry.id for entry in store.tree(family[0], {TurnId(1), TurnId(3)})] == [1, 3]


def test_shape_is_every_reached_turn_with_its_parent(store: Store, family: tuple[Session, Session]) -> None:
    assert store.shape(family[1]) == ((1, None), (2, 1), (4, 2))


def test_session_reaches_its_own_turns_and_those_above_them(store: Store, family: tuple[Session, Session]) -> None:
    assert (reached(store, "one"), reached(store, "two")) == ([1, 2, 3], [1, 2, 4])


def test_session_reaches_what_it_grew_and_left(store: Store, family: tuple[Session, Session]) -> None:
    store.move(family[0], None)
    assert reached(store, "one") == [1, 2, 3]


def test_session_reaches_the_turn_of_another_that_it_went_to(store: Store, family: tuple[Session, Session]) -> None:
    store.move(family[1], TurnId(3))
    assert reached(store, "two") == [1, 2, 3, 4]


def test_deletion_keeps_what_another_session_reaches(store: Store, family: tuple[Session, Session]) -> None:
    store.delete(["one"])
    assert (store.names(), numbers(store.find("two"))) == (["two"], [1, 2, 4])
    assert TurnId(3) not in store.find("two").turns


def test_what_deletion_kept_stays_reached_after_undo(store: Store, family: tuple[Session, Session]) -> None:
    two = store.move(family[1], TurnId(1))
    store.delete(["one"])
    store.move(two, None)
    assert reached(store, "two") == [1, 2, 4]


def test_deletion_of_all_sessions_leaves_nothing(store: Store, family: tuple[Session, Session]) -> None:
    drafted(store, family[0], "Still coming")
    store.delete(["one", "two"])
    left = {table: count(store, table) for table in ("session", "tree", "turn", "draft", "image", "turn_image", "move")}
    assert set(left.values()) == {0}, left


def test_deleted_turns_are_not_found(store: Store, family: tuple[Session, Session]) -> None:
    store.delete(["one"])
    assert (store.search("Third"), store.search("rd")) == ((), ())
    assert store._database.rows("SELECT * FROM trigram_places WHERE term = 'thi'") == []


def test_deletion_takes_only_pictures_that_no_turn_uses(store: Store, family: tuple[Session, Session]) -> None:
    asked(store, family[1], "Look", "A cat.", PICTURE)
    asked(store, family[0], "Look", "A dog.", Image("dog.png", "image/png", b"dog"))
    store.delete(["one"])
    assert store._database.rows("SELECT data FROM image") == [(b"cat",)]


def test_deletion_with_an_unknown_name_deletes_nothing(store: Store, family: tuple[Session, Session]) -> None:
    with pytest.raises(NotFoundError):
        store.delete(["one", "none"])
    assert sorted(store.names()) == ["one", "two"]


def test_long_conversation_goes_bit_by_bit(
    store: Store, family: tuple[Session, Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree, "_AT_ONCE", 2)
    for each in range(7):
        asked(store, store.find("one"), f"Question {each}")
    store.delete(["one"])
    assert [entry.id for entry in store.tree(store.find("two"))] == [1, 2, 4]
    assert count(store, "turn") == 3


def test_deletion_cut_short_leaves_a_whole_session(
    store: Store, family: tuple[Session, Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree, "_AT_ONCE", 1)
    asked(store, family[0], "Fifth")
    tree._remove_some(store._database, 1)
    assert (reached(store, "one"), store.find("one").head) == ([1, 2, 3], None)
    store.delete(["one"])
    assert store.names() == ["two"]


def test_name_given_twice_is_deleted_once(store: Store, family: tuple[Session, Session]) -> None:
    store.delete(["one", "one"])
    assert store.names() == ["two"]


def test_number_of_a_deleted_turn_is_never_given_again(store: Store, family: tuple[Session, Session]) -> None:
    fifth = asked(store, family[0], "Fifth")
    store.delete(["one"])
    assert fifth.head == 5
    assert asked(store, store.find("two"), "Sixth").head == 6


def test_nothing_deleted_can_be_redone(store: Store, family: tuple[Session, Session]) -> None:
    two = store.undo(store.move(family[1], TurnId(3)))
    store.delete(["one"])
    with pytest.raises(BadUseError, match="Nothing is left to redo"):
        store.redo(two)


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
