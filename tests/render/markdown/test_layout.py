"""What each kind of block looks like."""

import pytest

from lmchat.render.markdown.stream import render_rows
from lmchat.render.terminal import PLAIN, Styles, Theme


def plain(text: str, width: int = 40) -> list[str]:
    return [row.text for row in render_rows(text, width, PLAIN)]


def coloured(text: str, width: int = 40, *, links: bool = False) -> str:
    theme = Theme(Styles(), code_colours=True, links=links)
    return "\n".join(row.text for row in render_rows(text, width, theme))


def test_one_empty_row_is_between_blocks() -> None:
    assert plain("# a\nb\n\n\n\n---\nc") == ["a", "", "b", "", "─" * 40, "", "c"]


def test_a_tight_list_has_no_empty_rows() -> None:
    assert plain("- a\n- b\n  - c\n") == [" • a", " • b", "    ◦ c"]


def test_a_loose_list_has_empty_rows_where_its_source_has_them() -> None:
    assert plain("- a\n\n- b\n- c\n") == [" • a", "", " • b", " • c"]


def test_numbers_count_on_and_are_right_aligned() -> None:
    assert plain("9. a\n9. b\n9. c\n") == [" 9. a", "10. b", "11. c"]


def test_tasks_have_boxes() -> None:
    assert plain("- [ ] a\n- [x] b\n") == [" [ ] a", " [✓] b"]


def test_a_quote_has_a_bar_on_every_row() -> None:
    assert plain("> a\n>\n> - b\n>   c\n") == ["▌ a", "▌", "▌  • b c"]


def test_empty_items_and_quotes_show_their_signs() -> None:
    assert plain("-\n- a\n\n>\n") == [" •", " • a", "", "▌"]


def test_code_is_between_rules_with_its_language_and_every_blank() -> None:
    rule = "╌" * 40
    assert plain("```py\n  a\n\n\tb\n```") == ["╌╌ py " + "╌" * 34, "  a", "", "    b", rule]


def test_html_is_shown_as_it_is_written() -> None:
    assert plain("<think>\na <b>\n</think>\n\n<kbd>x</kbd> y") == ["<think>", "a <b>", "</think>", "", "<kbd>x</kbd> y"]


def test_references_are_shown_as_they_are_written() -> None:
    assert plain("[a][1] and [b]\n\n[1]: http://c.d") == ["[a][1] and [b]", "", "[1]: http://c.d"]


def test_an_image_is_shown_in_its_place() -> None:
    assert plain("- a ![b](http://c.d/e.png) f") == [" • a [b] (http://c.d/e.png) f"]


def test_a_link_shows_its_address_where_it_cannot_be_followed() -> None:
    assert plain("[a](http://b.c) <http://d.e>") == ["a (http://b.c) http://d.e"]


def test_a_link_can_be_followed_where_the_terminal_can() -> None:
    assert (
        coloured("[a](http://b.c)", links=True) == "\x1b]8;id=c249f49c;http://b.c\x1b\\\x1b[4;94ma\x1b[0m\x1b]8;;\x1b\\"
    )


def test_an_address_of_another_kind_is_shown_and_not_followed() -> None:
    assert "(tel:1)" in coloured("[a](tel:1)", links=True)


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("a&#13;b&#12;c", "a bc"),
        ("a&#x202E;b", "a⟪U+202E⟫b"),
        ("a&#9;b&NewLine;c&#x2028;d", "a b c d"),
        ("![a&#13;b](x)", "[a b] (x)"),
        ("<http://a/%1b%5b31m%07%c2%9b%0db>", "http://a/␛[31m b (http://a/%1b%5b31m%07%c2%9b%0db)"),
    ],
)
def test_control_characters_written_as_references_are_as_harmless_as_others(source: str, shown: str) -> None:
    assert plain(source, 80) == [shown]


@pytest.mark.parametrize(
    "source", ["\u0301a", "**\u0301a**", "# \u0301a", "b\\\n\u0301a", "```\n\u0301a\n```", "bcdefg \u0301abcd"]
)
def test_no_row_begins_with_a_mark_that_would_be_drawn_on_the_row_above(source: str) -> None:
    rows = plain(source, 10)
    assert "\u0301a" in "".join(rows)
    assert not any(row.startswith("\u0301") for row in rows)


