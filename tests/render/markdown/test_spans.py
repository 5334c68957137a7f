"""Wrapping text to a width."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmchat.render.markdown.growing import close_open_marks
from lmchat.render.markdown.spans import Span, fold, row, wrap
from lmchat.render.text import cells

TEXTS = st.text(st.sampled_from("ab c  日本、語。「」é👩‍e\u0301️"), max_size=60)


def texts(rows: list[list[Span]]) -> list[str]:
    return ["".join(span.text for span in spans) for spans in rows]


@given(st.lists(TEXTS, max_size=5), st.integers(4, 30))
def test_wrapping_loses_nothing_but_blanks(parts: list[str], width: int) -> None:
    rows = texts(wrap([Span(part, str(index)) for index, part in enumerate(parts)], width))
    assert "".join(rows).replace(" ", "") == "".join(parts).replace(" ", "")


@given(TEXTS, st.integers(4, 30))
def test_no_row_is_wider_than_wanted(text: str, width: int) -> None:
    assert all(cells(part) <= width for part in texts(wrap([Span(text)], width)) + texts(fold([Span(text)], width)))


@given(st.text(st.sampled_from("ab   c"), max_size=60), st.integers(4, 20))
def test_plain_letters_are_wrapped_as_all_others_are(text: str, width: int) -> None:
    letters = texts(wrap([Span(text.strip())], width))
    accented = texts(wrap([Span(text.strip().replace("a", "á"))], width))
    assert [part.replace("á", "a") for part in accented] == letters


@given(TEXTS, st.integers(4, 30))
def test_folding_code_loses_nothing(text: str, width: int) -> None:
    assert "".join(texts(fold([Span(text)], width))) == text


@given(st.lists(TEXTS, min_size=1, max_size=5), st.integers(4, 30))
def test_every_letter_keeps_its_look(parts: list[str], width: int) -> None:
    spans = [Span(part, str(index)) for index, part in enumerate(parts)]
    before = [(letter, span.style) for span in spans for letter in span.text if letter != " "]
    after = [
        (letter, span.style) for line in wrap(spans, width) for span in line for letter in span.text if letter != " "
    ]
    assert after == before


def test_a_word_of_several_looks_is_not_broken_between_them() -> None:
    assert texts(wrap([Span("one tw"), Span("o", "1"), Span(" three")], 5)) == ["one", "two", "three"]


def test_a_long_word_is_broken_where_the_row_ends() -> None:
    assert texts(wrap([Span("a 0123456789")], 6)) == ["a", "012345", "6789"]


def test_blanks_at_the_end_of_a_row_are_left_out() -> None:
    assert row([], [Span("a ", "1"), Span("  ")], 10).text == "\x1b[1ma\x1b[0m"


@pytest.mark.parametrize(
    ("half", "whole"),
    [
        ("a **b", "a **b**"),
        ("a *b", "a *b*"),
        ("a ***b", "a ***b***"),
        ("a ~~b", "a ~~b~~"),
        ("a `b", "a `b`"),
        ("a ``b`", "a ``b```"),
        ("a **b *c", "a **b *c***"),
        ("a **b** c", "a **b** c"),
        ("2 * 3", "2 * 3"),
        ("snake_case", "snake_case"),
        ("a **", "a"),
        ("a **b*", "a **b**"),
        ("a [b", "a b"),
        ("a [b](http://c", "a b"),
        ("a [b](http://c)", "a [b](http://c)"),
        ("a ![b", "a b"),
        ("a &am", "a"),
        ("a <http://b", "a"),
        ("a <b and more!", "a <b and more!"),
        ("a ****b", "a ****b"),
        ("`*a*` *b", "`*a*` *b*"),
    ],
)
def test_what_is_half_written_is_mended(half: str, whole: str) -> None:
    assert close_open_marks(half) == whole


@given(st.text(st.sampled_from("*_~`[]()! a\\&<>\n"), max_size=40))
def test_mending_never_fails(text: str) -> None:
    close_open_marks(text)
