"""Moving the head: undo, redo, goto and fork only ever move a pointer."""

from pathlib import Path

import pytest

from lmchat.chat.session import Outcome, Session, TurnId
from lmchat.dataclass import replace
from lmchat.errors import BadUseError, NotFoundError, StoreError
from lmchat.store.store import Store
from tests.support.conversation import asked, drafted, numbers, opened, unasked


@pytest.fixture
def three(store: Store) -> Session:
    session = store.create("one")
    for text in ("First", "Second", "Third"):
        session = asked(store, session, text)
    return session


def test_undo_moves_the_head_towards_the_root(store: Store, three: Session) -> None:
    assert store.undo(three, 2).head == 1
    assert store.find("one").head == 1


def test_undo_of_everything_leaves_no_head(store: Store, three: Session) -> None:
    assert store.undo(three, 3).head is None
    assert list(store.find("one").path()) == []


def test_undo_of_more_than_there_is_changes_nothing(store: Store, three: Session) -> None:
    with pytest.raises(BadUseError):
        store.undo(three, 4)
    assert store.find("one").head == 3


def test_redo_goes_back_as_far_as_undo_came(store: Store, three: Session) -> None:
    undone = store.undo(store.undo(three, 2))
    assert [store.redo(undone, count).head for count in (1, 2)] == [1, 3]
    assert store.find("one").head == 3


def test_undo_between_redos_is_redone_first(store: Store, three: Session) -> None:
    session = store.redo(store.undo(three, 3), 2)
    session = store.undo(session)
    assert [store.redo(session).head for _ in range(2)] == [2, 3]
    with pytest.raises(BadUseError, match="Nothing is left to redo"):
        store.redo(session)


def test_more_than_was_undone_cannot_be_redone(store: Store, three: Session) -> None:
    with pytest.raises(BadUseError, match="No more than 1 can be redone"):
        store.redo(store.undo(three), 10**30)
    assert store.find("one").head == 2


@pytest.mark.parametrize("count", [0, -1])
def test_redo_wants_one_or_more(store: Store, three: Session, count: int) -> None:
    with pytest.raises(BadUseError):
        store.redo(store.undo(three), count)


def test_nothing_can_be_redone_after_a_new_turn(store: Store, three: Session) -> None:
    session = asked(store, store.undo(three), "Other")
    with pytest.raises(BadUseError, match="Nothing is left to redo"):
        store.redo(session)


def test_nothing_can_be_redone_after_a_move(store: Store, three: Session) -> None:
    session = store.move(store.undo(three), TurnId(1))
    with pytest.raises(BadUseError, match="Nothing is left to redo"):
        store.redo(session)


def test_undo_in_one_session_is_not_redone_in_another(store: Store, three: Session) -> None:
    fork = store.fork(three, "two")
    store.undo(three)
    with pytest.raises(BadUseError):
        store.redo(fork)


def test_undo_counts_from_the_head_that_its_person_sees(store: Store, three: Session) -> None:
    stale = three
    asked(store, three, "Fourth")
    undone = store.undo(stale)
    assert (undone.head, store.find("one").head) == (2, 2)
    assert store.redo(undone).head == 3


def test_turn_after_undo_grows_beside_what_was_undone(store: Store, three: Session) -> None:
    session = asked(store, store.undo(three), "Other")
    assert numbers(session) == [1, 2, 4]
    assert session.turn(TurnId(3)).prompt.text == "Third"


def test_move_goes_to_any_turn(store: Store, three: Session) -> None:
    assert numbers(store.move(three, TurnId(2))) == [1, 2]
    assert store.find("one").head == 2


def test_move_before_the_first_begins_another_root(store: Store, three: Session) -> None:
    session = asked(store, store.move(three, None), "Anew")
    assert numbers(session) == [4]
    assert session.turn(TurnId(4)).parent is None


def test_move_to_a_turn_that_does_not_exist_is_refused(store: Store, three: Session) -> None:
    with pytest.raises(NotFoundError):
        store.move(three, TurnId(9))


def failed(store: Store, session: Session, text: str) -> TurnId:
    """Ask one turn of which nothing comes."""
    keep = store.keeper(session)
    turn = replace(unasked(session, text), outcome=Outcome.FAILED)
    turn = replace(turn, id=keep(turn, done=False).id)
    assert not keep(turn, done=True).is_head
    return turn.id


def test_turn_of_which_nothing_came_is_in_the_tree_and_moves_no_head(store: Store, three: Session) -> None:
    number = failed(store, three, "Fourth")
    found = store.find("one")
    assert (found.head, found.turn(number).prompt.text, store.attempts(found)) == (3, "Fourth", frozenset({number}))
    assert [entry.attempt for entry in store.tree(found)] == [False, False, False, True]


def test_turn_of_which_nothing_came_before_its_program_died_moves_no_head(store: Store, tmp_path: Path) -> None:
    with opened(tmp_path) as other:
        drafted(other, other.create("one"), "Hello")
    with opened(tmp_path) as other:
        assert (other.find("one").head, other.attempts(other.find("one"))) == (None, frozenset({TurnId(1)}))


def test_session_that_holds_only_attempts_is_forgotten(store: Store) -> None:
    session = store.create("one")
    failed(store, session, "Hello")
    assert store.forget_unanswered(session)
    assert (store.names(), store._database.rows("SELECT * FROM turn")) == ([], [])


def test_session_with_an_answer_is_not_forgotten(store: Store, three: Session) -> None:
    undone = store.undo(three, 3)
    failed(store, undone, "Hello")
    assert not store.forget_unanswered(undone)
    assert store.names() == ["one"]


def test_session_in_which_another_program_is_writing_is_not_forgotten(store: Store) -> None:
    session = store.create("one")
    failed(store, session, "Hello")
    drafted(store, session, "Meanwhile")
    assert not store.forget_unanswered(session)


def test_fork_points_at_the_same_turn_and_grows_by_itself(store: Store, three: Session) -> None:
    fork = asked(store, store.fork(three, "two"), "Forked")
    assert (numbers(fork), numbers(store.find("one"))) == ([1, 2, 3, 4], [1, 2, 3])


def test_fork_points_at_the_turn_that_is_named(store: Store, three: Session) -> None:
    assert numbers(store.fork(three, "two", TurnId(2))) == [1, 2]


def test_fork_copies_no_turn(store: Store, three: Session) -> None:
    store.fork(three, "two")
    assert store._database.rows("SELECT count(*) FROM turn") == [(3,)]


@pytest.mark.parametrize("name", ["one", "", "-x"])
def test_fork_under_a_name_that_cannot_be_is_refused(store: Store, three: Session, name: str) -> None:
    with pytest.raises(BadUseError):
        store.fork(three, name)


def test_heads_name_every_other_session_of_the_tree(store: Store, three: Session) -> None:
    store.fork(three, "two")
    store.fork(three, "early", TurnId(1))
    store.create("elsewhere")
    assert store.heads(three) == {1: ["early"], 3: ["two"]}


def test_move_to_a_turn_that_another_program_deletes_is_an_error(store: Store, three: Session) -> None:
    fork = store.fork(three, "two", TurnId(1))
    fork.turn(TurnId(3))
    store.delete(["one"])
    with pytest.raises(StoreError, match="was deleted"):
        store.move(fork, TurnId(3))
    with pytest.raises(StoreError, match="was deleted"):
        store.fork(fork, "three", TurnId(3))
    assert store.find("two").head == 1
