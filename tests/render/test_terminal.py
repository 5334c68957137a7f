"""What a terminal can do, and the styles that follow."""

import io
from operator import itemgetter

import pytest

from lmchat.dataclass import field_names
from lmchat.render.listings import Column
from lmchat.render.terminal import (
    WITHOUT_ANYTHING,
    WITHOUT_COLOURS,
    Depth,
    Styles,
    When,
    moves_cursor,
    reflows,
    size_of,
    theme_for,
)
from tests.render.terminals import Terminal, Tty

XTERM = {"TERM": "xterm-256color"}


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
    styles = [style for each in values for style in (each if isinstance(each, tuple) else [each])]
    assert {number for style in styles for number in style.split(";") if number} <= {"1", "2", "3", "4", "9"}


def test_a_light_background_is_what_the_terminal_says() -> None:
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


COLUMNS: list[Column[list[str]]] = [
    Column("NAME", itemgetter(0), shrinks=True),
    Column("TURNS", itemgetter(1), right=True),
    Column("WORDS", itemgetter(2), shrinks=True),
]
