"""What stands behind a command's name, read into numbers, names and paths; BadUseError where it cannot be."""

import shlex
import sys
from pathlib import Path

from lmchat.chat.session import TurnId
from lmchat.errors import BadUseError
from lmchat.repl.files import path_of

_MOST_DIGITS = 18
"""More than these, and a number is larger than what can be counted or kept."""


def words(text: str) -> list[str]:
    """Split at blanks, minding quotes where they are balanced."""
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def nothing(text: str) -> None:
    """Make sure that nothing was given."""
    if text:
        raise BadUseError(f"Nothing can stand behind this command, but '{text}' does.")


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
    """Read one path as it stands, blanks and all, or several; `~` is the home directory."""
    whole = path_of(text)
    if text and whole.exists():
        return [whole]
    return [path_of(word) for word in words(text)]


def text_or_file(text: str) -> str:
    """Return the text, or what the file behind an `@` holds."""
    if not text.startswith("@"):
        return text
    path = path_of(text[1:])
    try:
        return path.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError:
        raise BadUseError(f"'{path}' is not a text file.") from None
    except OSError as error:
        raise BadUseError(f"'{path}' cannot be read: {error.strerror}.") from None
