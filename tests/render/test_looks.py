"""Colours, failures, listings: what is short and stands alone."""

import io
import signal
import time
from datetime import UTC, datetime, timedelta
from operator import itemgetter

import pytest

from lmchat.chat.listing import Summary
from lmchat.chat.models import DownloadJob, Instance, Model
from lmchat.dataclass import field_names
from lmchat.errors import NotFoundError
from lmchat.render.cells import cells, cut, fold, shorten
from lmchat.render.failures import show_failure, show_note
from lmchat.render.listings import models_listing, sessions_listing
from lmchat.render.progress import Thinking
from lmchat.render.status import waited, watched
from lmchat.render.tables import Column, age_words, listing, pairs, size_words
from lmchat.render.terminal import moves_cursor, reflows, size_of
from lmchat.render.theme import PLAIN, WITHOUT_ANYTHING, WITHOUT_COLOURS, Depth, Styles, When, theme_for
from tests.render.terminals import Clock, Terminal, Tty, world_of

XTERM = {"TERM": "xterm-256color"}
NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("environ", "terminal", "colour", "styles"),
    [
        (XTERM, True, When.AUTO, Styles()),
        (XTERM, False, When.AUTO, WITHOUT_ANYTHING),
        (XTERM, False, When.ALWAYS, Styles()),
        (XTERM, True, When.NEVER, WITHOUT_COLOURS),
        (XTERM | {"NO_COLOR": "1"}, True, When.AUTO, WITHOUT_COLOURS),
        (XTERM | {"NO_COLOR": ""}, True, When.AUTO, Styles()),
        (XTERM | {"NO_COLOR": "1"}, True, When.ALWAYS, Styles()),
        (XTERM | {"FORCE_COLOR": "1"}, False, When.AUTO, Styles()),
        (XTERM | {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, When.AUTO, WITHOUT_ANYTHING),
        (XTERM | {"FORCE_COLOR": "1"}, False, When.NEVER, WITHOUT_ANYTHING),
        ({"TERM": "dumb"}, True, When.AUTO, WITHOUT_ANYTHING),
    ],
)
def test_colours_follow_flag_environment_and_stream(
    environ: dict[str, str], terminal: bool, colour: When, styles: Styles
) -> None:
    assert theme_for(environ, terminal=terminal, colour=colour).styles == styles


@pytest.mark.parametrize(
    ("environ", "depth"),
    [({"TERM": "xterm"}, Depth.SIXTEEN), (XTERM, Depth.MANY), (XTERM | {"COLORTERM": "truecolor"}, Depth.ALL)],
)
def test_the_number_of_colours_is_what_the_terminal_says(environ: dict[str, str], depth: Depth) -> None:
    assert theme_for(environ, terminal=True).depth is depth


def test_without_colours_nothing_is_coloured() -> None:
    values = [getattr(WITHOUT_COLOURS, name) for name in field_names(WITHOUT_COLOURS)]
    styles = [look for each in values for look in (each if isinstance(each, tuple) else [each])]
    assert {number for look in styles for number in look.split(";") if number} <= {"1", "2", "3", "4", "9"}


def test_a_light_background_is_told_by_the_terminal() -> None:
    assert theme_for(XTERM, terminal=True).dark
    assert not theme_for(XTERM | {"COLORFGBG": "0;15"}, terminal=True).dark


@pytest.mark.parametrize(
    ("environ", "links"),
    [
        (XTERM, False),
        (XTERM | {"VTE_VERSION": "7600"}, True),
        (XTERM | {"TERM_PROGRAM": "iTerm.app"}, True),
        ({"TERM": "xterm-kitty"}, True),
        ({"TERM": "tmux-256color"}, True),
        ({"TERM": "screen-256color", "TMUX": "1", "TERM_PROGRAM": "iTerm.app"}, False),
        ({"TERM": "vt100", "TERM_PROGRAM": "vscode"}, False),
        ({"TERM": "linux"}, False),
        ({}, False),
        (XTERM | {"TERM_PROGRAM": "Apple_Terminal"}, False),
    ],
)
def test_links_are_used_where_the_terminal_is_known_to_have_them(environ: dict[str, str], links: bool) -> None:
    assert theme_for(environ, terminal=True).links is links


def test_a_pipe_has_no_links() -> None:
    assert not theme_for(XTERM, terminal=False, colour=When.ALWAYS).links


def test_a_stream_without_a_size_has_that_of_the_environment() -> None:
    assert size_of(io.StringIO(), {"COLUMNS": "33", "LINES": "7"})() == (33, 7)
    assert size_of(io.StringIO(), {"COLUMNS": "no"})() == (80, 24)


def test_a_dumb_terminal_and_a_pipe_do_not_move_the_cursor() -> None:
    tty = Tty(Terminal(10, 10))
    assert moves_cursor(tty, XTERM)
    assert not moves_cursor(tty, {"TERM": "dumb"})
    assert not moves_cursor(io.StringIO(), XTERM)


