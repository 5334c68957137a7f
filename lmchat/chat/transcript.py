"""Markdown of a conversation: all of it as a document to read, and files quoted in a prompt under their names."""

import json
import re
from collections.abc import Iterator
from pathlib import PurePath

from lmchat.chat.session import Session, Turn
from lmchat.chat.values import InvalidToolCall, Item, Message, OtherItem, Reasoning, ToolCall

_QUOTES_BEGIN = re.compile(r"\n\n(?=(?:File|Output of) `)")


def transcript(session: Session) -> str:
    """Write the turns from the root to the head as one Markdown document."""
    parts = [f"# {session.name}"]
    if session.system:
        parts.append(f"> System prompt: {_quoted(session.system)}")
    for turn in session.path():
        parts.extend(_turn(turn))
    return "\n\n".join(parts) + "\n"


def _turn(turn: Turn) -> Iterator[str]:
    when = turn.at.astimezone().strftime("%Y-%m-%d %H:%M")
    yield f"## {turn.id}. {when}"
    yield f"> {_quoted(turn.prompt.text)}"
    for image in turn.prompt.images:
        size = f", {image.width} × {image.height}" if image.width else ""
        yield f"> Picture: {image.name} ({image.media_type}{size})"
    for item in turn.reply.items:
        yield from _item(item)
    notes = [turn.model, turn.ending]
    yield f"*{' · '.join(note for note in notes if note)}*"


def _item(item: Item) -> Iterator[str]:
    match item:
        case Message(text):
            yield text.strip("\n")
        case Reasoning(text):
            yield f"<details><summary>Thought</summary>\n\n{text.strip()}\n\n</details>"
        case ToolCall(tool, arguments, output):
            asked = json.dumps(dict(arguments), ensure_ascii=False)
            yield f"Tool `{tool}` was called with `{asked}`:\n\n{_fenced(output)}"
        case InvalidToolCall(reason, tool):
            yield f"Tool `{tool or 'unknown'}` could not be called: {reason}"
        case OtherItem(kind):
            yield f"*({kind}: a newer lmchat shows it)*"


def _quoted(text: str) -> str:
    return text.replace("\n", "\n> ")


def quoted(name: str, text: str) -> str:
    """Quote a text under its name, in a fence longer than any in it."""
    return f"File `{name}`:\n{_fenced(text, PurePath(name).suffix.lstrip('.'))}"


def quoted_output(command: str, text: str, ended: str) -> str:
    """Quote what a command printed; `ended` says how it ended, such as `exit status 0`."""
    return f"Output of `{command}` ({ended}):\n{_fenced(text)}"


def without_quotes(prompt: str) -> str:
    """Return the words of a prompt in front of what is quoted in it; all of it where it is nothing but quotes."""
    return _QUOTES_BEGIN.split(prompt, maxsplit=1)[0] or prompt


def _fenced(text: str, language: str = "") -> str:
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
