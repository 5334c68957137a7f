"""The picker of sessions: finding, previewing, resuming, renaming and deleting; leaving it changes nothing."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmchat.chat.keeping import Match, Summary
from lmchat.chat.session import TurnId
from lmchat.chat.values import Prompt
from lmchat.render.terminal import PLAIN
from lmchat.render.text import cells
from lmchat.repl.matching import Sessions
from lmchat.repl.picker.browser import Browser, Mode, Picked, entry_row, hint_line, room_in
from lmchat.repl.picker.choice import Marked
from tests.support.lmstudio import Studio, spoken
from tests.support.program import run
from tests.support.talking import CTRL_C, CTRL_D, DOWN, ENTER, ESCAPE, TAB, UP, Talk
from tests.support.window import Window, talk_command, window

NOW = datetime(2026, 1, 2, tzinfo=UTC)
CTRL_O, CTRL_R, CTRL_X, CTRL_U = "\x0f", "\x12", "\x18", "\x15"


def summary(name: str, words: str = "", hours: int = 1) -> Summary:
    return Summary(name, 1, "m", NOW, NOW - timedelta(hours=hours), words, None)


def fitting(typed: str, *summaries: Summary, matches: tuple[Match, ...] = ()) -> list[str]:
    return [each.name for each in Sessions(summaries).fitting(typed, matches)]


@pytest.fixture
def three(talk: Talk) -> Talk:
    """Return a talk with three sessions, the first one used last."""
    talk.ask("旅行の計画を立てる", "京都にも行きたい", name="休み")
    talk.ask("what is a regex", "explain lookahead", name="regex")
    talk.ask("why is the sky blue", name="sky")
    return talk


def browser(talk: Talk) -> Browser:
    return Browser(talk.store, PLAIN, lambda: NOW)


def test_names_come_before_first_words_and_those_before_what_was_said() -> None:
    sessions = (summary("a", "about the sky"), summary("blue-sky"), summary("sky"), summary("b", "nothing"))
    match = Match("b", TurnId(3), "reply", "… the sky is …", ((6, 9),), NOW)
    assert fitting("sky", *sessions, matches=(match,)) == ["sky", "blue-sky", "a", "b"]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("SKY blue", "sky-blue"),
        ("ブルー", "ﾌﾞﾙｰの空"),
        ("ｓｋｙ", "sky-blue"),
        ("空", "ﾌﾞﾙｰの空"),
        ("skbl", "sky-blue"),
        ("京都", "trip"),
    ],
)
def test_what_is_typed_finds_it_whatever_its_width_and_capitals(typed: str, found: str) -> None:
    assert found in fitting(typed, summary("sky-blue"), summary("ﾌﾞﾙｰの空"), summary("trip", "来週の京都"))


def test_nothing_typed_offers_all_in_their_order() -> None:
    assert fitting("  ", summary("b"), summary("a")) == ["b", "a"]


def test_words_that_the_name_repeats_are_not_shown_twice() -> None:
    assert [each.words for each in Sessions([summary("why-is-it", "Why is it so?")]).all] == ["… so?"]


def test_enter_goes_on_in_the_session(three: Talk, studio: Studio) -> None:
    out = three.press(f"/switch{ENTER}regex{ENTER}more{ENTER}{CTRL_D}", name="sky")
    assert "explain lookahead" in out
    assert len(three.store.find("regex").path()) == 3


@pytest.mark.terminal
def test_what_was_said_is_found_in_a_moment(three: Talk, tmp_path: Path) -> None:
    with window(talk_command(three.server, "sky"), tmp_path) as there:
        there.until_prompt()
        there.send(f"{CTRL_O}京都 にも")
        there.until("> 休み")
        there.send(ENTER)
        there.until("休み · ")
        there.send(f"{CTRL_O}lookahead")
        there.until("> regex  explain lookahead")


def test_a_turn_is_gone_to_as_goto_does(three: Talk) -> None:
    three.press(f"/switch{ENTER}休み{TAB}{DOWN}{ENTER}more{ENTER}{CTRL_D}", name="sky")
    assert [turn.prompt.text for turn in three.store.find("休み").path()] == ["旅行の計画を立てる", "more"]


def test_ctrl_o_keeps_what_is_in_the_line(three: Talk, studio: Studio) -> None:
    three.press(f"下書き{CTRL_O}regex{ENTER}です{ENTER}{CTRL_D}", name="sky")
    assert studio.chats[-1]["input"] == "下書きです"
    assert three.store.find("regex").path()[-1].prompt.text == "下書きです"


@pytest.mark.parametrize("leaving", [CTRL_C, CTRL_D, f"{TAB}{CTRL_C}", f"{CTRL_R}{CTRL_C}", f"{CTRL_X}{CTRL_C}"])
def test_leaving_changes_nothing(three: Talk, studio: Studio, leaving: str) -> None:
    before = [three.store.export(three.store.find(name)) for name in three.store.names()]
    three.press(f"draft{CTRL_O}{DOWN}{leaving}{CTRL_C}{CTRL_D}", name="sky")
    assert [three.store.export(three.store.find(name)) for name in three.store.names()] == before
    assert len(studio.chats) == 5


@pytest.mark.terminal
def test_escape_goes_one_step_back(three: Talk, tmp_path: Path, studio: Studio) -> None:
    with window(talk_command(three.server, "sky"), tmp_path) as there:
        there.until_prompt()
        there.send(f"dra{CTRL_O}")
        for key, shown in ((TAB, "Turn of sky"), (CTRL_R, "New name: sky"), (CTRL_X, "Move 'sky' to the trash?")):
            there.until("Session:")
            there.until("Esc leaves")
            there.send(key)
            there.until(shown)
            there.send(ESCAPE)
        there.until("Esc leaves")
        there.send(ESCAPE)
        left_screen(there)
        there.send(f"ft{ENTER}")
        there.until("Reply 6.")
    assert studio.chats[-1]["input"] == "draft"
    assert set(three.store.names()) == {"sky", "regex", "休み"}


def test_a_session_is_renamed_also_the_one_that_one_is_in(three: Talk) -> None:
    keys = f"/switch{ENTER}{CTRL_R}{CTRL_U}青い空{ENTER}{CTRL_C}more{ENTER}{CTRL_D}"
    out = three.press(keys, name="sky")
    assert len(three.store.find("青い空").path()) == 2
    assert "Another program" not in out


def test_a_session_is_deleted_after_a_yes_also_the_one_that_one_is_in(three: Talk) -> None:
    three.press(f"/switch{ENTER}{CTRL_X}n{CTRL_X}y{CTRL_C}something new{ENTER}{CTRL_D}", name="sky")
    assert [each.name for each in three.store.in_trash()] == ["sky"]
    assert three.store.names()[0] == "something-new"


def test_a_name_that_is_taken_is_said(three: Talk) -> None:
    there = browser(three)
    there.ask(Mode.RENAME)
    there.rename("regex")
    assert there.notice == "There is a session 'regex' already."
    assert there.sessions.entry is not None
    assert there.sessions.entry.name == "sky"


def test_a_deletion_says_how_to_take_it_back(three: Talk) -> None:
    there = browser(three)
    there.ask(Mode.DELETE)
    there.delete(sure=True)
    assert "`lmchat sessions restore sky`" in there.notice
    assert [each.name for each in there.sessions.entries] == ["regex", "休み"]


def test_the_preview_is_the_end_of_the_session_or_the_turn_that_was_found(three: Talk) -> None:
    there = browser(three)
    there.narrow("regex")
    assert there.preview(40, 10) == ["1 › what is a regex", "Reply 3.", "", "2 › explain lookahead", "Reply 4."]
    assert there.preview(40, 2) == ["2 › explain lookahead", "Reply 4."]
    there.narrow("what regex")
    there.take_found("what regex", there.found("what regex"))
    assert there.open_turns()
    assert there.turns.entry is not None
    assert there.preview(40, 10)[0] == f"{there.turns.entry.id} › {there.turns.entry.first_words}"


def test_a_turn_is_found_by_number_or_words(three: Talk) -> None:
    there = browser(three)
    there.narrow("休み")
    assert there.open_turns()
    assert there.picked == Picked("休み", TurnId(2))
    for typed, turn in (("1", 1), ("#2", 2), ("旅行", 1)):
        there.narrow(typed)
        assert there.picked == Picked("休み", TurnId(turn))
    there.narrow("nowhere")
    assert there.picked is None


def test_a_search_that_comes_late_changes_nothing(three: Talk) -> None:
    there = browser(three)
    there.narrow("sky")
    there.take_found("regex", there.found("regex"))
    assert [each.name for each in there.sessions.entries] == ["sky"]


def test_a_long_reply_and_a_long_prompt_are_previewed_quickly_and_within_the_room(talk: Talk, studio: Studio) -> None:
    studio.replies = [spoken("長い返事です。\n" * 20_000 + "The end.")]
    talk.press(CTRL_D, first=Prompt("質問 " * 5_000), name="long")
    there = browser(talk)
    rows = there.preview(47, 22)
    assert rows[-1].endswith("The end.")
    assert len(rows) == 22
    assert max(map(cells, rows)) <= 47


def test_without_sessions_it_says_so(talk: Talk) -> None:
    assert "There are no sessions yet." in talk.type("/switch", f"{CTRL_C}/sessions")


def test_a_private_talk_is_not_left(three: Talk) -> None:
    three.private = True
    assert "cannot be left" in three.type("/switch")


@given(st.integers(1, 250), st.integers(1, 80))
def test_the_room_is_never_more_than_the_window(columns: int, rows: int) -> None:
    room = room_in(columns, rows)
    assert 0 < room.columns <= columns
    assert room.rows >= 1
    if room.preview_rows and room.beside:
        assert room.columns + 3 + room.preview_columns == columns
    elif room.preview_rows:
        assert room.rows + 1 + room.preview_rows == rows - 2


@given(st.text("ab 日本é😀", max_size=60), st.text("ab 日本é", max_size=60), st.integers(12, 120))
def test_a_row_fills_its_width_exactly(name: str, words: str, width: int) -> None:
    (*row, end) = entry_row(name, words, "3 h", width, marked=True)
    assert end[1] == "\n"
    assert cells("".join(part[1] for part in row)) == width


def test_hints_fit_and_the_way_out_is_always_said() -> None:
    hints = [("Enter", "opens"), ("Tab", "turns"), ("Esc", "leaves")]
    assert hint_line(hints, 24)[0][1] == "Enter opens · Esc leaves"


def test_the_marked_entry_is_always_among_the_visible_ones() -> None:
    marked = Marked(range(100))
    random = Random(1)  # noqa: S311 - the same every time
    for _ in range(200):
        marked.move(random.randint(-30, 30))
        visible = marked.visible(7)
        assert len(visible) == 7
        assert [entry for is_marked, _, entry in visible if is_marked] == [marked.place]


@pytest.mark.terminal
@pytest.mark.parametrize(("rows", "columns"), [(24, 80), (12, 40), (40, 120), (30, 60), (5, 20)])
def test_it_fits_into_the_window_and_is_gone_afterwards(three: Talk, tmp_path: Path, rows: int, columns: int) -> None:
    with window(talk_command(three.server, "sky"), tmp_path, rows=rows, columns=columns) as there:
        there.until_prompt()
        there.send(CTRL_O)
        there.until("> sky")
        there.until("Esc")
        there.send("休")
        there.until("> 休み")
        if rows >= 24:
            there.until("京都にも行きたい")
        there.send("\x1b")
        left_screen(there)
        there.send("\x04")
        assert there.ended() == 0
        assert there.leftovers()["1049"] == "l"


def left_screen(there: Window) -> None:
    """Wait until the picker has given the screen back."""
    while there.leftovers().get("1049") != "l":
        assert there.read()


@pytest.mark.terminal
def test_talk_pick_goes_on_in_the_picked_session(three: Talk, tmp_path: Path, studio: Studio) -> None:
    with window(talk_command(three.server, "--pick", "休"), tmp_path) as there:
        there.until("> 休み")
        there.send(f"{TAB}{DOWN}{UP}{DOWN}{ENTER}")
        there.until_prompt()
        there.send(f"more{ENTER}")
        there.until("turn 3")
        there.send(CTRL_D)
        assert there.ended() == 0
    assert [turn.prompt.text for turn in three.store.find("休み").path()] == ["旅行の計画を立てる", "more"]


@pytest.mark.terminal
@pytest.mark.parametrize("leaving", ["\x1b", CTRL_C])
def test_leaving_talk_pick_leaves_the_program(three: Talk, tmp_path: Path, studio: Studio, leaving: str) -> None:
    with window(talk_command(three.server, "--pick"), tmp_path) as there:
        there.until("> sky")
        there.send(leaving)
        assert there.ended() == 130
        assert there.modes() == there.modes_before


def test_talk_pick_needs_a_terminal_and_names_nothing_else(tmp_path: Path) -> None:
    ran = run(tmp_path, "talk", "--pick")
    assert (ran.status, "needs a terminal" in ran.stderr) == (2, True)
    assert run(tmp_path, "talk", "--pick", "-c").status == 2


@pytest.mark.terminal
def test_a_terminal_without_escapes_gets_a_list_with_numbers(three: Talk, tmp_path: Path) -> None:
    with window(talk_command(three.server, "sky"), tmp_path, term="dumb") as there:
        there.until_prompt()
        there.until_keys()
        there.send("/switch\r")
        there.until("Its number or name")
        assert "2. regex" in there.rows()
        there.until_keys()
        there.send("2\r")
        there.until("explain lookahead")
        assert b"\x1b" not in there.written


def test_ten_thousand_sessions_are_narrowed_in_no_time(talk: Talk) -> None:
    """The numbers are wide: on an idle core this takes a twentieth of it."""
    random = Random(1)  # noqa: S311 - the same every time
    words = ["blue", "sky", "regex", "青い空", "旅行の計画", "commit"]
    many = [
        summary(f"{random.choice(words)}-{number}", " ".join(random.choices(words, k=6))) for number in range(10_000)
    ]
    sessions = Sessions(many)
    began = datetime.now(UTC)
    for typed in ("b", "bl", "blue", "blue 9", "旅", "zz"):
        sessions.fitting(typed)
    assert datetime.now(UTC) - began < timedelta(seconds=2)


def test_all_sessions_are_offered_also_those_that_are_not_read_at_once(talk: Talk) -> None:
    for number in range(250):
        talk.store.create(f"s{number}", "hi")
    there = browser(talk)
    assert len(there.sessions.entries) == 200
    there.take(there.listed())
    assert len(there.sessions.entries) == 250
