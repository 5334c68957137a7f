"""The tree as people see it."""

from collections.abc import Collection

import pytest

from lmchat.chat.keeping import TreeEntry
from lmchat.chat.session import Outcome, TurnId
from lmchat.render.terminal import PLAIN, When, theme_for
from lmchat.render.text import cells
from lmchat.render.tree import draw_tree

AT = 1_767_225_600_000_000  # 2026 begins


def entry(number: int, parent: int | None = None, words: str = "", outcome: Outcome = Outcome.COMPLETE) -> TreeEntry:
    above = TurnId(parent) if parent else None
    return TreeEntry(TurnId(number), above, words or f"question {number}", outcome, "acme/big", AT, summary=False)


def drawn(*entries: TreeEntry, head: int, names: dict[int, list[str]] | None = None, width: int = 60) -> list[str]:
    named = {TurnId(turn): each for turn, each in (names or {}).items()}
    shape = [(each.id, each.parent) for each in entries]
    return list(draw_tree(shape, TurnId(head), named, lambda ids: [t for t in entries if t.id in ids], PLAIN, width))


def test_a_straight_conversation_is_a_straight_column() -> None:
    assert drawn(entry(1), entry(2, 1), head=2) == ["1  question 1", "2  question 2  ● here"]


def test_branches_are_beside_the_path_to_the_head() -> None:
    assert drawn(entry(1), entry(2, 1), entry(3, 2), entry(4, 1), head=4) == [
        "1  question 1",
        "├─ 2  question 2",
        "│  3  question 3",
        "└─ 4  question 4  ● here",
    ]


def test_the_way_to_the_head_is_straight_as_long_as_it_forks() -> None:
    assert drawn(entry(1), entry(2, 1), entry(3, 1), entry(4, 3), entry(5, 3), head=5) == [
        "1  question 1",
        "├─ 2  question 2",
        "3  question 3",
        "├─ 4  question 4",
        "└─ 5  question 5  ● here",
    ]


def test_attempts_are_folded_into_a_mark_on_the_turn_they_should_have_followed() -> None:
    turns = [entry(1), entry(2, 1), entry(3, 1), entry(4, 1), entry(5)]
    shape = [(each.id, each.parent) for each in turns]
    attempts = {TurnId(2), TurnId(4), TurnId(5)}
    lines = draw_tree(shape, TurnId(3), {}, lambda ids: [t for t in turns if t.id in ids], PLAIN, 60, attempts=attempts)
    assert list(lines) == ["⋮ no answer: 5", "1  question 1  (no answer: 2, 4)", "3  question 3  ● here"]


def test_an_attempt_that_a_head_points_at_is_shown_and_never_in_the_colour_of_success() -> None:
    theme = theme_for({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, terminal=True, colour=When.ALWAYS)
    attempt = entry(2, 1, outcome=Outcome.FAILED)._replace(attempt=True)
    turns = [entry(1), attempt]
    shape = [(each.id, each.parent) for each in turns]
    *_, last = draw_tree(
        shape, TurnId(2), {}, lambda ids: [t for t in turns if t.id in ids], theme, 60, attempts={TurnId(2)}
    )
    assert "(failed)" in last
    assert theme.styled("(failed)  ● here", theme.styles.good) not in last


def test_the_way_to_the_head_is_straight_also_where_a_newer_branch_exists() -> None:
    assert drawn(entry(1), entry(2, 1), entry(3, 1), head=2) == [
        "1  question 1",
        "├─ 3  question 3",
        "└─ 2  question 2  ● here",
    ]


def test_a_model_is_named_where_it_changes_and_where_two_models_had_the_same_prompt() -> None:
    one, eyes = entry(1), entry(3, 1)._replace(model="acme/eyes")
    assert drawn(one, entry(2, 1), eyes, entry(4, 3), entry(5, 4)._replace(model=""), head=5) == [
        "1  question 1",
        "├─ 2  question 2  acme/big",
        "└─ 3  question 3  acme/eyes",
        "   4  question 4  acme/big",
        "   5  question 5  ● here",
    ]


def test_the_head_is_shown_in_the_midst_of_a_long_run() -> None:
    lines = drawn(entry(1), *[entry(number, number - 1) for number in range(2, 31)], head=15)
    assert "15  question 15  ● here" in lines
    assert [line.strip() for line in lines if "more" in line] == ["⋮ 9 more turns", "⋮ 9 more turns"]


def test_outcomes_and_other_sessions_are_said() -> None:
    assert drawn(entry(1, outcome=Outcome.INTERRUPTED), entry(2, 1), head=2, names={1: ["fork"]}) == [
        "1  question 1  (interrupted)  [fork]",
        "2  question 2  ● here",
    ]


def test_a_long_run_is_folded() -> None:
    lines = drawn(*(entry(n, n - 1) for n in range(1, 5001)), head=5000)
    assert len(lines) == 7
    assert lines[3].strip() == "⋮ 4,994 more turns"
    assert lines[-1].endswith("● here")


def test_only_what_is_shown_is_looked_up() -> None:
    asked: list[TurnId] = []

    def look_up(turns: Collection[TurnId]) -> list[TreeEntry]:
        asked.extend(turns)
        return [entry(turn) for turn in turns]

    shape = [(TurnId(n), TurnId(n - 1) if n > 1 else None) for n in range(1, 5001)]
    list(draw_tree(shape, TurnId(5000), {}, look_up, PLAIN, 80))
    assert asked == [1, 2, 3, 4998, 4999, 5000]


def test_a_bushy_tree_keeps_its_head_in_sight() -> None:
    bushy = [entry(1), *(entry(n, n - 1 if n % 2 == 0 else n - 2) for n in range(2, 5001))]
    lines = drawn(*bushy, head=2500)
    assert len(lines) < 310
    assert any(line.endswith("● here") for line in lines)


@pytest.mark.parametrize("width", [20, 40, 100])
def test_no_line_is_wider_than_the_window(width: int) -> None:
    deep = [entry(1)]
    for number in range(2, 60, 2):
        deep += [entry(number, number - 1, "長い質問" * 20), entry(number + 1, max(1, number - 2), "x" * 200)]
    assert max(map(cells, drawn(*deep, head=1, width=width, names={5: ["another session"]}))) <= width


def test_control_characters_of_a_prompt_do_not_reach_the_terminal() -> None:
    assert "\x1b" not in drawn(entry(1, words="\x1b]0;title\x07 hi\nthere"), head=1)[0]
