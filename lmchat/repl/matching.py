"""What fits what was typed, the best first, and the files and directories among it."""

import os
from collections.abc import Iterable

from lmchat.render.notes import size_words
from lmchat.render.text import sanitize_line
from lmchat.world import path_of

Offer = tuple[str, str]
"""A value, and what is said of it."""

_NO_MATCH = 3


def matching(typed: str, offers: Iterable[Offer]) -> list[Offer]:
    """Choose what fits: first what begins with the typed text, then what contains it or its letters in order."""
    wanted = typed.casefold()
    ranked = [(_rank(wanted, offer[0].casefold()), place, offer) for place, offer in enumerate(offers)]
    return [offer for rank, _, offer in sorted(ranked, key=lambda each: each[:2]) if rank < _NO_MATCH]


def _rank(wanted: str, offered: str) -> int:
    if offered.startswith(wanted):
        return 0
    if wanted in offered:
        return 1
    letters = iter(offered)
    return 2 if all(letter in letters for letter in wanted) else _NO_MATCH


_QUOTES, _APART = "'\"", " \t"
_DIRECTORY = "directory"
_MOST = 100


def fitting(typed: str) -> list[Offer]:
    """Return the paths that begin as the typed one, or else those that fit it, each with its size.

    Directories end in a slash. What is hidden is offered where a dot was typed; what no terminal can show, and so
    cannot be typed, never is. Raise OSError where the directory cannot be read.
    """
    directory, slash, name = typed.rpartition("/")
    with os.scandir(path_of(directory + slash or ".")) as found:
        by_name = {entry.name: entry for entry in found if sanitize_line(entry.name) == entry.name}
    shown = sorted((each for each in by_name if name.startswith(".") or not each.startswith(".")), key=str.casefold)
    fit = [each for each, _ in matching(name, ((each, "") for each in shown))]
    begun = [each for each in fit if each.casefold().startswith(name.casefold())]
    said = [(f"{directory}{slash}{each}", _said(by_name[each])) for each in (begun or fit)[:_MOST]]
    return [(f"{path}/" if size == _DIRECTORY else path, size) for path, size in said]


def last_of_several(text: str) -> tuple[str, str]:
    """Return the last path in a line of several: as it is written there, and as it is meant, without its quotes."""
    begins, quote, meant = 0, "", ""
    characters = iter(enumerate(text))
    for place, character in characters:
        if character == "\\" and quote != "'":
            meant += next(characters, (0, ""))[1]
        elif character == quote:
            quote = ""
        elif character in _QUOTES and not quote:
            quote = character
        elif character in _APART and not quote:
            begins, meant = place + 1, ""
        else:
            meant += character
    return text[begins:], meant


def among_several(path: str) -> str:
    """Write a path so that it stays one among several; the quotes of a directory stay open for what is in it."""
    if not any(character in path for character in f"{_QUOTES}{_APART}\\"):
        return path
    quote = '"' if "'" in path else "'"
    escaped = path.replace("\\", "\\\\").replace('"', '\\"') if quote == '"' else path
    return quote + escaped + ("" if path.endswith("/") else quote)


def _said(entry: os.DirEntry[str]) -> str:
    try:
        return _DIRECTORY if entry.is_dir() else size_words(entry.stat().st_size)
    except OSError:  # a link that leads nowhere
        return ""
