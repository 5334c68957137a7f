"""Emphasis beside Chinese, Japanese and Korean."""

import pytest

from lmchat.render.markdown.inline import has_cjk
from lmchat.render.markdown.layout import RenderContext
from lmchat.render.markdown.stream import Document, render_rows
from lmchat.render.terminal import Styles, Theme

MARKED = Theme(Styles(strong="B", emphasis="I", struck="S", code="C", link="L"))


def shown(text: str) -> str:
    """Return the text with its styles in brackets instead of escapes."""
    row = "".join(row.text for row in render_rows(text, 200, MARKED))
    return row.replace("\x1b[0m", "]").replace("\x1b[", "[")


STRONG = [
    ("結論：", "猫です"),
    ("「重要」", "な点"),
    ("概要（がいよう）", "について"),
    ("注意：", "请"),
    ("강조(強調)", "는"),
    ("注意！", "请"),
    ("注意。", "请"),
    ("（注）", "を見る"),
    ("『本』", "を読む"),
    ("【重要】", "です"),
    ("《书》", "很好"),
    ("〈注〉", "を"),
    ("〔注〕", "を"),
    ("。", "文"),
    ("、", "文"),
    ("・", "文"),
    ("…", "文"),
    ("？", "文"),
    ("＊", "文"),
    ("(注)", "を"),
    ("[注]", "を"),
    ('"引用"', "です"),
    ("'引用'", "です"),
    ("“引用”", "です"),
    ("a.", "です"),
    ("a:", "は"),
    ("a!", "は"),
    ("100%", "です"),
    ("C#", "は"),
    ("(a)", "は"),
    ("a/b/", "は"),
    ("`a`", "です"),
    ("강조.", "는"),
    ("한국(韓國)", "은"),
    ("'강조'", "가"),
    ("「강조」", "가"),
    ("ㄱ.", "이"),
    ("重要！！", "です"),
    ("（a）", "b"),
    ("注：", "b"),
    ("ｶﾅ｡", "です"),
    ("カ\u3099。", "です"),
    ("漢字\U000e0100", "です"),
    ("𠮷。", "野"),
    ("𠮷(a)", "野"),
    ("注意⚠️", "です"),
    ("完了🎉", "です"),
    ("完了！🎉", "です"),
]


@pytest.mark.parametrize(("inside", "after"), STRONG)
def test_strong_text_ends_before_a_character_of_these_scripts(inside: str, after: str) -> None:
    expected = inside.replace("`a`", "\x00")
    result = shown(f"**{inside}**{after}")
    assert "*" not in result
    assert result.startswith("[B")
    assert result.endswith(f"]{after}")
    assert expected.strip("\x00")[:1] in result


@pytest.mark.parametrize(
    "text",
    [
        "猫は**「重要」**です",
        "猫は**(重要)**です",
        "これは*「強調」*です",
        "これは*(強調)*です",
        "これは~~「取消」~~です",
        "これは~~(取消)~~です",
        "~~「取消」~~です",
        "~~取消。~~です",
        "*強調。*です",
        "***「両方」***です",
        "**「一」**と**「二」**と**「三」**",
        "**一：**あ。**二：**い。**三：**う。",
        "**外「*内。*」外。**です",
        "~~**「両」**~~です",
        "*外**「内」**外*です",
        "**제목:**내용 **둘째:**내용",
        "**标题：**内容，**第二：**内容",
        "🎉**「完了」**です",
        "**「あ」**🎉",
    ],
)
def test_no_mark_is_left_over(text: str) -> None:
    assert "*" not in shown(text)
    assert "~" not in shown(text)


@pytest.mark.parametrize(
    "text",
    [
        'a**"b"**c',
        "a**(b)**c",
        "**a.**b",
        "a*(b)*c",
        "2 * 3 * 4",
        "日本_語_文",
        "** 日本**",
        "snake_case_name",
        "日本 ** 語 **",
    ],
)
def test_what_is_no_emphasis_stays_as_it_is_written(text: str) -> None:
    assert shown(text) == text


def test_an_underscore_marks_no_part_of_a_word_in_these_scripts_either() -> None:
    assert shown("猫_犬_鳥") == "猫_犬_鳥"
    assert shown("_「重要」_ な") == "[Im「重要」] な"


@pytest.mark.parametrize("text", ["plain", "naïve “quoted”", "Привет", "🎉⚠️", "ไทย"])
def test_other_text_takes_the_parser_as_it_is(text: str) -> None:
    assert not has_cjk(text)


@pytest.mark.parametrize("text", ["結論は**「重", "結論は**(重", "結論は*「重", "結論は~~「取"])
def test_a_preview_closes_marks_beside_these_scripts(text: str) -> None:
    document = Document(RenderContext(MARKED), 80)
    document.feed(text)
    row = document.preview(10)[0].text
    assert "\x1b[" in row
    assert not set("*~") & set(row)
