"""What fits what was typed, the best first, and the files and directories among it."""

import os
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from lmchat.dataclass import dataclass
from lmchat.render.text import sanitize_line
from lmchat.world import path_of

if TYPE_CHECKING:
    from datetime import datetime

    from lmchat.chat.keeping import Match, Summary, TreeEntry
    from lmchat.chat.session import TurnId

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
        from lmchat.render.notes import size_words

        return _DIRECTORY if entry.is_dir() else size_words(entry.stat().st_size)
    except OSError:  # a link that leads nowhere
        return ""


_NO_SESSION = 4
_LETTERS = 2
"""So many typed characters at least are looked for one by one: a single one fits nearly every name."""


@dataclass(frozen=True, slots=True)
class Found:
    """A session of the list: what is shown of it, and the turn in which the typed words were found, if that is how."""

    name: str
    used: "datetime"
    words: str
    turn: "TurnId | None" = None


class Sessions:
    """The sessions to choose from, the one used last first, and the texts that typing is compared with."""

    def __init__(self, summaries: "Sequence[Summary]") -> None:
        from lmchat.render.listings import words_beyond

        self.all = [Found(each.name, each.last_used, words_beyond(each.name, each.first_words)) for each in summaries]
        self._by_name = {each.name: each for each in self.all}
        self._texts = [(_plain(each.name), _plain(f"{each.name} {each.first_words}")) for each in summaries]

    def fitting(self, typed: str, matches: "Sequence[Match]" = ()) -> list[Found]:
        """Return what fits, the best first: names, then first words, then what was said (`matches`)."""
        wanted = _plain(typed).split()
        if not wanted:
            return self.all
        ranked = sorted(
            (rank, place)
            for place, (name, text) in enumerate(self._texts)
            if (rank := _session_rank(wanted, name, text)) < _NO_SESSION
        )
        fit = [self.all[place] for _, place in ranked]
        names = {each.name for each in fit}
        for match in matches:
            known = self._by_name.get(match.session)
            if known is not None and match.session not in names:
                names.add(match.session)
                fit.append(Found(known.name, known.used, match.snippet, match.turn))
        return fit


def fitting_turns(typed: str, entries: "Iterable[TreeEntry]") -> "list[TreeEntry]":
    """Return the turns that fit: by their number, or by words of their prompt."""
    wanted = _plain(typed).split()
    return [
        entry
        for entry in entries
        if all(str(entry.id).startswith(word.removeprefix("#")) or word in _plain(entry.first_words) for word in wanted)
    ]


def _session_rank(wanted: Sequence[str], name: str, text: str) -> int:
    typed = " ".join(wanted)
    if name.startswith(typed):
        return 0
    if all(word in name for word in wanted):
        return 1
    if all(word in text for word in wanted):
        return 2
    if len(typed) < _LETTERS:
        return _NO_SESSION
    letters = iter(name)
    return 3 if all(letter in letters for letter in "".join(wanted)) else _NO_SESSION


def _plain(text: str) -> str:
    """Return a text as it is compared: without capitals, and with wide letters as ordinary ones."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()
