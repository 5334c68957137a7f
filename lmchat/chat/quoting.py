"""A text file inside a prompt: under its name, in a fence longer than any in it."""

from pathlib import PurePath

from lmchat.errors import BadUseError


def quoted(name: str, data: bytes) -> str:
    """Quote what a file holds; raise BadUseError where that is no text."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise BadUseError(f"'{name}' is not a text file.", hint="Pictures go along with --image FILE or /image FILE.")
    fence = "```"
    while fence in text:
        fence += "`"
    return f"File `{name}`:\n{fence}{PurePath(name).suffix.lstrip('.')}\n{text.rstrip()}\n{fence}"