def test_a_terminal_reflows_where_it_is_known_to() -> None:
    assert reflows(XTERM | {"VTE_VERSION": "7600"})
    assert reflows({"TERM": "tmux-256color"})
    assert not reflows(XTERM)


def test_a_failure_is_one_sentence_and_one_hint() -> None:
    errors = io.StringIO()
    show_failure(world_of(io.StringIO(), errors, Clock()), NotFoundError("No\x1b[2J such\nmodel.", hint="Look."))
    assert errors.getvalue() == "lmchat: error: No␛[2J such model.\nhint: Look.\n"


def test_a_failure_without_a_hint_is_one_line() -> None:
    errors = io.StringIO()
    show_failure(world_of(io.StringIO(), errors, Clock()), NotFoundError("No."))
    assert errors.getvalue() == "lmchat: error: No.\n"


def test_a_note_is_faint_on_a_terminal() -> None:
    terminal = Terminal(40, 5)
    show_note(world_of(io.StringIO(), Tty(terminal), Clock()), "Well.")
    assert terminal.written() == "\x1b[2mWell.\x1b[0m\r\n"


COLUMNS: list[Column[list[str]]] = [
    Column("NAME", itemgetter(0), shrinks=True),
    Column("TURNS", itemgetter(1), right=True),
    Column("WORDS", itemgetter(2), shrinks=True),
]
ROWS = [["colours", "3", "What is blue?"], ["日本語", "12", "a\tb\nc " * 9]]


def test_a_listing_is_aligned_by_cells_and_has_no_tabs() -> None:
    assert listing(COLUMNS, [*ROWS[:1], ["日本語", "12", "x\ty"]], PLAIN).splitlines() == [
        "NAME     TURNS  WORDS",
        "colours      3  What is blue?",
        "日本語      12  x y",
    ]


def test_a_listing_keeps_every_cell_whole_in_a_pipe() -> None:
    assert "a b c " * 8 in listing(COLUMNS, ROWS, PLAIN)


@pytest.mark.parametrize("width", [30, 40, 80])
def test_a_listing_fits_the_window(width: int) -> None:
    lines = listing(COLUMNS, ROWS, PLAIN, width).splitlines()
    assert max(map(cells, lines)) <= width
    assert lines[2].endswith("…") or width == 80


def test_an_empty_listing_has_its_titles() -> None:
    assert listing(COLUMNS, [], PLAIN) == "NAME  TURNS  WORDS\n"


@pytest.mark.parametrize("width", [None, 80])
def test_a_listing_obeys_nothing_in_its_cells(width: int | None) -> None:
    hostile = [["a[bold]b", "3", "\x1b[2Jx\u202ey"], ["日本語", "12", "👩‍👩‍👧‍👦 ok"]]
    assert listing(COLUMNS, hostile, PLAIN, width).splitlines() == [
        "NAME      TURNS  WORDS",
        "a[bold]b      3  ␛[2Jx⟪U+202E⟫y",
        "日本語       12  👩‍👩‍👧‍👦 ok",
    ]


def model_of(key: str, *instances: Instance) -> Model:
    return Model(
        key=key, type="llm", publisher="publisher", quantization="Q4_K_M", params="4B", size_bytes=3_341_000_000,
        max_context_length=131072, vision=True, tools=True, instances=instances,
    )  # fmt: skip


def test_models_show_their_keys_whole_at_80_columns() -> None:
    key = "lmstudio-community/qwen3-30b-a3b-instruct-2507"
    models = [model_of(key, Instance(key, 8192)), model_of("google/gemma-3-4b")]
    for line, shown in zip(models_listing(models, PLAIN, 80).splitlines()[1:], (key, "google/gemma-3-4b"), strict=True):
        assert line.startswith(f"{shown} ")
        assert cells(line) <= 80


@pytest.mark.parametrize(
    ("name", "words", "shown"),
    [
        ("why-is-the-sky", "Why is the sky blue?", "… blue?"),
        ("why-is-the-sky-2", "Why is the sky blue?", "… blue?"),
        ("hello", "Hello!", ""),
        ("whats-up", "What's up, and why?", "… and why?"),
        ("holidays", "Where to?", "Where to?"),
        ("日本語で", "日本語で話して", "… 話して"),
    ],
)
def test_first_words_do_not_repeat_the_name(name: str, words: str, shown: str) -> None:
    saved = [
        Summary("other", 2, "tiny", NOW, NOW, "Other words", None),
        Summary(name, 2, "tiny", NOW, NOW, words, None),
    ]
    assert sessions_listing(saved, NOW, PLAIN, None).splitlines()[2].partition("just now")[2].strip() == shown


