"""How rows become bytes, and Ctrl-C and the keyboard while a turn is shown."""

import os
import pty
import re
import signal
import termios
from collections.abc import Callable

import pytest

from lmchat.render.painter import DeferredInterrupt, Painter, silent_keyboard
from lmchat.render.text import Row, measured
from tests.render.terminals import Clock, Terminal

FAMILY = "👩‍👩‍👧‍👦"


def rows(*texts: str) -> list[Row]:
    return [measured(text, text, 10) for text in texts]


def painter_of(terminal: Terminal, *, reflows: bool = False, now: Callable[[], float] | None = None) -> Painter:
    return Painter(terminal.feed, terminal.size, live=True, reflows=reflows, now=now or Clock())


def test_settled_rows_are_above_live_ones() -> None:
    terminal = Terminal(10, 5)
    painter = painter_of(terminal)
    painter.frame((), rows("live"))
    painter.frame(rows("settled"), rows("live"))
    assert terminal.texts() == ["settled", "live"]


def test_a_frame_without_changes_writes_nothing() -> None:
    terminal = Terminal(10, 5)
    painter = painter_of(terminal)
    painter.frame((), rows("a", "b"))
    painter.frame((), rows("a", "b"))
    assert len(terminal.bytes) == 1


def test_only_what_changed_is_written() -> None:
    terminal = Terminal(10, 5)
    painter = painter_of(terminal)
    painter.frame((), rows("a", "b"))
    painter.frame((), rows("a", "c"))
    assert "a" not in terminal.bytes[-1]
    assert terminal.texts() == ["a", "c"]


def test_a_row_that_is_settled_as_it_was_shown_is_not_written_again() -> None:
    terminal = Terminal(10, 5)
    painter = painter_of(terminal)
    painter.frame((), rows("a", "b"))
    painter.frame(rows("a"), rows("b", "c"))
    assert "a" not in terminal.bytes[-1]
    assert terminal.texts() == ["a", "b", "c"]


def test_a_shorter_row_leaves_nothing_of_the_longer_one() -> None:
    terminal = Terminal(10, 5)
    painter = painter_of(terminal)
    painter.frame((), rows("0123456789"))
    painter.frame((), rows("ab"))
    assert terminal.texts() == ["ab"]


@pytest.mark.parametrize(
    "text", [FAMILY, "🇯🇵", "👍🏽", "ไทยนี้", "हिन्दी", "\u1112\u1161\u11ab", "zero\u200bwidth", "soft\xadly"]
)
def test_a_row_whose_width_terminals_dispute_is_written_on_an_empty_line(text: str) -> None:
    terminal = Terminal(10, 5)
    painter = painter_of(terminal)
    painter.frame((), rows("x"))
    painter.frame((), rows(text))
    assert f"\x1b[2K{text}" in terminal.bytes[-1]


@pytest.mark.parametrize("text", ["Größe", "Москва", "日本語", "한국어", "e\u0301", "☺ 🚀 ✓ →"])
def test_a_row_whose_width_is_certain_is_written_over_what_was_there(text: str) -> None:
    terminal = Terminal(10, 5)
    painter = painter_of(terminal)
    painter.frame((), rows("x"))
    painter.frame((), rows(text))
    assert "\x1b[2K" not in terminal.bytes[-1]


def test_a_row_of_full_width_keeps_its_last_cell() -> None:
    terminal = Terminal(10, 5)
    painter = painter_of(terminal)
    painter.frame((), rows("ab", "x"))
    painter.frame((), rows("0123456789", "y"))
    assert terminal.texts() == ["0123456789", "y"]


def test_fewer_rows_leave_nothing_of_the_others() -> None:
    terminal = Terminal(10, 5)
    painter = painter_of(terminal)
    painter.frame((), rows("a", "b", "c"))
    painter.frame((), rows("a"))
    assert terminal.texts() == ["a"]


