"""What a terminal shows of a message that arrives in pieces: screen, scrollback, bytes, paints."""

import itertools
import random
import re
from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import lmchat.render.markdown.stream
from lmchat.render.markdown.stream import FRAME_SECONDS, MarkdownStream, render_rows
from lmchat.render.painter import Painter
from lmchat.render.terminal import theme_for
from lmchat.render.text import sanitize
from tests.render.markdown.documents import DOCUMENTS, readmes
from tests.render.terminals import COLOURED, Cell, Clock, LateTerminal, ReflowingTerminal, Terminal

THEME = theme_for(COLOURED, terminal=True)
PROSE = " ".join(f"word{number}" for number in range(400))
CURSOR_UP = re.compile(r"\x1b\[(\d+)A")


@pytest.fixture(scope="module", autouse=True)
def looking_ahead_costs_nothing() -> Iterator[None]:
    """Let frames come by the test's clock alone: on a busy machine real costs put them off."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lmchat.render.markdown.stream, "perf_counter", lambda: 0.0)
        yield


class Streaming:
    """A message on its way to a terminal."""

    def __init__(self, terminal: Terminal, *, reflows: bool = False) -> None:
        self.terminal = terminal
        self.clock = Clock()
        self.painter = Painter(terminal.feed, terminal.size, live=True, reflows=reflows, now=self.clock)
        self.stream = MarkdownStream(self.painter, THEME, self.clock)

    def feed(self, text: str, seconds: float = 0.02) -> None:
        self.stream.feed(text)
        self.clock.time += seconds

    def finish(self) -> None:
        self.stream.finish()
        self.painter.close()


def streamed(text: str, cuts: list[int], pauses: list[float], terminal: Terminal) -> list[list[Cell]]:
    streaming = Streaming(terminal)
    for index, (start, end) in enumerate(zip([0, *cuts], [*cuts, len(text)], strict=True)):
        streaming.feed(text[start:end], pauses[index % len(pauses)])
    streaming.finish()
    return terminal.cells()


FEW = settings(max_examples=max(settings().max_examples // 5, 1))


def at_once(text: str, terminal: Terminal) -> list[list[Cell]]:
    for row in render_rows(text, terminal.columns, THEME):
        terminal.feed(row.text + "\r\n")
    return terminal.cells()


@given(
    DOCUMENTS.map(sanitize),
    st.integers(20, 120),
    st.integers(2, 30),
    st.lists(st.sampled_from([0.0, 0.01, 0.05, 1.0]), min_size=1, max_size=5),
    st.data(),
)
def test_screen_and_scrollback_are_those_of_the_whole(
    text: str, columns: int, lines: int, pauses: list[float], data: st.DataObject
) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=40)))
    assert streamed(text, cuts, pauses, Terminal(columns, lines)) == at_once(text, Terminal(columns, lines))


@FEW
@given(DOCUMENTS.map(sanitize), st.integers(20, 120), st.integers(3, 24))
@example("****`````<div>🇯🇵```", 20, 3)  # settled, it takes two rows where flags are two characters
def test_character_by_character_they_are_too(text: str, columns: int, lines: int) -> None:
    text = text[:150]
    shown = streamed(text, list(range(1, len(text))), [0.05], Terminal(columns, lines))
    assert shown == at_once(text, Terminal(columns, lines))


@pytest.mark.parametrize(("columns", "lines"), [(34, 8), (100, 24)])
def test_real_documents_end_as_they_are_printed_at_once(columns: int, lines: int) -> None:
    chance = random.Random(columns)  # noqa: S311 - no secret
    for text in (sanitize(readme)[:2500] for readme in chance.sample(readmes(), min(len(readmes()), 12))):
        cuts = sorted(chance.sample(range(1, len(text)), 60))
        shown = streamed(text, cuts, [0.01, 0.06], Terminal(columns, lines))
        assert shown == at_once(text, Terminal(columns, lines))


def resized_on_its_way(text: str, terminal: Terminal, sizes: list[tuple[int, int]], step: int) -> str:
    """Stream a text and resize the window every few pieces; return the words that are on the screen in the end."""
    streaming = Streaming(terminal, reflows=isinstance(terminal, ReflowingTerminal))
    left = list(sizes)
    for index, piece in enumerate(re.findall(r"(?s).{1,40}", text)):
        if index % step == step - 1 and left:
            terminal.resize(*left.pop())
        streaming.feed(piece, 0.05)
    streaming.finish()
    return " ".join(" ".join(terminal.texts()).split())


SIZES = st.lists(st.tuples(st.integers(30, 100), st.integers(16, 30)), min_size=1, max_size=4)


@FEW
@given(SIZES, st.integers(1, 40))
def test_no_word_is_lost_or_doubled_when_a_reflowing_window_is_resized(sizes: list[tuple[int, int]], step: int) -> None:
    paragraphs = [" ".join(f"word{number}" for number in range(start, start + 20)) for start in range(0, 300, 20)]
    shown = resized_on_its_way("\n\n".join(paragraphs), ReflowingTerminal(60, 20), sizes, step)
    # What was settled before is broken by the terminal, in the middle of words too.
    assert shown.replace(" ", "") == "".join(paragraphs).replace(" ", "")


@FEW
@given(st.lists(st.tuples(st.integers(30, 100), st.integers(0, 5)), min_size=2, max_size=12), st.integers(5, 20))
def test_no_word_is_doubled_while_a_window_is_dragged_and_tells_its_size_late(
    drags: list[tuple[int, int]], start: int
) -> None:
    """The first change is reported at once, those that follow up to a quarter of a second late.

    One that comes after more than that is a first one again, so there is no drag here without a change.
    """
    drags = [drag for before, drag in itertools.pairwise([(60, 0), *drags]) if drag[0] != before[0]]
    text = "\n\n".join(" ".join(f"word{number}" for number in range(first, first + 20)) for first in range(0, 300, 20))
    terminal = LateTerminal(60, 40)
    streaming = Streaming(terminal, reflows=True)
    pieces = iter(re.findall(r"(?s).{1,25}", text))
    for piece in itertools.islice(pieces, start):
        streaming.feed(piece, 0.05)
    for first, (columns, frames) in enumerate(drags):
        terminal.resize(columns, 40)
        for piece in itertools.islice(pieces, frames if first else 0):
            streaming.feed(piece, 0.05)
        terminal.tell()
        streaming.feed(next(pieces, ""), 0.05)
    for piece in pieces:
        streaming.feed(piece, 0.05)
    streaming.finish()
    assert "".join(terminal.texts()).replace(" ", "") == text.replace(" ", "").replace("\n", "")


@FEW
@given(SIZES, st.integers(1, 40))
def test_no_word_is_lost_even_where_the_open_paragraph_is_taller_than_the_window(
    sizes: list[tuple[int, int]], step: int
) -> None:
    shown = resized_on_its_way(PROSE, ReflowingTerminal(60, 8), [(columns, 8) for columns, _ in sizes], step)
    assert shown.replace(" ", "").endswith(PROSE.replace(" ", ""))


def test_a_widened_window_that_does_not_reflow_keeps_every_word_once() -> None:
    terminal = Terminal(40, 24)
    streaming = Streaming(terminal)
    for index, piece in enumerate(re.findall(r"(?s).{1,40}", PROSE[:1200])):
        if index == 10:
            terminal.resize(90, 24)
        streaming.feed(piece, 0.05)
    streaming.finish()
    assert " ".join(terminal.texts()).split() == PROSE[:1200].split()


@FEW
@given(DOCUMENTS.map(sanitize), st.integers(20, 80), st.integers(2, 12))
def test_the_cursor_never_goes_up_further_than_the_window_less_one(text: str, columns: int, lines: int) -> None:
    terminal = Terminal(columns, lines)
    streamed(text, list(range(1, len(text), 9)), [0.05], terminal)
    assert all(int(rows) <= lines - 1 for rows in CURSOR_UP.findall(terminal.written()))


def test_no_row_of_a_finished_block_is_written_again() -> None:
    terminal = Terminal(60, 20)
    streaming = Streaming(terminal)
    paragraphs = [f"Paragraph {number} says something." for number in range(30)]
    for text in paragraphs:
        streaming.feed(text + "\n\n", 1.0)
        streaming.feed("", 1.0)
    streaming.finish()
    assert [terminal.written().count(text) for text in paragraphs] == [1] * 30


def test_a_block_that_is_shown_as_it_stays_is_not_written_again_when_it_is_settled() -> None:
    terminal = Terminal(60, 20)
    streaming = Streaming(terminal)
    for piece in ("Some words", "\n\n", "More words"):
        streaming.feed(piece, 1.0)
    streaming.finish()
    assert terminal.written().count("Some words") == 1


def test_at_fifty_tokens_a_second_there_are_fifteen_paints_and_few_erasures() -> None:
    terminal = Terminal(60, 20)
    streaming = Streaming(terminal)
    tokens = [word + ("\n\n" if number % 60 == 59 else " ") for number, word in enumerate(PROSE.split())]
    for token in tokens:
        streaming.feed(token, 1 / 50)
    seconds = len(tokens) / 50
    assert len(terminal.bytes) / seconds >= 15
    assert len(re.findall(r"\x1b\[[012]?[JK]", terminal.written())) / seconds <= 2


def test_a_fast_stream_is_not_painted_more_often_than_every_frame() -> None:
    terminal = Terminal(60, 20)
    streaming = Streaming(terminal)
    for word in PROSE.split():
        streaming.feed(word + " ", 1 / 5_000)
    assert len(terminal.bytes) <= 400 / 5_000 / FRAME_SECONDS + 2


def test_the_last_words_of_a_stream_that_stalls_are_shown() -> None:
    terminal = Terminal(60, 20)
    streaming = Streaming(terminal)
    streaming.feed("one ", 0.001)
    streaming.feed("two", 1.0)
    assert terminal.texts() == ["one"]
    streaming.stream.tick()
    assert terminal.texts() == ["one two"]


def test_a_resize_repaints_the_open_rows_without_new_text() -> None:
    terminal = ReflowingTerminal(60, 20)
    streaming = Streaming(terminal, reflows=True)
    streaming.feed(PROSE[:200], 1.0)
    terminal.resize(30, 20)
    for _ in range(2):
        streaming.stream.tick()
        streaming.clock.time += 0.5
    assert terminal.texts() == [row.text for row in render_rows(PROSE[:200], 30, THEME)]


def test_the_empty_row_above_a_message_is_written_once() -> None:
    terminal = Terminal(20, 20)
    painter = Painter(terminal.feed, terminal.size, live=True)
    stream = MarkdownStream(painter, THEME, clock := Clock(), gap=True)
    for piece in ("one\n\ntwo", "\n\nthree"):
        stream.feed(piece)
        clock.time += 1.0
    stream.finish()
    assert terminal.texts() == ["", "one", "", "two", "", "three"]


def test_the_cursor_is_given_back() -> None:
    terminal = Terminal(20, 20)
    streaming = Streaming(terminal)
    streaming.feed("one", 1.0)
    assert terminal.written().count("\x1b[?25l") == 1
    streaming.finish()
    assert terminal.written().endswith("\x1b[?25h")
