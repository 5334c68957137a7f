"""Two replies compared: side by side where there is room, else one below the other with the changes marked."""

import re
from datetime import UTC, datetime

import pytest

from lmchat.chat.session import Outcome, Turn, TurnId
from lmchat.chat.values import Message, Prompt, Reply
from lmchat.render.history import compared
from lmchat.render.terminal import PLAIN, Styles, Theme
from lmchat.render.text import cells


def turn(number: int, text: str, model: str = "tiny") -> Turn:
    reply, at = Reply(items=(Message(text),)), datetime(2026, 5, 1, tzinfo=UTC)
    return Turn(TurnId(number), None, Prompt("Which?"), reply, Outcome.COMPLETE, "http://a", model, at)


def test_a_wide_window_has_them_side_by_side() -> None:
    rows = list(compared(turn(6, "**Blue** 空\n\nand more."), turn(7, "Green", "big"), PLAIN, 120))
    assert rows[0].split("│")[0].strip() == "Turn 6 · tiny"
    assert rows[0].split("│")[1].strip() == "Turn 7 · big"
    assert [cells(row.split("│")[0]) for row in rows] == [59] * len(rows)
    assert rows[2].split("│")[1].strip() == "Green"


@pytest.mark.parametrize("width", [100, 101, 140])
def test_rows_side_by_side_fit_the_window(width: int) -> None:
    rows = compared(turn(1, "so on " * 90), turn(2, "日本語 " * 90), Theme(Styles()), width)
    assert max(cells(re.sub("\x1b\\[[0-9;]*m", "", row)) for row in rows) <= width


@pytest.mark.parametrize("width", [None, 60])
def test_elsewhere_the_changes_are_marked(width: int | None) -> None:
    rows = list(compared(turn(6, "The sky is blue."), turn(7, "The sea is very blue."), PLAIN, width))
    assert rows == [
        "Turn 6 · tiny",
        "The sky is blue.",
        "",
        "Turn 7 · tiny",
        "The [-sky-]{+sea+} is {+very +}blue.",
    ]


def test_the_same_reply_has_no_marks() -> None:
    assert list(compared(turn(1, "Same."), turn(2, "Same."), PLAIN, None))[-1] == "Same."


def test_control_characters_in_a_compared_reply_have_no_effect() -> None:
    hostile = "\x1b[2J\u202e"
    for width in (None, 60, 120):
        assert not re.search("[\x1b\u202e]", "\n".join(compared(turn(1, hostile), turn(2, "b"), PLAIN, width)))
