"""What Tab can offer after a command: what is known already, on disk and of the server's models, never the network.

The row of a command names one of these functions, or one of its own made of the same pieces.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice

from lmchat.chat.models import chat_offers, find_model, level_offers
from lmchat.dataclass import dataclass
from lmchat.errors import BadUseError
from lmchat.render.text import sanitize_line, shorten
from lmchat.repl.line import AT, begins_word, plain
from lmchat.repl.matching import Offer, among_several, fitting, last_of_several, matching
from lmchat.repl.state import ReplState
from lmchat.settings.keys import OPTIONS

_MOST_TURNS, _MOST_OFFERS = 200, 100
_WORDS_CELLS = 50


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A text that can replace the end of what was typed; `display` is what the list shows of it, `about` its help."""

    text: str
    about: str = ""
    replaces: str = ""
    display: str = ""


Offers = Callable[[ReplState, str], Iterable[Suggestion]]
"""Returns what can be offered, given what was typed after the command."""


def nothing_offered(_state: ReplState, _typed: str) -> Iterable[Suggestion]:
    """Offer nothing."""
    return ()


def suggestions(typed: str, offers: Iterable[Offer]) -> Iterator[Suggestion]:
    """Offer what fits the typed text, the best first."""
    for value, about in matching(typed, offers)[:_MOST_OFFERS]:
        yield Suggestion(value, about, typed)


def whole(offers: Callable[[ReplState], Iterable[Offer]]) -> Offers:
    """Let offers complete all that was typed, blanks and all."""
    return lambda state, typed: suggestions(typed, offers(state))


def by_word(offers: Callable[[ReplState, Sequence[str]], Iterable[Offer]]) -> Offers:
    """Let offers complete the last word; they get all words that were typed, the last one unfinished."""

    def completed(state: ReplState, typed: str) -> Iterable[Suggestion]:
        words = typed.split(" ")
        return suggestions(words[-1], offers(state, words))

    return completed


def one_word(offers: Callable[[ReplState], Iterable[Offer]]) -> Offers:
    """Let offers complete the only word of a command."""
    return by_word(lambda state, words: offers(state) if len(words) == 1 else ())


def other_sessions(state: ReplState) -> Iterator[Offer]:
    """Offer the sessions but this one."""
    return ((name, "") for name in state.conversation.store.names() if name != state.session.name)


def models(state: ReplState) -> Iterator[Offer]:
    """Offer the models that chat."""
    loaded = {model.key for model in state.known.now() if model.instances}
    for key, about in chat_offers(state.known.now()):
        yield key, f"{about} (loaded)".lstrip() if key in loaded else about


def turns(state: ReplState) -> Iterator[Offer]:
    """Offer the turns from the head towards the first, with their first words."""
    for turn in islice(state.session.lineage(), _MOST_TURNS):
        yield str(turn.id), first_words(turn.prompt.text)


def options(_state: ReplState) -> Iterator[Offer]:
    """Offer the options of a request."""
    return ((name, key.help) for name, key in OPTIONS.items())


def option_values(state: ReplState, option: str) -> Iterator[Offer]:
    """Offer the values of an option: the levels of the model in use, or an example."""
    if option == "reasoning":
        model = find_model(state.known.now(), state.model)
        return level_offers([model] if model else ())
    key = OPTIONS.get(option)
    return iter([(key.example, key.help)] if key else ())


def first_words(text: str) -> str:
    """Return the beginning of a text, in one line that is safe to show."""
    return shorten(sanitize_line(text[:200].strip()), _WORDS_CELLS)


def file(_state: ReplState, typed: str) -> Iterator[Suggestion]:
    """Offer files for a path."""
    return _files(typed)


def prompt_file(_state: ReplState, typed: str) -> Iterator[Suggestion]:
    """Offer files after an @."""
    return _files(typed[1:]) if typed.startswith("@") else iter(())


def unfinished_mention(before: str) -> str | None:
    """Return what was typed after the `@` in front of the cursor, None where no mention is being typed there."""
    text = plain(before)
    for place in range(len(before) - 1, -1, -1):
        if before[place] in AT and begins_word(text, place) and text[place - 1 : place] != "\\":
            written = text[place + 1 :]
            open_quote = re.fullmatch(r"""(["'])((?:\\.|(?!\1)[^\\\n])*)""", written)
            return written if open_quote or not re.search(r"(?<!\\)\s", written) else None
    return None


def mentioned_files(_state: ReplState, typed: str) -> Iterator[Suggestion]:
    """Offer files for what was typed of a path inside a prompt."""
    _, meant = last_of_several(typed)
    yield from _files(typed, meant, several=True)


def several_files(_state: ReplState, typed: str) -> Iterator[Suggestion]:
    """Offer a file as it was typed, blanks and all, or as one of several."""
    if " " in typed and (found := list(_files(typed, several=True))):
        yield from found
    else:
        yield from _files(*last_of_several(typed), several=True)


def _files(written: str, meant: str | None = None, *, several: bool = False) -> Iterator[Suggestion]:
    """Offer files for a path as it is written; `meant` is the path without its quotes."""
    with suppress(OSError, BadUseError):  # there is no such directory
        for path, size in fitting(written if meant is None else meant):
            display = path[path.rstrip("/").rfind("/") + 1 :]
            yield Suggestion(among_several(path) if several else path, size, written, display)
