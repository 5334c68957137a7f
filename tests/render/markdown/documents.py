"""Documents to render: generated blocks, soup of marks, the CommonMark examples, the READMEs of what is installed.

The examples are those of the CommonMark specification 0.29 by John MacFarlane, CC BY-SA 4.0.
"""

import json
from functools import cache
from importlib.metadata import distributions
from pathlib import Path

from hypothesis import strategies as st

EXAMPLES: list[str] = json.loads(Path(__file__).with_name("commonmark_examples.json").read_text("utf-8"))

_SHORTEST_README, _LONGEST_README = 200, 6_000
_MARKS = (
    "*", "**", "_", "`", "``", "```", "~~~", "~~", "[", "](", "](http://a.b)", "![", ")", "<", "</b>", "<div>",
    "<!--", "-->", "|", "|---|", "| - | :-: |", "- ", "* ", "1. ", "10) ", "> ", "# ", "---", "===", "    ", "\t", "\\",
    "&amp;", "[x] ", "\n", "\n", "\n\n", "  \n", " ", "word", "日本語、", "👩‍👩‍👧", "é", "e\u0301", "⚠️", "🇯🇵", "한국어",
    "\u0301", "\u200d", "\u200b", "👍🏽", "ไทยนี้", "か\u3099",
    "longwordlongwordlongword", "$", "$$", "$$\n", "\\(", "\\)", "\\[", "\\]", "\\[\n",
    "\\alpha", "x^2", "\\frac{1}{2}", "{", "}",
    "\\\\\n", "\\begin{aligned}", "：", "「", "」", "<br>", "🎉**", "```sh\n",
)  # fmt: skip
_WORDS = st.sampled_from([
    "word", "a", "**bold**", "*em*", "`code`", "[link](http://a.b/c)", "~~no~~", "日本語の文章。", "🎉", "⚠️",
    "<kbd>x</kbd>", "snake_case", "2 * 3", "\\*", "end.",
    "https://example.com/a/very/long/address/that/is/longer/than/a/row",
    "**結論：**猫です", "~~「取消」~~です", "$e^{i\\pi}$", "\\(a_1*b*\\)", "$5", "`a|b`", "a<br>b", "[![a](http://a.b)](http://c.d)",
])  # fmt: skip
_PROSE = st.lists(_WORDS, min_size=1, max_size=25).map(" ".join)
_LINES = st.lists(_PROSE, min_size=1, max_size=3).map("\n".join)
_CODE_LINES = st.lists(
    st.sampled_from(
        ["def f(x):", "    return x", "", "# note", '"""', "/* open", "close */", "<b>", "\tx = '日本語'", "x" * 90]
    ),
    max_size=6,
).map("\n".join)


def _indented(text: str, first: str, rest: str) -> str:
    return first + text.replace("\n", "\n" + rest)


def _table(rows: list[list[str]]) -> str:
    head, *body = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body])


_LEAVES = st.one_of(
    _LINES,
    st.tuples(st.integers(1, 6), _PROSE).map(lambda pair: "#" * pair[0] + " " + pair[1]),
    _PROSE.map(lambda text: text + "\n==="),
    st.tuples(st.sampled_from(["", "python", "c", "js", "html", "yaml", "nothing"]), _CODE_LINES).map(
        lambda pair: f"```{pair[0]}\n{pair[1]}\n```"
    ),
    _CODE_LINES.map(lambda text: "```\n" + text),
    _CODE_LINES.map(lambda text: _indented(text, "    ", "    ")),
    st.lists(st.lists(_PROSE, min_size=2, max_size=2), min_size=1, max_size=4).map(_table),
    st.lists(
        st.sampled_from(["a &= b \\\\", "- c", "= d", "\\frac{1}{2}^n", "x^2", "# e", "日本"]), min_size=1, max_size=4
    ).map(lambda lines: "\n".join(["$$", *lines, "$$"])),
    st.lists(st.lists(_WORDS, min_size=1, max_size=8), min_size=2, max_size=5).map(_table),
    st.sampled_from(
        [
            "$$\nx",
            "\\[\na\n\\]\nb",
            "$$x$$",
            "\\[ x_1 \\]",
            '```python\nx = "open',
            "***",
            "<details>\nx\n</details>",
            "[1]: http://a.b",
            "![alt](http://a.b/c.png)",
        ]
    ),
)


def _containers(blocks: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    inner = st.lists(blocks, min_size=1, max_size=3)
    gaps = st.sampled_from(["\n", "\n\n"])
    return st.one_of(
        st.tuples(inner, gaps).map(lambda pair: pair[1].join(_indented(item, "- ", "  ") for item in pair[0])),
        st.tuples(inner, gaps, st.sampled_from([1, 9, 99])).map(
            lambda three: three[1].join(
                _indented(item, f"{number}. ", "    ") for number, item in enumerate(three[0], start=three[2])
            )
        ),
        st.tuples(inner, gaps).map(lambda pair: _indented(pair[1].join(pair[0]), "> ", "> ")),
    )


_BLOCKS = st.recursive(_LEAVES, _containers, max_leaves=6)
BUILT = st.lists(_BLOCKS, min_size=1, max_size=5).map("\n\n".join)
SOUP = st.lists(st.sampled_from(_MARKS), max_size=60).map("".join)
SPECIFIED = st.lists(st.sampled_from(EXAMPLES), min_size=1, max_size=4).map("\n".join)
DOCUMENTS = st.one_of(BUILT, SOUP, SPECIFIED)


@cache
def readmes() -> list[str]:
    """Return the descriptions of installed packages, the beginnings of long ones."""
    texts = []
    for distribution in distributions():
        text = distribution.read_text("METADATA") or ""
        _, _, text = text.partition("\n\n")
        if len(text) > _SHORTEST_README:
            texts.append(text[:_LONGEST_README])
    return sorted(texts)
