"""Names of sessions: which are allowed, and one made of a prompt's first words."""

import unicodedata
from collections.abc import Callable

from lmchat.errors import BadUseError
from lmchat.store.database import normal_form

LONGEST_NAME, LONGEST_SLUG = 100, 40
UNNAMED = "chat"

_FORBIDDEN_CATEGORIES = {"Cc", "Cs", "Zl", "Zp"}


def same(name: str) -> str:
    """Return the one form of a name that is kept and compared, however it was typed."""
    return normal_form(name)


def checked(name: str) -> str:
    """Return a name as it is kept, or raise BadUseError where it cannot be one."""
    name = same(name)
    fault = _fault(name)
    if fault:
        raise BadUseError(
            f"A session name {fault}.", hint="Choose a short name of letters, digits, spaces and hyphens."
        )
    return name


def _fault(name: str) -> str:
    if not name:
        return "cannot be empty"
    if len(name) > LONGEST_NAME:
        return f"can have at most {LONGEST_NAME} characters"
    if any(unicodedata.category(character) in _FORBIDDEN_CATEGORIES for character in name):
        return "cannot hold control characters"
    if name != name.strip():
        return "cannot begin or end with a space"
    return f"cannot begin with '{name[0]}'" if name[0] in "-/" else ""


def slug(text: str) -> str:
    """Make a name of the first words of a text: letters of any script, joined with hyphens."""
    words: list[str] = []
    for word in _words(same(text[:1000]).lower()):
        longer = "-".join([*words, word])
        if len(longer) > LONGEST_SLUG and words:
            break
        words.append(word)
    return same("-".join(words)[:LONGEST_SLUG]) or UNNAMED


def _words(text: str) -> list[str]:
    text = text.replace("'", "").replace("’", "")
    return "".join(character if _spells(character) else " " for character in text).split()


def _spells(character: str) -> bool:
    """Tell whether a character is part of a word: a letter, a digit, or a mark on one."""
    return unicodedata.category(character)[0] in "LMN"


def numbered(name: str, taken: Callable[[str], bool]) -> str:
    """Return the name, or the first free one with -2, -3 and so on after it."""
    candidate, number = name, 1
    while taken(candidate):
        number += 1
        candidate = f"{name}-{number}"
    return candidate