def test_a_download_is_shown_on_a_terminal_and_gone_in_the_end() -> None:
    terminal = Terminal(80, 5)
    steps = [DownloadJob("1", "downloading", 1000, 4000), DownloadJob("1", "completed", 4000, 4000)]
    world = world_of(io.StringIO(), Tty(terminal), Clock(), terminal=terminal)
    watched(world, DownloadJob("1", "downloading", 0, 4000), lambda: steps.pop(0))
    assert "1.0/4.0 kB" in terminal.written()
    assert terminal.texts() == []
    assert terminal.written().rindex("\x1b[?25h") > terminal.written().rindex("\x1b[?25l")


def test_waiting_gives_the_terminal_back_when_it_is_interrupted() -> None:
    terminal = Terminal(80, 5)

    def interrupted() -> None:
        time.sleep(0.3)
        signal.raise_signal(signal.SIGINT)

    world = world_of(io.StringIO(), Tty(terminal), Clock(), terminal=terminal)
    with pytest.raises(KeyboardInterrupt):
        waited(world, "Loading [b]\x1b[2Jx", interrupted)
    assert "Loading [b]␛[2Jx" in terminal.written()
    assert terminal.texts() == []
    assert terminal.written().rindex("\x1b[?25h") > terminal.written().rindex("\x1b[?25l")


@pytest.mark.parametrize("environ", [{"TERM": "dumb"}, {"TERM": "unknown"}])
def test_where_nothing_can_move_waiting_is_said_once(environ: dict[str, str]) -> None:
    terminal = Terminal(80, 5)
    assert waited(world_of(io.StringIO(), Tty(terminal), Clock(), environ), "Loading", lambda: 7) == 7
    assert terminal.written() == "Loading …\r\n"
    pipe = io.StringIO()
    assert waited(world_of(io.StringIO(), pipe, Clock(), environ), "Loading", lambda: 7) == 7
    assert pipe.getvalue() == ""


def test_what_fails_while_it_is_waited_for_is_raised() -> None:
    def fail() -> None:
        raise NotFoundError("No.")

    with pytest.raises(NotFoundError):
        waited(world_of(io.StringIO(), io.StringIO(), Clock()), "Loading", fail)


def test_pairs_stand_in_columns() -> None:
    assert pairs([("url", "http://a", "default"), ("model", "", "")], PLAIN) == ("url    http://a  default\nmodel\n")


@pytest.mark.parametrize(
    ("size", "words"),
    [(None, ""), (0, "0 B"), (999, "999 B"), (1_500, "1.5 kB"), (771_933_305, "772 MB"), (4 * 10**15, "4000 TB")],
)
def test_sizes_are_said_as_people_do(size: int | None, words: str) -> None:
    assert size_words(size) == words


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(seconds=5), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(hours=5), "5 hours ago"),
        (timedelta(days=1), "1 day ago"),
        (timedelta(days=800), "2 years ago"),
        (timedelta(seconds=-5), "just now"),
    ],
)
def test_ages_are_said_as_people_do(ago: timedelta, words: str) -> None:
    assert age_words(NOW - ago, NOW) == words


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("abc", 3),
        ("日本", 4),
        ("e\u0301", 1),
        ("👩‍👩‍👧‍👦", 2),
        ("❤️", 2),
        ("❤", 1),
        ("⚠️", 2),
        ("🏳️‍🌈", 2),
        ("👍🏽", 2),
        ("한", 2),
    ],
)
def test_a_text_has_the_width_terminals_give_it(text: str, width: int) -> None:
    assert cells(text) == width


def test_text_is_cut_and_shortened_by_cells() -> None:
    assert cut("日本語", 5) == "日本"
    assert shorten("日本語", 5) == "日本…"
    assert shorten("abc", 0) == ""


def test_what_is_in_brackets_never_begins_a_row() -> None:
    assert fold("first token · context 50 of 1,000 (5%)", 36) == ["first token · context 50 of", "1,000 (5%)"]
    assert fold("(12345678) (12345678)", 12) == ["(12345678)", "(12345678)"]


def test_reasoning_is_folded_at_blanks_and_in_long_words() -> None:
    assert fold("one two 0123456789", 7) == ["one two", "0123456", "789"]


@pytest.mark.timeout(60)
def test_a_line_is_broken_in_time_that_grows_with_its_length_only() -> None:
    assert len(fold("日本語の " * 20_000, 80)) > 2_000


def test_a_long_line_of_thoughts_is_settled_row_by_row_while_it_grows() -> None:
    thinking = Thinking(0.0, whole=True)
    thinking.feed("one two three four")
    settled = [row.text for row in thinking.settled(PLAIN, 10)]
    thinking.feed("teen")
    assert settled + [row.text for row in thinking.open(PLAIN, 10)] == ["one two", "three", "fourteen"]
