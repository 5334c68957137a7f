"""A conversation as one self-contained HTML page: no script, no network, light and dark, printed well.

Everything a model or a file supplied is escaped, and a content security policy forbids whatever else might get in.
"""

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from html import escape, unescape
from typing import Any
from xml.etree.ElementTree import tostring

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

from lmchat.chat.session import Outcome, Session, Turn, TurnId
from lmchat.chat.values import Image, InvalidToolCall, Item, Message, OtherItem, Reasoning, ToolCall
from lmchat.render.notes import call_note, counted, invalid_call_note, result_note, thought_note
from lmchat.render.sanitize import sanitize, sanitize_line

_STYLE = """
:root { color-scheme: light dark; --text: #1f2328; --back: #ffffff; --soft: #f3f4f6; --line: #d1d5db; --faint: #636c76;
  --mark: #0b6e99; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e8eb; --back: #16181c; --soft: #22262c; --line: #3a4048;
  --faint: #9aa4af; --mark: #6cc7ec; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1rem 4rem; max-width: 50rem; color: var(--text); background: var(--back);
  font: 1rem/1.6 system-ui, sans-serif; overflow-wrap: break-word; }
h1, h2, h3 { line-height: 1.25; }
a { color: var(--mark); }
header, .turn { border-bottom: 1px solid var(--line); padding-bottom: 1.5rem; margin-bottom: 1.5rem; }
.prompt { background: var(--soft); border-radius: .5rem; padding: .75rem 1rem; }
.own { white-space: pre-wrap; }
.facts, summary, nav { color: var(--faint); font-size: .875rem; }
.turn:target > .prompt { outline: 2px solid var(--mark); }
img { display: block; max-width: 100%; height: auto; margin-top: .5rem; }
pre { background: var(--soft); border-radius: .5rem; padding: .75rem 1rem; overflow-x: auto; }
code { font: .9em/1.5 ui-monospace, monospace; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { border: 1px solid var(--line); padding: .25rem .75rem; text-align: left; }
.right { text-align: right; } .center { text-align: center; }
blockquote { margin-left: 0; padding-left: 1rem; border-left: 3px solid var(--line); color: var(--faint); }
details { margin: .75rem 0; }
math[display=block] { overflow-x: auto; margin: 1rem 0; }
@media print { body { max-width: none; padding: 0; } nav { display: none; } .turn { break-inside: auto; }
  pre, img, table, .prompt { break-inside: avoid; } pre { white-space: pre-wrap; } }
"""
_LIGHT_CODE, _DARK_CODE = "default", "github-dark"
_ALIGNED = {"text-align:right": "right", "text-align:center": "center"}
_FORMULA = re.compile(
    r"\$\$(?P<display>.+?)\$\$|\\\[(?P<block>.+?)\\\]|\\\((?P<inline>.+?)\\\)"
    r"|\$(?![\s$])(?P<dollars>[^$\n]+?)(?<![\s\\])\$(?!\d)",
    re.DOTALL,
)


def html_page(session: Session, turns: Sequence[Turn]) -> str:
    """Write the page of a session: the way to its head first, then `turns` that are beside it, linked both ways."""
    path = list(session.path())
    on_way = {turn.id for turn in path}
    siblings: dict[TurnId | None, list[TurnId]] = {}
    for turn in turns:
        siblings.setdefault(turn.parent, []).append(turn.id)
    beside = [turn for turn in turns if turn.id not in on_way]
    style = _STYLE + _code_style()
    body = [_header(session, path), "<main>", *(_turn(turn, siblings) for turn in path), "</main>"]
    if beside:
        body += ["<aside><h2>Other branches</h2>", *(_turn(turn, siblings) for turn in beside), "</aside>"]
    return f"{_head(session.name or 'Conversation', style)}\n<body>\n{chr(10).join(body)}\n</body>\n</html>\n"


