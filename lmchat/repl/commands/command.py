"""What a slash command is: its names, its help, what it takes and what it does; and how its arguments are read."""

import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from lmchat.chat.session import TurnId
from lmchat.chat.values import Options
from lmchat.dataclass import dataclass
from lmchat.errors import BadUseError, nearest
from lmchat.repl.offers import Offers, nothing_offered
from lmchat.repl.state import ReplState
from lmchat.settings.keys import OPTIONS, Key
from lmchat.settings.shapes import misfit
from lmchat.world import path_of

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
