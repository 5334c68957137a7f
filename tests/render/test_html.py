"""The page of a conversation: complete, self-contained, and with nothing in it that a model made run."""

import re
import shutil
import subprocess
from base64 import b64encode
from datetime import UTC, datetime
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image as Pillow

from lmchat.chat.session import Outcome, Session, Turn, TurnId
from lmchat.chat.values import Image, Message, Prompt, Reasoning, Reply, ToolCall
from lmchat.render.html import html_page
from lmchat.render.markdown.html import markdown_html

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[a](javascript:alert(1))",
    "[a](data:text/html,<script>alert(1)</script>)",
    '[a](https://a.b/"onclick="alert(1))',
    '![a" onerror="alert(1)](https://a.b/c.png)',
    "```html\n</code></pre><script>alert(1)</script>\n```",
    '```"><script>alert(1)</script>\nx\n```',
    "    <script>alert(1)</script>",
    "`</code><script>alert(1)</script>`",
    r"$\text{<script>alert(1)</script>}$",
    r"\[ \href{javascript:alert(1)}{x} <img src=x onerror=alert(1)> \]",
    "| <script> | b |\n|--:|:-:|\n| <iframe src=//a> | <svg onload=alert(1)> |",
    "</style><script>alert(1)</script>",
    "&lt;script&gt; &#60;script&#62;",
    "<base href=//a><meta http-equiv=refresh content=0><form action=//a><link rel=stylesheet href=//a>",
)


class Page(HTMLParser):
    """What a page is made of."""

    VOID = ("meta", "img", "br", "hr", "input")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def turn(number: int, parent: int | None, text: str, *items: object, images: tuple[Image, ...] = ()) -> Turn:
    reply = Reply(items=items or (Message(f"Answer {number}."),))  # type: ignore[arg-type]  # items of replies
    before = None if parent is None else TurnId(parent)
    prompt = Prompt(text, images=images)
    return Turn(TurnId(number), before, prompt, reply, Outcome.COMPLETE, "http://a", "tiny", AT)


def page_of(*turns: Turn, head: int, name: str = "colours", system: str = "") -> Page:
    session = Session(name=name, turns={each.id: each for each in turns}, head=TurnId(head), system=system)
    return Page(html_page(session, turns))


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_a_model_writes_is_run_or_loaded(text: str) -> None:
    call = ToolCall(text, {"a": text}, text)
    picture = Image(text, "image/png", b"x")
    one = turn(1, None, text, Message(text), Reasoning(text), call, images=(picture,))
    page = page_of(one, head=1, name=text, system=text)
    allowed = {
        "html", "head", "meta", "title", "style", "body", "header", "h1", "p", "main", "section", "div", "a", "img",
        "details", "summary", "pre", "code", "span", "table", "thead", "tbody", "tr", "th", "td",
        "math", "mrow", "mtext", "mi", "mo", "mn", "mspace",
    }  # fmt: skip
    assert {tag for tag, _ in page.tags} <= allowed
    for tag, attributes in page.tags:
        assert not [each for each in attributes if each.startswith("on") or each == "style"]
        if tag == "a":
            assert re.match(r"#turn-|https://", attributes["href"] or "")
    assert [str(each["src"])[:5] for each in page.all("img")] == ["data:"]


def test_the_policy_allows_the_pages_own_style_and_pictures_only() -> None:
    text = html_page(Session(name="s", turns={}, head=None), ())
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    policy = Page(text).all("meta")[1]["content"]
    assert policy is not None
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:")
    assert "url(" not in style
    assert "@import" not in style


def test_a_page_has_the_way_to_the_head_and_links_to_the_branches() -> None:
    turns = (turn(1, None, "one"), turn(2, 1, "two"), turn(3, 1, "three"), turn(4, 2, "four"))
    page = page_of(*turns, head=4)
    ids = [each["id"] for each in page.all("section")]
    assert ids == ["turn-1", "turn-2", "turn-4", "turn-3"]
    assert {"#turn-3", "#turn-2"} <= {each["href"] for each in page.all("a")}
    assert "Other branches" in page.words


