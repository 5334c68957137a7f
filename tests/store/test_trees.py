"""What a session reaches, and what deletion leaves."""

import pytest

from lmchat.chat.session import Outcome, Session, TurnId
from lmchat.chat.values import Image
from lmchat.errors import BadUseError, NotFoundError
from lmchat.store import tree
from lmchat.store.store import Store
from tests.support.conversation import asked, drafted, numbers

PICTURE = Image("cat.png", "image/png", b"cat")


@pytest.fixture
def family(store: Store) -> tuple[Session, Session]:
    """Make `one` (1, 2, 3) and its fork `two` (1, 2, 4)."""
    one = asked(store, asked(store, store.create("one"), "First"), "Second")
    two = store.fork(one, "two")
    return asked(store, one, "Third", "Yes.", PICTURE), asked(store, two, "Fourth")


def reached(store: Store, name: str) -> list[TurnId]:
    return [twig.id for twig in store.tree(store.find(name))]


def count(store: Store, table: str) -> int:
    row = store._database.row(f"SELECT count(*) FROM {table}")  # noqa: S608 - our own names
    assert row is not None
    return int(row[0])


def test_tree_shows_what_a_drawing_needs(store: Store) -> None:
    session = asked(store, store.create("one"), "What is\n\tblue? " + "x" * 300)
    (twig,) = store.tree(session)
    turn = session.turn(TurnId(1))
    assert (twig.id, twig.parent, twig.outcome, twig.model) == (1, None, Outcome.COMPLETE, "a/model")
    assert (twig.at, twig.summary) == (turn.at, False)
    assert twig.first_words.startswith("What is blue? xxx")
    assert len(twig.first_words) == 200


def test_tree_can_show_some_turns_only(store: Store, family: tuple[Session, Session]) -> None:
    assert [twig.id for twig in store.tree(family[0], {TurnId(1), TurnId(3)})] == [1, 3]


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


def test_deletion_takes_only_pictures_that_nobody_uses(store: Store, family: tuple[Session, Session]) -> None:
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
    assert [twig.id for twig in store.tree(store.find("two"))] == [1, 2, 4]
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