def _head(title: str, style: str) -> str:
    digest = b64encode(sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    return "\n".join((
        '<!doctype html>\n<html lang="und">\n<head>\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="referrer" content="no-referrer">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_line(title)}</title>\n<style>{style}</style>\n</head>",
    ))  # fmt: skip


def _code_style() -> str:
    from pygments.formatters import HtmlFormatter

    light, dark = (HtmlFormatter(style=name).get_style_defs("pre") for name in (_LIGHT_CODE, _DARK_CODE))
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\npre {{ background: var(--soft); }}\n"


def _header(session: Session, path: Sequence[Turn]) -> str:
    models = dict.fromkeys(turn.model for turn in path if turn.model)
    facts = " · ".join((counted(len(path), "turn"), *models))
    system = f"<details><summary>System prompt</summary>{_own(session.system)}</details>" if session.system else ""
    title = _line(session.name or "Conversation")
    return f'<header><h1>{title}</h1><p class="facts">{_line(facts)}</p>{system}</header>'


def _turn(turn: Turn, siblings: Mapping[TurnId | None, Sequence[TurnId]]) -> str:
    others = [each for each in siblings.get(turn.parent, ()) if each != turn.id]
    links = ", ".join(f'<a href="#turn-{each}">{each}</a>' for each in others)
    after = siblings.get(turn.id, ())
    onward = ", ".join(f'<a href="#turn-{each}">{each}</a>' for each in after) if len(after) > 1 else ""
    ways = [f"Beside it: {links}"] if links else []
    ways += [f"Goes on with: {onward}"] if onward else []
    when = turn.at.astimezone().strftime("%Y-%m-%d %H:%M")
    became = "" if turn.outcome is Outcome.COMPLETE else turn.outcome.value
    facts = " · ".join(filter(None, (when, turn.model, became, turn.fault)))
    return "\n".join((
        f'<section class="turn" id="turn-{turn.id}">',
        f'<div class="prompt"><a class="facts" href="#turn-{turn.id}">{turn.id}</a>{_own(turn.prompt.text)}',
        *map(_picture, turn.prompt.images),
        "</div>",
        *map(_item, turn.reply.items),
        f'<p class="facts">{_line(facts)}</p>',
        *([f"<nav>{' · '.join(ways)}</nav>"] if ways else []),
        "</section>",
    ))  # fmt: skip


def _picture(image: Image) -> str:
    size = f' width="{image.width}" height="{image.height}"' if image.width else ""
    data = b64encode(image.data).decode("ascii")
    return f'<img src="data:{_line(image.media_type)};base64,{data}" alt="{_line(image.name)}"{size}>'


def _item(item: Item) -> str:
    match item:
        case Message(text):
            return f'<div class="reply">{markdown_html(text)}</div>'
        case Reasoning(text, seconds):
            return f"<details><summary>{_line(thought_note(seconds))}</summary>{_own(text.strip())}</details>"
        case ToolCall(tool, arguments):
            called = _line(call_note(tool, arguments))
            return f"<details><summary>{called}</summary><pre>{_text(result_note(item))}</pre></details>"
        case InvalidToolCall():
            return f'<p class="facts">{_line(invalid_call_note(item))}</p>'
        case OtherItem(kind):
            return f'<p class="facts">{_line(f"(a newer lmchat shows {kind} here)")}</p>'


def markdown_html(text: str) -> str:
    """Render Markdown as HTML in which nothing is loaded, run or left unescaped."""
    return str(_parser().render(sanitize(text)))


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    parser.inline.ruler.before("escape", "formula", _formula)
    for name, rule in _RULES.items():
        parser.add_render_rule(name, rule)
    return parser


def _formula(state: StateInline, silent: bool) -> bool:
    """Take a formula as one piece, in which nothing is Markdown."""
    found = _FORMULA.match(state.src, state.pos, state.posMax)
    if not found:
        return False
    if not silent:
        token = state.push("formula_html", "math", 0)
        token.content = next(filter(None, found.groups()))
        token.info = "block" if found["display"] or found["block"] else "inline"
        token.markup = found[0]
    state.pos = found.end()
    return True


def _formula_html(_self: RendererHTML, tokens: Sequence[Token], at: int, _options: OptionsDict, _env: Any) -> str:
    token = tokens[at]
    return _mathml(token.content, token.info) or f"<code>{_text(token.markup)}</code>"


def _mathml(source: str, display: str) -> str:
    """Write a formula as MathML, empty where the library is not installed or does not understand it."""
    try:
        from latex2mathml.converter import convert_to_element
    except ImportError:
        return ""
    try:
        math = convert_to_element(source, display=display)
    except Exception:  # noqa: BLE001 - what a model writes fails there in many ways, and is then shown as it came
        return ""
    for element in math.iter():  # the library's own way back to text would let tags through
        element.text = unescape(element.text) if element.text else element.text
    return tostring(math, encoding="unicode")


def _fence(_self: RendererHTML, tokens: Sequence[Token], at: int, _options: OptionsDict, _env: Any) -> str:
    language, *_ = tokens[at].info.split() or [""]
    return f"<pre><code>{_coloured(tokens[at].content, language)}</code></pre>\n"


def _code_block(_self: RendererHTML, tokens: Sequence[Token], at: int, _options: OptionsDict, _env: Any) -> str:
    return f"<pre><code>{_text(tokens[at].content)}</code></pre>\n"


def _coloured(code: str, language: str) -> str:
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        lexer = get_lexer_by_name(language, stripnl=False)
    except ClassNotFound:
        return _text(code)
    return str(highlight(code, lexer, HtmlFormatter(nowrap=True)))


def _image(_self: RendererHTML, tokens: Sequence[Token], at: int, _options: OptionsDict, _env: Any) -> str:
    """Name a picture that is somewhere else, and where: the page loads nothing."""
    source, alt = str(tokens[at].attrs.get("src", "")), tokens[at].content
    return f'<a href="{_line(source)}" rel="noreferrer">{_line(alt or source)}</a>'


def _link_open(_self: RendererHTML, tokens: Sequence[Token], at: int, _options: OptionsDict, _env: Any) -> str:
    return f'<a href="{_line(str(tokens[at].attrs.get("href", "")))}" rel="noreferrer">'


def _cell_open(_self: RendererHTML, tokens: Sequence[Token], at: int, _options: OptionsDict, _env: Any) -> str:
    """Begin a cell, aligned by a class: the policy allows no style in a tag."""
    aligned = _ALIGNED.get(str(tokens[at].attrs.get("style", "")))
    return f'<{tokens[at].tag} class="{aligned}">' if aligned else f"<{tokens[at].tag}>"


def _own(text: str) -> str:
    return f'<div class="own">{_text(text)}</div>'


def _text(text: str) -> str:
    return escape(sanitize(text))


def _line(text: str) -> str:
    return escape(sanitize_line(text))


_RULES = {
    "fence": _fence,
    "code_block": _code_block,
    "image": _image,
    "link_open": _link_open,
    "th_open": _cell_open,
    "td_open": _cell_open,
    "formula_html": _formula_html,
}
