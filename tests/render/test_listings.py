"""Tables, and the listings of models and sessions."""

from datetime import UTC, datetime
from operator import itemgetter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmchat.chat.keeping import Summary
from lmchat.chat.models import Instance, Model
from lmchat.render.listings import Column, listing, models_listing, pairs, sessions_listing
from lmchat.render.terminal import PLAIN
from lmchat.render.text import cells, sanitize_line

NOW = datetime(2026, 5, 1, tzinfo=UTC)


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
def test_control_characters_in_cells_have_no_effect(width: int | None) -> None:
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
        ("私の名前は", "私の名前は。", ""),
        ("日本語で", "日本語で、「話」して。", "… 「話」して。"),
        ("हिन्दी-में", "हिन्दी में बात करो", "… बात करो"),
        ("हिन्दी", "हिन्दी।", ""),
        ("がくせい", "か\u3099くせいです", "… です"),
        ("straße-i\u0307stanbul", "Straße, İstanbul?", ""),
        ("salut", "Salut\u00a0! Ça va", "… Ça va"),
        ("read-this", "Read (this)", ""),
        ("read", "Read (this)", "… (this)"),
        ("read", "Read @notes.md", "… @notes.md"),
        ("hola", "¡Hola! ¿Qué tal?", "… ¿Qué tal?"),
        ("hi", "Hi 🎉", "… 🎉"),
    ],
)
def test_first_words_do_not_repeat_the_name(name: str, words: str, shown: str) -> None:
    saved = [
        Summary("other", 2, "tiny", NOW, NOW, "Other words", None),
        Summary(name, 2, "tiny", NOW, NOW, words, None),
    ]
    assert sessions_listing(saved, NOW, PLAIN, None).splitlines()[2].partition("just now")[2].strip() == shown


def test_pairs_are_in_columns() -> None:
    assert pairs([("url", "http://a", "default"), ("model", "", "")], PLAIN) == ("url    http://a  default\nmodel\n")


CHARACTERS = st.sampled_from(["a", " ", "\t", "日", "❤️", "👩\u200d👧", "é", "e\u0301", "…", "[", "]", "\x1b"])
WHOLE = st.lists(CHARACTERS, max_size=14).map("".join)
TORN = st.text(st.sampled_from("a \t日❤👩\u200d👧é\u0301\ufe0f…[]\x1b"), max_size=14)


def rows_of(cell: st.SearchStrategy[str]) -> st.SearchStrategy[list[list[str]]]:
    return st.lists(st.lists(cell, min_size=3, max_size=3), max_size=4)


@given(rows_of(WHOLE), st.integers(8, 60))
def test_no_line_of_a_listing_is_wider_than_the_window(rows: list[list[str]], width: int) -> None:
    assert max(map(cells, listing(COLUMNS, rows, PLAIN, width).splitlines())) <= width


@given(rows_of(TORN))
def test_in_a_pipe_no_character_of_a_listing_is_lost(rows: list[list[str]]) -> None:
    for row, line in zip(rows, listing(COLUMNS, rows, PLAIN).splitlines()[1:], strict=True):
        assert [text for text in map(sanitize_line, row) if text not in line] == []