def test_hard_breaks_break_and_soft_breaks_do_not() -> None:
    assert plain("a  \nb\nc\\\nd") == ["a", "b c", "d"]


def test_lines_of_japanese_are_joined_without_a_blank() -> None:
    assert plain("日本\n語") == ["日本語"]


def test_punctuation_does_not_begin_a_row_of_japanese() -> None:
    assert plain("日本語文章です、はい", width=14) == ["日本語文章で", "す、はい"]


def test_columns_are_aligned_by_cells() -> None:
    assert plain("| a | b |\n|:-|-:|\n| 日本 | 1 |\n| c | 22 |") == ["a    │  b", "─────┼───", "日本 │  1", "c    │ 22"]


def test_a_wide_table_wraps_its_cells_and_parts_its_rows() -> None:
    assert plain("|a|b|\n|-|-|\n|one two three|x|\n|y|z|", width=12) == [
        "a        │ b",
        "─────────┼──",
        "one two  │ x",
        "three    │",
        "─────────┼──",
        "y        │ z",
    ]


def test_a_table_with_no_room_shows_its_rows_below_each_other() -> None:
    rows = plain("|a|b|c|d|\n|-|-|-|-|\n|one two|three|four|five six|", width=16)
    assert rows == ["a: one two", "b: three", "c: four", "d: five six"]


def test_deep_structures_keep_room_for_their_text() -> None:
    assert plain("> " * 30 + "some words here", width=20) == ["▌ ▌ some words here"]


@pytest.mark.parametrize("width", [12, 16, 20, 24])
def test_in_a_narrow_window_markers_stay_and_indentation_goes(width: int) -> None:
    rows = plain("- a\n  - b\n    1. c\n    2. d\n\n       e\n", width)
    assert [row.strip() for row in rows] == ["• a", "◦ b", "1. c", "2. d", "", "e"]
    assert rows[-1].index("e") == rows[-3].index("d")


def test_code_has_colours_while_its_fence_is_open() -> None:
    assert "\x1b[94mdef\x1b[0m" in coloured("```python\ndef f():\n")


@pytest.mark.parametrize("info", ["python", "python title=x", "{.python}", "Python"])
def test_the_language_is_found_in_what_follows_the_fence(info: str) -> None:
    assert "\x1b[94mdef\x1b[0m" in coloured(f"```{info}\ndef f():\n```")


def test_without_colours_there_are_none_in_code() -> None:
    theme = Theme(Styles())
    assert render_rows("```python\ndef f():\n```", 40, theme)[1].text == "def f():"


@pytest.mark.parametrize("text", ["a **b", "a `b", "a [b](http://c", "a &am"])
def test_what_stays_half_written_is_shown_as_it_is_written(text: str) -> None:
    assert plain(text) == [text]


def test_cells_beyond_the_head_are_kept() -> None:
    assert plain("|a|\n|-|\n|b|c|") == ["a │", "──┼──", "b │ c"]


def test_a_bar_in_a_code_span_is_text() -> None:
    assert plain("|a|b|\n|-|-|\n|`x|y`|z|") == ["a   │ b", "────┼──", "x|y │ z"]


def test_a_break_in_a_cell_breaks_its_line() -> None:
    assert plain("|a|b|\n|-|-|\n|one<br>two|x|") == ["a   │ b", "────┼──", "one │ x", "two │"]


def test_a_line_of_code_is_settled_whole() -> None:
    line = "x" * 100
    assert plain(f"```\n{line}\n```")[1] == line
    assert plain(f"> ```\n> {line}\n> ```")[1] == "▌ " + line


def test_prose_is_at_most_a_hundred_cells_wide() -> None:
    assert max(map(len, plain("word " * 200, 200))) <= 100
    wide = Theme(Styles(), prose_width=150)
    assert max(len(row.text) for row in render_rows("word " * 200, 200, wide)) > 140


def test_an_open_quote_in_code_is_no_error() -> None:
    assert "\x1b[4" not in coloured('```python\nx = "open')


def test_a_linked_picture_leads_where_its_link_does() -> None:
    assert plain("[![a](http://b.c/d.png)](http://e.f)", 80) == ["[a] (http://b.c/d.png) (http://e.f)"]
    shown = coloured("[![a](http://b.c/d.png)](http://e.f)", links=True)
    assert ";http://e.f\x1b" in shown