def test_no_more_rows_are_live_than_the_window_has_less_one() -> None:
    terminal = Terminal(10, 4)
    painter = painter_of(terminal)
    painter.frame((), rows("a", "b", "c", "d", "e"))
    assert terminal.texts() == ["c", "d", "e"]


def test_a_window_of_one_row_has_no_live_one_since_it_would_stay() -> None:
    terminal = Terminal(10, 1)
    painter = painter_of(terminal)
    painter.frame((), rows("a"))
    painter.frame((), rows("ab"))
    painter.frame(rows("abc"))
    assert terminal.texts() == ["abc"]


def test_nothing_is_erased_where_nothing_was_live() -> None:
    terminal = Terminal(10, 1)
    painter_of(terminal).frame(rows(FAMILY * 4))
    assert "\x1b[J" not in terminal.written()


def test_rows_that_had_no_room_are_there_when_they_are_settled() -> None:
    terminal = Terminal(10, 4)
    painter = painter_of(terminal)
    painter.frame((), rows("a", "b", "c", "d", "e"))
    painter.frame(rows("a", "b", "c", "d", "e"))
    assert terminal.texts() == ["a", "b", "c", "d", "e"]


def test_a_live_row_that_may_be_too_wide_is_cut_at_the_margin() -> None:
    terminal = Terminal(10, 4)
    painter_of(terminal).frame((), rows(FAMILY * 4))
    assert f"\x1b[?7l{FAMILY * 4}\x1b[?7h" in terminal.written()


def test_it_is_written_whole_when_it_is_settled() -> None:
    terminal = Terminal(10, 4)
    painter = painter_of(terminal)
    painter.frame((), rows(FAMILY * 4))
    painter.frame(rows(FAMILY * 4))
    assert FAMILY * 4 in terminal.bytes[-1]
    assert "\x1b[?7l" not in terminal.bytes[-1]


def test_where_it_then_takes_two_rows_the_second_has_nothing_after_it() -> None:
    terminal = Terminal(10, 6)
    painter = painter_of(terminal)
    flags = "abcde🇯🇵fgh"
    painter.frame((), rows(flags, "0123456789", "x"))
    painter.frame(rows(flags), rows("y"))
    assert terminal.texts() == ["abcde🇯🇵f", "gh", "y"]


@pytest.mark.parametrize(
    "text", ["abcde👍🏽fgh", "abcde🇯🇵fgh", "abcdefghi\u0940j", "abcdefghi\xadj", "abcdefghie\u0301", "abcdefgh👩\u200d"]
)
def test_a_row_that_some_terminal_may_find_too_wide_is_cut_while_it_is_live(text: str) -> None:
    terminal = Terminal(10, 6)
    painter_of(terminal).frame((), rows(text))
    assert "\x1b[?7l" in terminal.written()


def test_a_resize_takes_back_no_more_than_the_window_holds() -> None:
    terminal = Terminal(40, 3)
    painter = painter_of(terminal, reflows=True)
    painter.frame((), [measured("0" * 40, "0" * 40, 40)] * 2)
    terminal.columns = 4
    painter.frame((), rows("cd"))
    assert terminal.bytes[-1].startswith("\x1b[?2026h\x1b[2A\r")


def test_where_rows_are_wrapped_again_the_live_ones_are_erased_as_they_are_now() -> None:
    terminal = Terminal(10, 9)
    painter = painter_of(terminal, reflows=True)
    painter.frame((), rows("0123456789", "ab"))
    terminal.columns = 4
    painter.frame((), rows("cd"))
    assert terminal.bytes[-1].startswith("\x1b[?2026h\x1b[4A\r")


def test_where_they_are_not_no_more_is_taken_back_than_was_painted() -> None:
    terminal = Terminal(10, 9)
    painter = painter_of(terminal)
    painter.frame((), rows("0123456789", "ab"))
    terminal.columns = 4
    painter.frame((), rows("cd"))
    assert terminal.bytes[-1].startswith("\x1b[?2026h\x1b[2A\r")


