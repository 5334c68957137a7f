"""Keeping turns: what goes in comes out, and the head moves only from where the turn started."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from lmchat.chat.session import Outcome, Turn, TurnId
from lmchat.chat.values import (
    Image,
    InvalidToolCall,
    Message,
    Prompt,
    Provider,
    Reasoning,
    Reply,
    ResponseId,
    Stats,
    ToolCall,
)
from lmchat.dataclass import replace
from lmchat.errors import StoreError
from lmchat.store import turns
from lmchat.store.database import Row
from lmchat.store.store import Store
from tests.support.conversation import BEGINNING, answered, asked, drafted, numbers, opened, unasked

PICTURE = Image("cat.png", "image/png", b"\x89PNG" * 100, 20, 10)

WHOLE = Turn(
    id=TurnId(1),
    parent=None,
    prompt=Prompt("Wie heißt 青?\0\n🙂", (PICTURE, replace(PICTURE, name="again.png"))),
    reply=Reply(
        items=(
            Reasoning("Hm.", 1.5),
            Reasoning("Hm again."),
            ToolCall("search", {"q": ["a", 1, None, {"x": 1.5}]}, '[{"type":"text"}]', Provider("plugin", "mcp/web")),
            ToolCall("bare", {}, ""),
            InvalidToolCall("No such tool.", "open", "invalid_name"),
            InvalidToolCall("Bad.", "open", "invalid_arguments", {"a": 1}, Provider("ephemeral_mcp", "hub")),
            Message("Blue\u2028."),
        ),
        response_id=ResponseId("resp_1"),
        stats=Stats(input_tokens=35, total_output_tokens=8, tokens_per_second=57.7),
        model_instance_id="a/model:2",
    ),
    outcome=Outcome.COMPLETE,
    server="http://localhost:1234",
    model="a/model",
    at=BEGINNING,
    system="Be brief.",
    forgotten=True,
    summary=True,
    fault="It broke.",
)


def test_every_part_of_a_turn_comes_back(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        keep = store.keeper(store.create("one"))
        keep(replace(WHOLE, id=TurnId(0), reply=Reply()), done=False)
        keep(WHOLE, done=True)
    with opened(tmp_path) as store:
        assert store.find("one").turn(TurnId(1)) == WHOLE


def test_halves_of_a_character_do_not_end_the_program(store: Store) -> None:
    session = asked(store, store.create("one"), "\ud83d alone", "\ud83d\ude42 joined")
    (turn,) = session.path()
    assert (turn.prompt.text, turn.reply.text) == ("\ufffd alone", "🙂 joined")


def test_draft_is_on_disk_at_once_and_is_not_yet_the_head(store: Store) -> None:
    session = store.create("one")
    kept = store.keeper(session)(unasked(session, "Hello"), done=False)
    assert (kept.id, kept.head, kept.is_head) == (1, None, False)
    assert store._database.rows("SELECT prompt FROM turn") == [("Hello",)]
    assert store.find("one").head is None


def test_turn_that_ended_is_the_head(store: Store) -> None:
    session = store.create("one")
    keep = store.keeper(session)
    turn = unasked(session, "Hello")
    turn = replace(turn, id=keep(turn, done=False).id)
    kept = keep(answered(turn, "Yes."), done=True)
    assert (kept.id, kept.head, kept.is_head) == (1, 1, True)
    assert store.find("one").head == 1


def test_turn_beside_a_head_that_moved_meanwhile_stays_a_branch(store: Store) -> None:
    session = asked(store, store.create("one"), "First")
    keep = store.keeper(session)
    slow = replace(unasked(session, "Slow"), id=keep(unasked(session, "Slow"), done=False).id)
    asked(store, session, "Quick")
    kept = keep(answered(slow, "Late."), done=True)
    assert (kept.id, kept.head, kept.is_head) == (2, 3, False)
    assert numbers(store.find("one")) == [1, 3]
    assert store.find("one").turn(kept.id).reply.text == "Late."


def test_one_keeper_keeps_several_turns(store: Store) -> None:
    session = store.create("one")
    keep = store.keeper(session)
    for text in ("First", "Second"):
        turn = unasked(session, text)
        turn = replace(turn, id=keep(turn, done=False).id)
        session = session.moved(keep(answered(turn, "Yes."), done=True).head)
    assert numbers(session) == [1, 2]


def test_ending_a_turn_twice_changes_nothing(store: Store) -> None:
    session = asked(store, store.create("one"), "First")
    keep = store.keeper(session)
    turn = replace(unasked(session, "Second"), id=keep(unasked(session, "Second"), done=False).id)
    first = keep(answered(turn, "Yes."), done=True)
    assert keep(answered(turn, "Yes."), done=True) == first
    assert [match.turn for match in store.search("Second")] == [2]


def test_turn_that_the_server_forgot_is_only_marked(store: Store) -> None:
    session = asked(store, store.create("one"), "First")
    before = session.turn(TurnId(1))
    store.keeper(session)(replace(before, forgotten=True, reply=Reply()), done=True)
    assert session.turn(TurnId(1)) == replace(before, forgotten=True)


def test_numbers_are_counted_within_a_tree(store: Store) -> None:
    one = asked(store, store.create("one"), "Hello")
    two = asked(store, store.create("two"), "Hello")
    assert (numbers(asked(store, one, "More")), numbers(two)) == ([1, 2], [1])


def test_turns_are_seen_by_a_value_that_is_older(store: Store) -> None:
    session = store.create("one")
    asked(store, store.find("one"), "Hello")
    assert (list(session.turns), len(session.turns)) == ([1], 1)
    assert session.turns[TurnId(1)].prompt.text == "Hello"


@pytest.mark.parametrize("number", [0, -1, 2, 10**30])
def test_turn_that_does_not_exist_is_not_there(store: Store, number: int) -> None:
    session = asked(store, store.create("one"), "Hello")
    assert TurnId(number) not in session.turns


def test_turn_in_the_making_is_not_there_yet(store: Store) -> None:
    session = store.create("one")
    drafted(store, session, "Hello")
    assert (list(session.turns), session.turns.get(TurnId(1)), store.tree(session)) == ([], None, ())


def test_long_walk_asks_the_disk_seldom(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    session = store.create("one")
    for each in range(60):
        session = asked(store, session, f"Question {each}")
    fresh = store.find("one")
    asked_for: list[str] = []
    rows = store._database.rows

    def counted(query: str, values: Sequence[object] = ()) -> list[Row]:
        asked_for.append(query)
        return rows(query, values)

    monkeypatch.setattr(store._database, "rows", counted)
    assert numbers(fresh) == list(range(1, 61))
    assert len(asked_for) < 6


def test_long_walk_has_few_turns_in_memory(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "_MOST_AHEAD", 4)
    monkeypatch.setattr(turns, "_MOST_READ", 8)
    session = store.create("one")
    for each in range(60):
        session = asked(store, session, f"Question {each}")
    fresh = store.find("one")
    read = fresh.turns._read  # type: ignore[attr-defined]  # the store's own mapping
    assert max(len(read) for _ in fresh.path()) <= 16
    assert max(len(read) for _ in fresh.lineage()) <= 16


def test_the_first_turn_of_a_long_path_is_there_before_the_others_are_read(store: Store) -> None:
    session = store.create("one")
    for each in range(60):
        session = asked(store, session, f"Question {each}")
    fresh = store.find("one")
    assert next(iter(fresh.path())).id == 1
    assert len(fresh.turns._read) < 10  # type: ignore[attr-defined]  # the store's own mapping


def test_look_at_the_last_turns_reads_no_pictures_of_others(store: Store) -> None:
    session = asked(store, store.create("one"), "Look", "A cat.", PICTURE)
    session = asked(store, session, "And now?")
    fresh = store.find("one")
    fresh.turn(TurnId(2))
    assert TurnId(1) not in fresh.turns._read  # type: ignore[attr-defined]  # the store's own mapping
    assert fresh.turn(TurnId(1)).prompt.images == (PICTURE,)


def test_picture_is_kept_once(store: Store) -> None:
    session = asked(store, store.create("one"), "Look", "A cat.", PICTURE)
    asked(store, session, "Again", "Still a cat.", PICTURE)
    assert store._database.rows("SELECT count(*) FROM image") == [(1,)]


def test_session_deleted_meanwhile_is_an_error_that_says_so(store: Store) -> None:
    session = store.create("one")
    keep = store.keeper(session)
    turn = replace(unasked(session, "Hello"), id=keep(unasked(session, "Hello"), done=False).id)
    store.delete(["one"])
    for done in (False, True):
        with pytest.raises(StoreError, match="deleted"):
            keep(turn, done=done)
    with pytest.raises(StoreError, match="deleted"):
        store.keeper(session)


def test_power_cut_spares_the_start_and_the_end_of_a_turn(store: Store) -> None:
    session = store.create("one")
    keep = store.keeper(session)
    waited = []
    turn = unasked(session, "Hello")
    turn = replace(turn, id=keep(turn, done=False).id)
    waited.append(store._database.row("PRAGMA synchronous"))
    keep(turn, done=False)
    waited.append(store._database.row("PRAGMA synchronous"))
    keep(answered(turn, "Yes."), done=True)
    waited.append(store._database.row("PRAGMA synchronous"))
    # 2 is FULL, waits for the disk; 1 is NORMAL, leaves that to the system.
    assert waited == [(2,), (1,), (2,)]