def test_a_page_without_branches_has_no_links_between_turns() -> None:
    assert "Beside" not in page_of(turn(1, None, "one"), turn(2, 1, "two"), head=2).words


def test_reasoning_and_tools_are_folded() -> None:
    call = ToolCall("look", {"at": "sky"}, '[{"type": "text", "text": "blue"}]')
    page = page_of(turn(1, None, "why", Reasoning("Hm.", 2.0), call, Message("So.")), head=1, system="Be brief.")
    assert len(page.all("details")) == 3
    assert "Thought for 2.0 s" in page.words
    assert "blue" in page.words


def test_markdown_is_rendered() -> None:
    text = "# Head\n\n**bold** ~~no~~\n\n| a | b |\n|--:|---|\n| 1 | 2 |\n\n```python\nx = 1\n```\n\n- [ ] item\n"
    made = markdown_html(text)
    assert "<h1>Head</h1>" in made
    assert "<strong>bold</strong> <s>no</s>" in made
    assert '<td class="right">1</td>' in made
    assert '<span class="n">x</span>' in made


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("**結論：**猫です", "<p><strong>結論：</strong>猫です</p>"),
        ("~~「取消」~~です", "<p><s>「取消」</s>です</p>"),
        ("日本\n語", "<p>日本語</p>"),
        ("one\ntwo", "<p>one\ntwo</p>"),
        ("one  \ntwo", "<p>one<br>\ntwo</p>"),
        ("- [ ] a\n- [x] b", '<ul><li><p><input type="checkbox" disabled> a</p>'),
        ("3. a\n4. b", '<ol start="3"><li><p>a</p>\n</li>\n<li><p>b</p>'),
        ("| a |\n|---|\n| `x|y` | more |", "<td><code>x|y</code></td><td>more</td>"),
        ("| a |\n|---|\n| 1<br>2 |", "<td>1<br>2</td>"),
        ("a<br/>b <i>c</i>", "<p>a<br>b &lt;i&gt;c&lt;/i&gt;</p>"),
        ("<div>\n*x*\n</div>", '<div class="own">&lt;div&gt;\n*x*\n&lt;/div&gt;</div>'),
        ("![sky](https://a.b/c.png)", '<a href="https://a.b/c.png" rel="noreferrer">sky</a>'),
        ("> a\n>\n> b", "<blockquote><p>a</p>\n<p>b</p>\n</blockquote>"),
        ("```python\n\nx = 1\n```", "<pre><code>\n<span"),
        ("$$a_b$$ costs $5 and $6", "costs $5 and $6"),
    ],
)
def test_a_page_reads_markdown_as_the_terminal_does(text: str, made: str) -> None:
    assert made in markdown_html(text)


def test_prices_are_no_formulas_and_formulas_no_markdown() -> None:
    assert "<code>" not in markdown_html("It costs $5 and $6 more.")
    assert "<math" not in markdown_html("It costs $5 and $6 more.")
    assert "<em>" not in markdown_html(r"So $a*b*c$ and \(x_1*y_1*z\).")


def test_formulas_are_mathml_where_the_library_is_there() -> None:
    pytest.importorskip("latex2mathml")
    page = Page(markdown_html(r"So $\frac{1}{2} < x$" + "\n\n" + r"$$\sum_{i=1}^n i$$"))
    assert [each["display"] for each in page.all("math")] == ["inline", "block"]
    assert page.all("mfrac")
    assert "<" in page.words


BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def test_a_browser_shows_it(tmp_path: Path) -> None:
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip("no browser here")
    turns = (turn(1, None, "one", Message("# Blue\n\n```python\nx = 1\n```")),)
    session = Session(name="colours", turns={each.id: each for each in turns}, head=TurnId(1))
    (tmp_path / "page.html").write_text(html_page(session, turns), encoding="utf-8")
    shot = tmp_path / "page.png"
    where = ["--headless", "--no-sandbox", "--disable-gpu", f"--screenshot={shot}", "--window-size=800,600"]
    subprocess.run([browser, *where, (tmp_path / "page.html").as_uri()], timeout=60, capture_output=True)
    assert len(Pillow.open(shot).convert("RGB").getcolors(1_000_000) or []) > 10
