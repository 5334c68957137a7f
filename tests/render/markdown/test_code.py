"""Code with colours, a line at a time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pygments.lexers import get_lexer_by_name
from pygments.token import Token

from lmchat.render.markdown.code import Highlighter, Palette
from lmchat.render.markdown.spans import Span
from lmchat.render.terminal import Depth, Styles, Theme

PALETTE = Palette(Theme(Styles(), code_colours=True))
LANGUAGES = [
    "python",
    "c",
    "js",
    "ts",
    "html",
    "bash",
    "yaml",
    "rust",
    "go",
    "sql",
    "php",
    "ruby",
    "lua",
    "console",
    "diff",
]
FRAGMENTS = st.sampled_from(
    [
        "/*",
        "*/",
        "<!--",
        "-->",
        "<script>",
        "</script>",
        '"""',
        "'",
        "`",
        "${",
        "}",
        "#",
        "//",
        "x = 1",
        "日本",
        "<<EOF",
        "\t",
        "",
    ]
)
LINES = st.lists(st.lists(FRAGMENTS, max_size=4).map(" ".join), max_size=60)


def coloured(name: str, source: str) -> list[list[Span]]:
    highlighter = Highlighter(name, PALETTE)
    lines = [line for text in source.split("\n") for line in highlighter.push(text)]
    return lines + highlighter.flush()


def styles(lines: list[list[Span]]) -> list[list[tuple[str, str]]]:
    return [[(span.text, span.style) for span in line if span.text.strip()] for line in lines]


@pytest.mark.parametrize("name", LANGUAGES)
@given(lines=LINES)
def test_no_character_is_lost_whatever_the_language(name: str, lines: list[str]) -> None:
    shown = coloured(name, "\n".join(lines))
    assert ["".join(span.text for span in line) for line in shown] == (lines or [""])


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("python", 'def f(x):\n    """Doc\n\n    more"""\n    return x  # note\n'),
        ("c", "/* one\n   two */\nint main(void) { return 0; }\n"),
        ("js", "const a = `one\n${b} two`; /* three\nfour */ let c = 1;\n"),
        ("rust", '/* a /* b\n*/ c */ fn main() { println!("x"); }\n'),
        ("html", "<p>a</p>\n<script>\nlet x = 1;\n\nfunction f() { return 2; }\n</script>\n<b>c</b>\n"),
        ("bash", 'for f in *; do\n  echo "one\ntwo $f"\ndone\n'),
        ("sql", "select a\nfrom b -- c\nwhere d = 'e';\n"),
        ("go", "func main() {\n\t/* a\n\tb */\n\treturn\n}\n"),
    ],
)
def test_the_colours_are_those_of_the_whole(name: str, source: str) -> None:
    whole: list[list[Span]] = [[]]
    for kind, value in get_lexer_by_name(name).get_tokens(source):
        first, *more = value.split("\n")
        whole[-1].append(Span(first, PALETTE.style(kind)))
        whole += [[Span(part, PALETTE.style(kind))] for part in more]
    by_letter = [[(letter, style) for text, style in line for letter in text.strip()] for line in styles(whole)]
    assert [
        [(letter, style) for text, style in line for letter in text.strip()] for line in styles(coloured(name, source))
    ] == by_letter


def test_a_line_without_an_open_comment_is_settled_at_once() -> None:
    assert len(Highlighter("js", PALETTE).push("let x = '/*';")) == 1


def test_a_comment_waits_for_its_end() -> None:
    highlighter = Highlighter("js", PALETTE)
    assert highlighter.push("/* one") == []
    assert len(highlighter.push("two */")) == 2


def test_a_very_long_comment_does_not_wait_for_ever() -> None:
    highlighter = Highlighter("js", PALETTE)
    settled = [
        line for number in range(200) for line in highlighter.push(f"/* {number}" if number == 0 else f"{number}")
    ]
    assert len(settled) >= 160
    assert {span.style for line in settled for span in line} == {"2"}


def test_a_copy_leaves_the_highlighter_as_it_was() -> None:
    highlighter = Highlighter("js", PALETTE)
    highlighter.push("/* one")
    copy = highlighter.copy()
    copy.push("two */")
    assert len(highlighter.flush()) == 1


def test_a_chosen_theme_uses_the_colours_the_terminal_has() -> None:
    for depth, style in ((Depth.ALL, "38;2;102;217;239"), (Depth.MANY, "38;5;81"), (Depth.SIXTEEN, "96")):
        palette = Palette(Theme(Styles(), code_colours=True, code_theme="monokai", depth=depth))
        line = Highlighter("python", palette).push("def f(): pass")[0]
        assert line[0].text == "def"
        assert style in line[0].style


def test_an_unknown_theme_is_no_failure() -> None:
    palette = Palette(Theme(Styles(), code_colours=True, code_theme="no such theme"))
    assert Highlighter("python", palette).push("x")[0][0].text == "x"


def test_pygments_still_keeps_the_rules_of_each_state_where_lines_are_resumed_from() -> None:
    """`RegexLexer._tokens` is private: states by name, each with rules of a matcher, an action and a new state."""
    rules = get_lexer_by_name("python")._tokens["root"]
    matcher, action, new_state = rules[0]
    assert callable(matcher)
    assert matcher("\n", 0)
    assert action is None or callable(action) or action in Token
    assert new_state is None or isinstance(new_state, int | str | tuple)