def test_a_character_of_two_cells_that_does_not_fit_takes_its_row_with_it() -> None:
    terminal = Terminal(10, 9)
    painter = painter_of(terminal, reflows=True)
    painter.frame((), [measured(f"\x1b[1m{text}\x1b[0m", text, 10) for text in ("青い空と海", "ab")])
    terminal.columns = 5
    painter.frame((), rows("cd"))
    # Two characters, two, one, and the other row.
    assert terminal.bytes[-1].startswith("\x1b[?2026h\x1b[4A\r")


def test_nothing_erased_is_left_after_a_row() -> None:
    """Tmux wraps erased cells, too, when its width changes: the row is emptied before it is written."""
    terminal = Terminal(10, 5)
    painter = painter_of(terminal)
    painter.frame((), rows("0123456789"))
    painter.frame((), rows("012"))
    assert terminal.bytes[-1] == "\x1b[?2026h\x1b[1A\r\x1b[2K012\r\n\x1b[?2026l"


@pytest.mark.parametrize("columns", [10, 9], ids=["same", "narrower"])
def test_the_screen_is_never_erased_from_its_first_cell(columns: int) -> None:
    """Tmux would put all of the screen into the scrollback."""
    terminal = Terminal(10, 4)
    painter = painter_of(terminal, reflows=True)
    painter.frame((), rows("a", "b", "c"))
    terminal.columns = columns
    painter.clear()
    assert terminal.texts() == []
    assert re.findall(r"(?s)(.)\x1b\[J", terminal.written()) == ["\n"]


def test_no_row_is_live_while_the_window_changes_and_a_moment_longer() -> None:
    terminal, clock = Terminal(10, 5), Clock()
    painter = painter_of(terminal, now=clock)
    painter.frame((), rows("a", "b"))
    due = [painter.due]
    terminal.resize(12, 5)
    for _ in range(3):
        due.append(painter.due)
        painter.frame((), rows("a", "b"))
        assert terminal.texts() == []
        clock.time += 0.13
    painter.frame(rows("a"), rows("b", "c"))
    assert terminal.texts() == ["a"]
    clock.time += 0.1
    due.append(painter.due)
    painter.frame((), rows("b", "c"))
    assert terminal.texts() == ["a", "b", "c"]
    assert [*due, painter.due] == [False, True, True, True, True, False]


def test_without_a_cursor_to_move_only_settled_rows_are_written() -> None:
    terminal = Terminal(10, 9)
    painter = Painter(terminal.feed, terminal.size, live=False)
    painter.frame(rows("a"), rows("b"))
    painter.close()
    assert terminal.written() == "a\n"


_LOCAL_FLAGS = 3


def test_an_interrupt_inside_a_frame_is_delivered_after_it() -> None:
    deferred, done = DeferredInterrupt(), []

    def paint() -> None:
        with deferred.painting():
            signal.raise_signal(signal.SIGINT)
            done.append("painted")

    with deferred.installed(), pytest.raises(KeyboardInterrupt):
        paint()
    assert done == ["painted"]


def test_an_interrupt_between_frames_is_delivered_at_once() -> None:
    with DeferredInterrupt().installed(), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_the_handler_of_before_is_put_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with DeferredInterrupt().installed():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


def test_a_pipe_as_keyboard_is_left_alone() -> None:
    read, write = os.pipe()
    with os.fdopen(read) as stdin, os.fdopen(write, "w"), silent_keyboard(stdin):
        pass


def test_another_programs_terminal_is_left_alone() -> None:
    leader, follower = pty.openpty()
    with os.fdopen(leader, "rb"), os.fdopen(follower, encoding="utf-8") as stdin:
        before = termios.tcgetattr(stdin)
        with silent_keyboard(stdin):
            assert termios.tcgetattr(stdin)[_LOCAL_FLAGS] == before[_LOCAL_FLAGS]
