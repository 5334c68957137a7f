"""Rows of a document that arrives in pieces equal those of the whole, and nothing shown is ever wider than asked."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lmchat.render.markdown.layout import RenderContext
from lmchat.render.markdown.stream import Document, render_rows
from lmchat.render.terminal import PLAIN, Theme, theme_for
from lmchat.render.text import Row, cells, sanitize
from tests.render.markdown.documents import DOCUMENTS, readmes
from tests.render.terminals import COLOURED

THEME = theme_for(COLOURED, terminal=True)
WIDTHS = st.integers(20, 120)
ESCAPES = re.compile(r"\x1b\[[0-9;]*m|\x1b\]8;[^\x1b]*\x1b\\")


def in_pieces(text: str, width: int, cuts: list[int], theme: Theme = THEME) -> list[Row]:
    """Render a document that arrives cut at these places, with a look at its open end after each piece."""
    document = Document(RenderContext(theme), width)
    rows: list[Row] = []
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        rows += document.feed(text[start:end])
        document.preview(10)
    return rows + document.end()


def plain(text: str, width: int = 60) -> list[str]:
    return [row.text for row in render_rows(text, width, PLAIN)]


@given(DOCUMENTS, WIDTHS, st.data())
def test_a_document_in_pieces_gives_the_rows_of_the_whole(text: str, width: int, data: st.DataObject) -> None:
    text = sanitize(text)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=30)))
    assert in_pieces(text, width, cuts) == render_rows(text, width, THEME)


@given(DOCUMENTS, WIDTHS)
def test_a_document_character_by_character_gives_the_rows_of_the_whole(text: str, width: int) -> None:
    text = sanitize(text)[:400]
    assert in_pieces(text, width, list(range(1, len(text)))) == render_rows(text, width, THEME)


@given(DOCUMENTS, WIDTHS)
def test_no_row_but_of_code_is_wider_than_the_window(text: str, width: int) -> None:
    longest = max(map(cells, sanitize(text).expandtabs(4).split("\n")))
    code = re.search(r"```|~~~|    |\t", text)
    for row in render_rows(sanitize(text), width, THEME):
        assert row.cells == cells(ESCAPES.sub("", row.text)) <= (width + longest if code else width)


@given(DOCUMENTS, WIDTHS)
def test_every_letter_and_digit_of_the_source_is_shown_in_its_order(text: str, width: int) -> None:
    shown = iter(re.sub(r"\W", "", "".join(plain(sanitize(text), width))))
    fence = re.compile(r"^(?:[ \t>*+-]|\d+[.)])*(?:```+[^`\n]*|~~~+[^\n]*)$", re.MULTILINE)
    hidden = re.compile(r"```+\S*|~~~+\S*|\d+[.)]|&\w+;?|\[[xX]\]|\]\([^)]*\)")
    wanted = re.sub(r"\W|_", "", hidden.sub("", fence.sub("", sanitize(text))))
    # The cells of a table are side by side; entities and formulas become other characters, and `<br>` a break.
    if not re.search(r"[|&$]|\\[(\[]|<br", text):
        assert all(letter in shown for letter in wanted)


@pytest.mark.parametrize("width", [20, 79])
def test_real_documents_in_pieces_give_the_rows_of_the_whole(width: int) -> None:
    for text in map(sanitize, readmes()):
        assert in_pieces(text, width, list(range(7, len(text), 97))) == render_rows(text, width, THEME)


def test_a_preview_changes_nothing() -> None:
    document = Document(RenderContext(THEME), 40)
    document.feed("- a\n- b **c")
    assert document.preview(10) == document.preview(10)


@given(DOCUMENTS, st.sampled_from(["\n", "\nx", "\n- x", "\n\n  - x", "\n\n    x"]), WIDTHS)
@example("- a\n", "\n- x", 40)
def test_a_preview_shows_what_will_be_where_there_is_nothing_to_mend(text: str, end: str, width: int) -> None:
    nothing_to_mend = re.sub(r"[*_`~\[\]&<!\\$]", "x", sanitize(text)) + end
    document = Document(RenderContext(THEME), width)
    document.feed(nothing_to_mend)
    shown = document.preview(10_000)
    settled = document.end()
    # Only a preview breaks the lines of code, which the terminal wraps when they are settled.
    if all(row.cells <= width for row in settled):
        assert shown == settled


def test_an_unfinished_emphasis_is_shown_closed() -> None:
    document = Document(RenderContext(THEME), 40)
    document.feed("some **bold wor")
    assert [row.text for row in document.preview(10)] == ["some \x1b[1mbold wor\x1b[0m"]


@pytest.mark.parametrize("half", ["-", "##", "1.", "|--", "```", "> -", "==="])
def test_a_line_of_marks_alone_is_not_shown_before_it_has_become_something(half: str) -> None:
    document = Document(RenderContext(THEME), 40)
    document.feed(f"text\n{half}")
    assert [row.text for row in document.preview(10)] == ["text"]


def test_an_unfinished_link_shows_its_text() -> None:
    document = Document(RenderContext(THEME), 40)
    document.feed("see [the page](http://exam")
    assert [row.text for row in document.preview(10)] == ["see the page"]


def test_a_long_table_is_shown_by_its_head_and_its_last_rows_while_it_grows() -> None:
    document = Document(RenderContext(PLAIN), 40)
    document.feed("| n |\n|---|\n" + "".join(f"| {n} |\n" for n in range(50)))
    assert [row.text for row in document.preview(3)] == ["n", "──", "47", "48", "49"]
