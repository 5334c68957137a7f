"""What a prompt carries besides its words: files and outputs of commands, fenced, under their names."""

import re
from pathlib import PurePath

_QUOTES_BEGIN = re.compile(r"\n\n(?=(?:File|Output of) `)")


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
