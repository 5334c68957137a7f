"""Formulas: what is one, what is shown of it, and what it does to the rest."""

import pytest

from lmchat.render.markdown.layout import RenderContext
from lmchat.render.markdown.maths import unicode_of
from lmchat.render.markdown.stream import Document, render_rows
from lmchat.render.terminal import PLAIN, Styles, Theme

SOURCE = Theme(Styles(emphasis="I", strong="B", bullet=""), unicode_maths=False)


def rows(text: str, width: int = 60, theme: Theme = PLAIN) -> list[str]:
    return [row.text for row in render_rows(text, width, theme)]


@pytest.mark.parametrize(
    "formula",
    [
        "$a*b*c$",
        r"$\{x\}$",
        r"$a\,b$",
        "$__init__$",
        r"\(a*b*c\)",
        r"\(a\_b\)",
        "$[a](b)$",
        "$a`b`c$",
        "$a<b>c$",
        r"$\begin{pmatrix}a&b\\c&d\end{pmatrix}$",
        "$$a*b*c$$",
        r"\[a*b*c\]",
    ],
)
def test_nothing_in_a_formula_is_markdown(formula: str) -> None:
    assert rows(f"so {formula} it is", theme=SOURCE) == [f"so {formula} it is"]


@pytest.mark.parametrize(
    "text",
    [
        "$5 and $6",
        "$5–$6",
        "US$5 and US$6",
        "$HOME/$PATH",
        "$20/month or $30/month",
        "it is $5 (not $6)",
        "a $ b $ c",
        "from $5 to 10$.",
        "$5, $6, $7",
        "$1,000 to $2,000",
        "5$ and 6$",
        "$x and y",
        "価格は$5です、$6です",
    ],
)
def test_a_price_is_no_formula(text: str) -> None:
    assert rows(text) == [text]
    assert "\x1b[Im" in rows(f"{text} *a*", theme=SOURCE)[0]


def test_a_formula_ends_before_a_character_of_japanese() -> None:
    assert rows("値は$a*b$です", theme=SOURCE) == ["値は$a*b$です"]


@pytest.mark.parametrize(("opener", "closer"), [("$$", "$$"), ("\\[", "\\]")])
def test_a_formula_of_its_own_keeps_its_rows_apart_and_indented(opener: str, closer: str) -> None:
    text = f"text\n{opener}\na = b\n- c\n# d\n{closer}\nmore"
    assert rows(text, theme=SOURCE) == ["text", "", "    a = b", "    - c", "    # d", "", "more"]


def test_a_formula_that_never_ends_ends_with_its_paragraph_and_is_text() -> None:
    assert rows("$$\na b\n\n- c\n\n$$\nx\n$$", theme=SOURCE) == ["$$ a b", "", " • c", "", "    x"]


def test_a_formula_in_a_list_stays_in_it() -> None:
    assert rows("- a\n  $$\n  x\n  $$\n- b", theme=SOURCE) == [" • a", "       x", " • b"]


def test_a_torn_formula_is_shown_as_the_formula_it_becomes() -> None:
    document = Document(RenderContext(SOURCE), 60)
    document.feed("so $a_1 + b_")
    assert [row.text for row in document.preview(10)] == ["so $a_1 + b_$"]
    document = Document(RenderContext(SOURCE), 60)
    document.feed("$$\na*b\n- c")
    assert [row.text for row in document.preview(10)] == ["    a*b", "    - c"]


@pytest.mark.parametrize(
    ("tex", "text"),
    [
        (r"\alpha+x^2", "α+x²"),
        (r"\frac{1}{2}", "1/2"),
        (r"\frac{a+b}{c}", "(a+b)/c"),
        (r"a \leq b", "a ≤ b"),
        (r"\sum_{i=1}^{n} i^2", "∑ᵢ₌₁ⁿ i²"),
        (r"\sqrt{x+1}", "√(x+1)"),
        (r"\mathbb{R}", "ℝ"),
        (r"e^{i\pi}", "e^(iπ)"),
        (r"\left(\frac{a}{b}\right)^n", "(a/b)ⁿ"),
        (r"\log_2 n", "log₂ n"),
        (r"\lim_{x\to 0}", "lim_(x→ 0)"),
        (r"\text{if } x", "if  x"),
        (r"\{x\}", "{x}"),
        ("__init__", "__init__"),
        (r"\unknown{x}", r"\unknown{x}"),
        (r"\hat{n}", "n\u0302"),
        ("a*b*c", "a*b*c"),
        (r"\binom{n}{k}", r"\binom{n}{k}"),
        (r"\sqrt[3]{x+1}", "³√(x+1)"),
        (r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}", "(1 2; 3 4)"),
        (r"\begin{array}{cc} a & b \\ c & d \end{array}", "a b; c d"),
        (r"\begin{vmatrix} \begin{matrix}1&2\end{matrix} & x^2 \end{vmatrix}", "|1 2 x²|"),
        (r"\begin{cases} 1 & x > 0 \\ 0 & \text{else} \end{cases}", "{ 1, x > 0; 0, else"),
        (r"\begin{pmatrix} 1", r"\begin{pmatrix} 1"),
    ],
)
def test_what_unicode_has_is_written_in_it(tex: str, text: str) -> None:
    pytest.importorskip("unicodeit")
    assert unicode_of(tex) == text


def test_rows_of_an_environment_are_rows() -> None:
    pytest.importorskip("unicodeit")
    text = "$$\n\\begin{aligned}\na &= b \\\\\nc &= d\n\\end{aligned}\n$$"
    assert rows(text) == ["    a = b", "    c = d"]


def test_a_matrix_is_no_rows_of_the_formula() -> None:
    pytest.importorskip("unicodeit")
    assert rows("$$\n\\begin{bmatrix}\na & b \\\\\nc & d\n\\end{bmatrix} \\\\ x\n$$") == ["    [a b; c d]", "    x"]


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "piece", ["$a", "$$\\begin{matrix}", "\\sqrt[", "\\(", "$$", "\\[a", "{", "$a_{", "^", "\\frac"]
)
def test_many_that_never_end_cost_no_more_than_their_number(piece: str) -> None:
    assert rows("x " + f"{piece} " * 5_000)
