"""The tree: what a session follows, what it must send again, and how its head moves."""

from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from lmchat.chat.session import Outcome, Session, Turn, TurnId
from lmchat.chat.values import Message, Prompt, Reply, ResponseId
from lmchat.dataclass import replace
from lmchat.errors import BadUseError, NotFoundError


def turn(number: int, parent: int | None = None, **changes: object) -> Turn:
    plain = Turn(
        TurnId(number),
        TurnId(parent) if parent else None,
        Prompt(f"question {number}"),
        Reply((Message(f"answer {number}"),), ResponseId(f"resp_{number}")),
        Outcome.COMPLETE,
        "here",
        "m",
        datetime(2026, 1, 1, tzinfo=UTC),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # the names are Turn's own


def session(*turns: Turn, head: int | None = None) -> Session:
    known = {each.id: each for each in turns}
    return Session("s", known, head=TurnId(head) if head else max(known, default=None))


def ids(turns: Iterable[Turn]) -> list[int]:
    return [each.id for each in turns]


def test_path_leads_from_the_root_to_the_head() -> None:
    assert ids(session(turn(1), turn(2, 1), turn(3, 1), turn(4, 3)).path()) == [1, 3, 4]


def test_an_empty_session_follows_nothing_and_sends_nothing() -> None:
    empty = session()
    assert (empty.follows("here"), empty.unsent("here"), empty.base) == (None, (), None)


def test_a_cut_turn_is_unsent_and_the_one_before_it_followed() -> None:
    cut = turn(2, 1, outcome=Outcome.INTERRUPTED, reply=Reply((Message("par"),)))
    tree = session(turn(1), cut)
    assert tree.follows("here") == tree.turns[TurnId(1)]
    assert ids(tree.unsent("here")) == [2]


def test_a_forgotten_id_ends_the_search() -> None:
    tree = session(turn(1), turn(2, 1, forgotten=True))
    assert tree.follows("here") is None
    assert ids(tree.unsent("here")) == [1, 2]


def test_another_server_knows_none_of_it() -> None:
    assert session(turn(1), turn(2, 1)).follows("there") is None


def test_a_turn_under_another_system_prompt_is_not_followed_but_one_under_the_same_is() -> None:
    tree = session(turn(1), turn(2, 1, system="Be brief."))
    assert tree.follows("here") == tree.turns[TurnId(1)]
    assert ids(tree.unsent("here")) == [2]


def test_the_next_turn_does_not_follow_an_empty_head() -> None:
    tree = session(turn(1), turn(2, 1, outcome=Outcome.FAILED, reply=Reply()))
    assert tree.base == 1
    assert ids(tree.unsent("here")) == []


def test_undo_walks_towards_the_root_and_stops_before_the_first() -> None:
    tree = session(turn(1), turn(2, 1))
    assert tree.undone(1).head == 1
    assert tree.undone(2).head is None
    with pytest.raises(BadUseError, match="No more than 2 can be undone"):
        tree.undone(3)
    with pytest.raises(BadUseError, match="Nothing is left"):
        tree.undone(2).undone()


def test_a_turn_that_does_not_exist_is_named() -> None:
    with pytest.raises(NotFoundError, match="no turn 9"):
        session(turn(1)).moved(TurnId(9))


def test_looking_at_the_head_of_a_long_conversation_reads_no_more_than_it() -> None:
    seen: list[int] = []

    class Watched(dict[TurnId, Turn]):
        def __getitem__(self, key: TurnId) -> Turn:
            seen.append(key)
            return super().__getitem__(key)

    turns = Watched({TurnId(n): turn(n, n - 1) for n in range(1, 10_001)})
    long = Session("long", turns, head=TurnId(10_000))
    assert long.follows("here") is not None
    assert long.unsent("here") == ()
    assert set(seen) == {10_000}
