"""A conversation as one self-contained HTML page: without scripts or network, for light and dark screens and for paper.

Everything that a model or a file supplied is escaped; a content security policy forbids the rest.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256

from lmchat.chat.session import Session, Turn, TurnId
from lmchat.chat.values import Image, InvalidToolCall, Item, Message, OtherItem, Reasoning, ToolCall
from lmchat.render.markdown.html import escaped, escaped_line, markdown_html
from lmchat.render.notes import call_note, counted, invalid_call_note, result_note, thought_note

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
li > p { margin: 0; } li > p ~ :not(ul, ol) { margin-top: .75rem; }
math[display=block] { overflow: auto hidden; margin: 1rem 0; padding: .25rem 0; }
@media print { body { max-width: none; padding: 0; } nav { display: none; } .turn { break-inside: auto; }
  pre, img, table, .prompt { break-inside: avoid; } pre { white-space: pre-wrap; } }
"""
_LIGHT_CODE, _DARK_CODE = "default", "github-dark"


def html_page(session: Session, turns: Sequence[Turn]) -> str:
    """Return the page of a session: the path to its head first, then the other `turns`, linked both ways."""
    path = session.path()
    on_path = {turn.id for turn in path}
    siblings: dict[TurnId | None, list[TurnId]] = {}
    for turn in turns:
        siblings.setdefault(turn.parent, []).append(turn.id)
    beside = [turn for turn in turns if turn.id not in on_path]
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
        f"<title>{escaped_line(title)}</title>\n<style>{style}</style>\n</head>",
    ))  # fmt: skip


def _code_style() -> str:
    from pygments.formatters import HtmlFormatter

    light, dark = (HtmlFormatter(style=name).get_style_defs("pre") for name in (_LIGHT_CODE, _DARK_CODE))
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\npre {{ background: var(--soft); }}\n"


def _header(session: Session, path: Sequence[Turn]) -> str:
    models = dict.fromkeys(turn.model for turn in path if turn.model)
    facts = " · ".join((counted(len(path), "turn"), *models))
    system = f"<details><summary>System prompt</summary>{_own(session.system)}</details>" if session.system else ""
    title = escaped_line(session.name or "Conversation")
    return f'<header><h1>{title}</h1><p class="facts">{escaped_line(facts)}</p>{system}</header>'


def _turn(turn: Turn, siblings: Mapping[TurnId | None, Sequence[TurnId]]) -> str:
    others = [each for each in siblings.get(turn.parent, ()) if each != turn.id]
    links = ", ".join(f'<a href="#turn-{each}">{each}</a>' for each in others)
    after = siblings.get(turn.id, ())
    onward = ", ".join(f'<a href="#turn-{each}">{each}</a>' for each in after) if len(after) > 1 else ""
    ways = [f"Alternatives: {links}"] if links else []
    ways += [f"Continues with: {onward}"] if onward else []
    when = turn.at.astimezone().strftime("%Y-%m-%d %H:%M")
    facts = " · ".join(filter(None, (when, turn.model, turn.ending)))
    return "\n".join((
        f'<section class="turn" id="turn-{turn.id}">',
        f'<div class="prompt"><a class="facts" href="#turn-{turn.id}">{turn.id}</a>{_own(turn.prompt.text)}',
        *map(_picture, turn.prompt.images),
        "</div>",
        *map(_item, turn.reply.items),
        f'<p class="facts">{escaped_line(facts)}</p>',
        *([f"<nav>{' · '.join(ways)}</nav>"] if ways else []),
        "</section>",
    ))  # fmt: skip


def _picture(image: Image) -> str:
    size = f' width="{image.width}" height="{image.height}"' if image.width else ""
    data = b64encode(image.data).decode("ascii")
    return f'<img src="data:{escaped_line(image.media_type)};base64,{data}" alt="{escaped_line(image.name)}"{size}>'


def _item(item: Item) -> str:
    match item:
        case Message(text):
            return f'<div class="reply">{markdown_html(text)}</div>'
        case Reasoning(text, seconds):
            return f"<details><summary>{escaped_line(thought_note(seconds))}</summary>{_own(text.strip())}</details>"
        case ToolCall(tool, arguments):
            called = escaped_line(call_note(tool, arguments))
            return f"<details><summary>{called}</summary><pre>{escaped(result_note(item))}</pre></details>"
        case InvalidToolCall():
            return f'<p class="facts">{escaped_line(invalid_call_note(item))}</p>'
        case OtherItem(kind):
            return f'<p class="facts">{escaped_line(f"(a newer lmchat shows {kind} here)")}</p>'


def _own(text: str) -> str:
    return f'<div class="own">{escaped(text)}</div>'
