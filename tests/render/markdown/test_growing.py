"""A paragraph that grows in previews is what it would be if it were shown for the first time."""

import random
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lmchat.render.markdown.layout import RenderContext
from lmchat.render.markdown.stream import Document
from lmchat.render.terminal import theme_for
from tests.render.markdown.documents import DOCUMENTS
from tests.render.terminals import COLOURED

THEME = theme_for(COLOURED, terminal=True)
ROOM = 40
WORDS = r"word words, end. ( ) [ ]( ](http://a.b) * ** _ __ ~~ ` `` $ $x^2$ \\ & &amp; < <b> > ! ![ 1. | # ---"
OTHERS = "日本 語。 「 」 é e\u0301 \u0301 👍🏽 https://a.b/c"
BLANKS = [" ", "  ", "\t", "\n", "  \n", "\n\n", "\n- ", "\n> "]
PIECES = st.lists(
    st.sampled_from([*WORDS.split(), *OTHERS.split(), *BLANKS]) | st.text("ab 日。", max_size=8), max_size=30
)


def previews(pieces: list[str], width: int) -> tuple[list[list[str]], list[list[str]]]:
    """Return what is shown after each piece: by one document all along, and by a new one each time."""
    growing_document = Document(RenderContext(THEME), width)
    along, afresh = [], []
    for end, piece in enumerate(pieces, start=1):
        growing_document.feed(piece)
        fresh = Document(RenderContext(THEME), width)
        for each in pieces[:end]:
            fresh.feed(each)
        along.append([row.text for row in growing_document.preview(ROOM)])
        afresh.append([row.text for row in fresh.preview(ROOM)])
    return along, afresh


@given(PIECES, st.sampled_from([4, 9, 20, 60]))
@example(["`code", " ", "text", "`"], 20)
@example(["[link", "](", "http", ")", " word"], 20)
@example(["[a](", "b", " c"], 20)
@example(["_a", "_", "b"], 20)
@example(["**a", "**", "b", " c"], 20)
@example(["<b ", "a", ">"], 20)
@example(["日本語", "の文", "。"], 4)
def test_a_preview_is_the_same_however_often_it_was_shown(pieces: list[str], width: int) -> None:
    along, afresh = previews(pieces, width)
    assert along == afresh


@given(DOCUMENTS, st.randoms(use_true_random=False))
@settings(max_examples=20)
def test_documents_are_previewed_the_same(text: str, chance: random.Random) -> None:
    text = text[:1500]
    cuts = sorted(chance.sample(range(len(text)), min(len(text), 60)))
    along, fresh = previews([text[start:end] for start, end in pairwise([0, *cuts, len(text)])], 30)
    assert along == fresh


def test_words_at_the_end_are_not_parsed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    context = RenderContext(THEME)
    document = Document(context, 20)
    document.feed("Some **strong** words and")
    document.preview(ROOM)
    monkeypatch.setattr(context.inline, "spans", None)
    document.feed(" then more of them, without any marks")
    assert "more of them" in " ".join(row.text for row in document.preview(ROOM))
