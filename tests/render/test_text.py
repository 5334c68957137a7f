"""What may go to a terminal."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmchat.chat.values import SurrogateJoiner
from lmchat.render.progress import Thinking
from lmchat.render.terminal import PLAIN
from lmchat.render.text import Sanitizer, cells, cut, fold, sanitize, sanitize_line, shorten

ANY = st.text(st.characters(exclude_categories=()), max_size=60)
HOSTILE = st.text(
    st.sampled_from("a\r\n\t\x1b[]\x07\x08\x00\x9b\x9d\x7f\u202e\u2066\ud83d\ude00é👩\u200d"), max_size=40
)
PIECES = st.lists(st.one_of(ANY, HOSTILE), max_size=8)


def through(pieces: list[str]) -> str:
    sanitizer = Sanitizer()
    return "".join(map(sanitizer.feed, pieces)) + sanitizer.flush()


@given(st.one_of(ANY, HOSTILE))
def test_only_tabs_and_newlines_of_all_control_characters_pass(text: str) -> None:
    left = {character for character in sanitize(text) if unicodedata.category(character) in ("Cc", "Cs")}
    assert left <= {"\t", "\n"}


@given(PIECES)
def test_a_stream_comes_out_as_its_whole_however_it_is_cut(pieces: list[str]) -> None:
    assert through(pieces) == sanitize("".join(pieces))


@given(ANY)
def test_a_stream_of_single_characters_comes_out_as_its_whole(text: str) -> None:
    assert through(list(text)) == sanitize(text)


@pytest.mark.parametrize("text", ["naïve", "日本語", "👩‍👩‍👧‍👦", "e\u0301", "🇯🇵", "❤️", "עברית", "a\u200fb", "\u00ad"])
def test_ordinary_text_passes_untouched(text: str) -> None:
    assert sanitize(text) == text


@pytest.mark.parametrize(
    ("hostile", "harmless"),
    [
        ("a\x1b[31mb", "a␛[31mb"),
        ("\x1b]52;c;eA==\x07", "␛]52;c;eA=="),
        ("\x1bPq\x1b\\", "␛Pq␛\\"),
        ("a\x08b\x00c\x7f", "abc"),
        ("a\x9b2Jb\x9d0;t\x9c", "a2Jb0;t"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("a\u2028b", "a\nb"),
        ("a\u202eb\u2066c", "a⟪U+202E⟫b⟪U+2066⟫c"),
        ("a\ud83db", "a\ufffdb"),
    ],
)
def test_what_is_hostile_becomes_harmless(hostile: str, harmless: str) -> None:
    assert sanitize(hostile) == harmless


def test_a_line_has_no_line_ends() -> None:
    assert sanitize_line(" a\r\nb\tc\x0bd\n") == "a b cd"


def test_halves_are_joined_and_nothing_else_is_changed() -> None:
    joiner = SurrogateJoiner()
    assert joiner.feed("a\x1b\r\ud83d") + joiner.feed("\ude00b\ud83d") + joiner.flush() == "a\x1b\r😀b\ufffd"


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
