"""Files as a prompt carries them: their text, fenced, under their names."""

from pathlib import PurePath


def quoted(name: str, text: str) -> str:
    """Quote a text under its name, in a fence longer than any in it."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"File `{name}`:\n{fence}{PurePath(name).suffix.lstrip('.')}\n{text.rstrip()}\n{fence}"
