"""Sessions and turns that fit what was typed: by name and first words at once, by everything that was said in a moment.

Names and first words are compared in memory; the store's index searches what was said, and only for what is typed.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime

from lmchat.chat.listing import Match, Summary, TreeEntry
from lmchat.chat.session import TurnId
from lmchat.dataclass import dataclass
from lmchat.render.listings import words_beyond

_NO_MATCH = 4
_LETTERS = 2
"""So many typed characters at least are looked for one by one: a single one fits nearly every name."""


@dataclass(frozen=True, slots=True)
class Found:
    """A session of the list: what is shown of it, and the turn in which the typed words were found, if that is how."""

    name: str
    used: datetime
    words: str
    turn: TurnId | None = None


class Sessions:
    """The sessions to choose from, the one used last first, and the texts that typing is compared with."""

    def __init__(self, summaries: Sequence[Summary]) -> None:
        self.all = [Found(each.name, each.last_used, words_beyond(each.name, each.first_words)) for each in summaries]
        self._by_name = {each.name: each for each in self.all}
        self._texts = [(_plain(each.name), _plain(f"{each.name} {each.first_words}")) for each in summaries]

    def fitting(self, typed: str, matches: Sequence[Match] = ()) -> list[Found]:
        """Return what fits, the best first: names, then first words, then what was said (`matches`)."""
        wanted = _plain(typed).split()
        if not wanted:
            return self.all
        ranked = sorted(
            (rank, place)
            for place, (name, text) in enumerate(self._texts)
            if (rank := _rank(wanted, name, text)) < _NO_MATCH
        )
        fit = [self.all[place] for _, place in ranked]
        names = {each.name for each in fit}
        for match in matches:
            known = self._by_name.get(match.session)
            if known is not None and match.session not in names:
                names.add(match.session)
                fit.append(Found(known.name, known.used, match.snippet, match.turn))
        return fit


def fitting_turns(typed: str, entries: Iterable[TreeEntry]) -> list[TreeEntry]:
    """Return the turns that fit: by their number, or by words of their prompt."""
    wanted = _plain(typed).split()
    return [
        entry
        for entry in entries
        if all(str(entry.id).startswith(word.removeprefix("#")) or word in _plain(entry.first_words) for word in wanted)
    ]


def _rank(wanted: Sequence[str], name: str, text: str) -> int:
    typed = " ".join(wanted)
    if name.startswith(typed):
        return 0
    if all(word in name for word in wanted):
        return 1
    if all(word in text for word in wanted):
        return 2
    if len(typed) < _LETTERS:
        return _NO_MATCH
    letters = iter(name)
    return 3 if all(letter in letters for letter in "".join(wanted)) else _NO_MATCH


def _plain(text: str) -> str:
    """Return a text as it is compared: without capitals, and with wide letters as ordinary ones."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()
