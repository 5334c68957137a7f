"""The block parser against markdown-it, which parses whole documents."""

import re

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from lmchat.render.markdown.blocks import Blocks
from lmchat.render.markdown.structure import (
    Closed,
    CodeOpened,
    Formula,
    HtmlOpened,
    ItemOpened,
    ListOpened,
    Prose,
    QuoteOpened,
    Rule,
    Step,
    Table,
    Verbatim,
    VerbatimClosed,
)
from tests.render.markdown.documents import EXAMPLES, readmes

WHOLE = MarkdownIt("commonmark").enable("table").disable("reference")


def steps_of(source: str) -> list[Step]:
    blocks = Blocks()
    lines = source.split("\n")
    if not lines[-1]:
        lines.pop()
    return [step for line in lines for step in blocks.take(line)] + blocks.end()


def outline(source: str) -> list[str]:  # noqa: C901 - one case for each kind of step
    """Describe the structure our parser finds, a line for each block."""
    made: list[str] = []
    verbatim: list[str] = []
    for step in steps_of(source):
        match step:
            case QuoteOpened():
                made.append("quote(")
            case ListOpened(_, start):
                made.append(f"list {start}(")
            case ItemOpened():
                made.append("item(")
            case Closed():
                made.append(")")
            case Prose(_, text, level):
                made.append(f"prose {level}: {squeezed(text)}")
            case Rule():
                made.append("rule")
            case CodeOpened(_, info):
                verbatim = [f"code {info}:"]
            case HtmlOpened():
                verbatim = ["html:"]
            case Verbatim(text):
                verbatim.append(text)
            case VerbatimClosed():
                made.append(squeezed("\n".join(verbatim)))
            case Formula(_, source):
                made.append(f"formula: {source}")
            case Table(_, _, rows):
                made += ["table", *(squeezed(" | ".join(row)) for row in rows)]
    return made


def whole_outline(source: str) -> list[str]:
    """Describe the structure markdown-it finds, in the same words."""
    made: list[str] = []
    row: list[str] = []
    before = ""
    for token in WHOLE.parse(source):
        match token.type:
            case "inline" if before in ("th_open", "td_open"):
                row.append(token.content)
            case "tr_close":
                made.append(squeezed(" | ".join(row)))
                row = []
            case "inline":
                made[-1] += squeezed(token.content)
            case _:
                made += described(token)
        before = token.type
    return made


def described(token: Token) -> list[str]:
    words = {
        "blockquote_open": "quote(",
        "bullet_list_open": "list None(",
        "ordered_list_open": f"list {token.attrs.get('start', 1)}(",
        "list_item_open": "item(",
        "paragraph_open": "prose 0: ",
        "heading_open": f"prose {token.tag[1:]}: ",
        "hr": "rule",
        "table_open": "table",
        "fence": squeezed(f"code {token.info.strip()}:\n{token.content}"),
        "code_block": squeezed(f"code :\n{token.content}"),
        "html_block": squeezed(f"html:\n{token.content}"),
    }
    if token.type in ("blockquote_close", "bullet_list_close", "ordered_list_close", "list_item_close"):
        return [")"]
    return [words[token.type]] if token.type in words else []


def squeezed(text: str) -> str:
    return re.sub(r"[ \t]+", " ", "\n".join(line.strip() for line in text.split("\n"))).strip("\n")


@pytest.mark.parametrize("source", EXAMPLES)
def test_the_examples_of_the_specification_have_the_structure_markdown_it_finds(source: str) -> None:
    assert [line.rstrip() for line in outline(source)] == [line.rstrip() for line in whole_outline(source)]


def test_real_documents_have_the_structure_markdown_it_finds() -> None:
    for text in readmes():
        ours, whole = outline(text), whole_outline(text)
        assert [line.rstrip() for line in ours] == [line.rstrip() for line in whole]


def test_a_reference_definition_stays_a_paragraph() -> None:
    assert outline("[1]: http://a.b") == ["prose 0: [1]: http://a.b"]


def test_a_table_needs_as_many_cells_in_its_head_as_in_the_line_below() -> None:
    assert outline("| a | b |\n|---|") == ["prose 0: | a | b |\n|---|"]


def test_empty_lines_after_indented_code_belong_to_it_only_if_more_follows() -> None:
    assert outline("    a\n\n    b\n\nc") == ["code :\na\n\nb", "prose 0: c"]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("line", ["", "    ", "a", "- a", "> a", "| a |", "    a", "#", "***", "<b>"])
def test_many_lines_cost_no_more_than_their_number(line: str) -> None:
    assert steps_of("    code\n" + f"{line}\n" * 50_000)


def test_a_copy_leaves_the_parser_as_it_was() -> None:
    for first, second in (("- a", "  more"), ("    a\n\n", "    b"), ("| a |\n|---|", "| b |")):
        blocks, alone = Blocks(), Blocks()
        for line in first.split("\n"):
            assert blocks.take(line) == alone.take(line)
        copy = blocks.copy()
        copy.take(second)
        copy.end()
        assert blocks.end() == alone.end()
