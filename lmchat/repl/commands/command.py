"""What a slash command is (names, help, what it takes, what it does), and what the rows of commands are made of.

Arguments are read by the functions from `words` on. What Tab can offer is what is known already, on disk and of the
server's models, never the network: a row names one of the functions from `suggestions` on, or its own, made of these.
"""

import re
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

from lmchat.chat.models import chat_offers, find_model, level_offers
from lmchat.chat.session import TurnId
from lmchat.chat.values import Options
from lmchat.dataclass import dataclass
from lmchat.errors import BadUseError, nearest
from lmchat.render.text import sanitize_line, shorten
from lmchat.repl.line import AT, begins_word, plain
from lmchat.repl.matching import Offer, among_several, fitting, last_of_several, matching
from lmchat.repl.state import ReplState
from lmchat.settings.keys import OPTIONS, Key
from lmchat.settings.shapes import misfit
from lmchat.world import path_of

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


Handler = Callable[[ReplState, str], ReplState]
"""Runs the command, with what was typed after its name, and returns the state after it."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command.

    `usage` is what follows the name, `offers` what Tab completes there; `more` is shown by `/help NAME` only.
    """

    name: str
    usage: str
    help: str
    handler: Handler
    offers: Offers = nothing_offered
    aliases: tuple[str, ...] = ()
    more: str = ""

    @property
    def written(self) -> str:
        """Write the command as one types it."""
        return f"/{self.name} {self.usage}".rstrip()


_MOST_DIGITS = 18
"""More than these, and a number is larger than what can be counted or kept."""


DISPLAY_SETTINGS = ("show_reasoning", "stats")
"""Settings of how replies are shown, which `/set` changes for as long as one talks."""


def words(text: str) -> list[str]:
    """Split at blanks, minding quotes where they are balanced."""
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def nothing(text: str) -> None:
    """Make sure that nothing was given."""
    if text:
        raise BadUseError(f"This command takes no arguments (got '{text}').")


def count(text: str, default: int) -> int:
    """Read how many."""
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and text.strip("0")):
        raise BadUseError(f"'{text}' is not a number of 1 or more.")
    return int(text) if len(text) <= _MOST_DIGITS else sys.maxsize


def turn_number(text: str) -> TurnId:
    """Read the number of a turn, as `/tree` shows it."""
    number = text.removeprefix("#")
    if not (number.isascii() and number.isdigit() and len(number) <= _MOST_DIGITS):
        raise BadUseError(f"'{text}' is not the number of a turn.", hint="`/tree` shows the turns and their numbers.")
    return TurnId(int(number))


def required(text: str, what: str, example: str) -> str:
    """Make sure that something was given."""
    if not text:
        raise BadUseError(f"There is no {what}.", hint=f"Like this: {example}")
    return text


def paths(text: str) -> list[Path]:
    """Read one path as it was typed, blanks and all, or several; `~` is the home directory."""
    whole = path_of(text)
    if text and whole.exists():
        return [whole]
    return [path_of(word) for word in words(text)]


def option_named(name: str) -> Key:
    """Find an option, however its dashes are written; raise BadUseError, with the nearest names, for none."""
    written = name.lstrip("-").replace("-", "_").lower()
    if written not in OPTIONS:
        hint = nearest(written, list(OPTIONS)) or f"There are: {', '.join(OPTIONS)}."
        raise BadUseError(f"There is no option '{name}'.", hint=hint)
    return OPTIONS[written]


def with_option(options: Options, name: str, text: str) -> Options:
    """Return the options with one set to what was typed; raise BadUseError where it does not fit."""
    key = option_named(name)
    value = key.shape.read(text)
    if wrong := misfit(key.shape, value):
        raise BadUseError(f"{key.name} {wrong}.", hint=key.help)
    return options.changed(key.name, value)  # type: ignore[arg-type]  # it fits the option's shape


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


def offer_sessions(state: ReplState) -> Iterator[Offer]:
    """Offer the sessions but this one."""
    return ((name, "") for name in state.conversation.store.names() if name != state.session.name)


def offer_models(state: ReplState) -> Iterator[Offer]:
    """Offer the models that chat."""
    loaded = {model.key for model in state.known.now() if model.instances}
    for key, about in chat_offers(state.known.now()):
        yield key, f"{about} (loaded)".lstrip() if key in loaded else about


def offer_turns(state: ReplState) -> Iterator[Offer]:
    """Offer the turns from the head towards the first, with their first words."""
    for turn in islice(state.session.lineage(), _MOST_TURNS):
        yield str(turn.id), first_words(turn.prompt.text)


def offer_options(_state: ReplState) -> Iterator[Offer]:
    """Offer the options of a request."""
    return ((name, key.help) for name, key in OPTIONS.items())


def offer_option_values(state: ReplState, option: str) -> Iterator[Offer]:
    """Offer the values of an option: the levels of the model in use, or an example."""
    if option == "reasoning":
        model = find_model(state.known.now(), state.model)
        return level_offers([model] if model else ())
    key = OPTIONS.get(option)
    return iter([(key.example, key.help)] if key else ())


def first_words(text: str) -> str:
    """Return the beginning of a text, in one line that is safe to show."""
    return shorten(sanitize_line(text[:200].strip()), _WORDS_CELLS)


def offer_file(_state: ReplState, typed: str) -> Iterator[Suggestion]:
    """Offer files for a path."""
    return _files(typed)


def offer_prompt_file(_state: ReplState, typed: str) -> Iterator[Suggestion]:
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


def offer_mentioned_files(_state: ReplState, typed: str) -> Iterator[Suggestion]:
    """Offer files for what was typed of a path inside a prompt."""
    _, meant = last_of_several(typed)
    yield from _files(typed, meant, several=True)


def offer_files(_state: ReplState, typed: str) -> Iterator[Suggestion]:
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
