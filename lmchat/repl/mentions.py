"""The files that a prompt mentions: `@path`, quoted or with `~`, and `@*.py`; what does not exist is text."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lmchat.app.attachments import files_matching, is_pattern
from lmchat.errors import BadUseError
from lmchat.repl.literal import AT, begins_word, plain, wide
from lmchat.world import path_of

_WORD = re.compile(r"(?:\\.|[^\s\\]|\\$)+")
_QUOTED = re.compile(r"""(["'])((?:\\.|(?!\1)[^\\\n])+)\1""")
_ESCAPE = re.compile(r"""\\(?=[\s"'\\@])""")
_CLOSING = r"""[\]\[.,;:!?)}>"'…。、」』）”’*_]"""
_AFTER = re.compile(rf"(?:'s\b|’s\b|{_CLOSING}+)")
_MOST_WORDS = 8
"""How many words a path with blanks may have that is not quoted."""


@dataclass(frozen=True, slots=True)
class Mention:
    """The files that stand for `text[begins:ends]`; `pattern` tells that they are those that fit one."""

    begins: int
    ends: int
    files: tuple[Path, ...]
    pattern: bool = False


def mentions(line: str) -> list[Mention]:
    """Find what a line mentions, in its order.

    Raise BadUseError for what is surely meant as a path and does not exist, and for a directory.
    """
    text, found, done = plain(line), list[Mention](), 0
    for place in (place for place, character in enumerate(line) if character in AT):
        if place < done or not begins_word(text, place) or text[place - 1 : place] == "\\":
            continue
        if mention := _mention(text, place):
            found.append(mention)
            done = mention.ends
    return found


def unfinished_mention(before: str) -> str | None:
    """Return what was typed after the `@` in front of the cursor, None where no mention is being typed there."""
    text = plain(before)
    for place in range(len(before) - 1, -1, -1):
        if before[place] in AT and begins_word(text, place) and text[place - 1 : place] != "\\":
            written = text[place + 1 :]
            open_quote = re.fullmatch(r"""(["'])((?:\\.|(?!\1)[^\\\n])*)""", written)
            return written if open_quote or not re.search(r"(?<!\\)\s", written) else None
    return None


def _mention(text: str, place: int) -> Mention | None:
    begins = place + 1
    if quoted := _QUOTED.match(text, begins):
        named = _named(_unescaped(quoted[2]), place, quoted.end())
        _require_no_path("" if named else quoted[2])
        return named
    word = _WORD.match(text, begins)
    if word is None:
        return None
    for end in _ends(text, begins, word.end()):
        if mention := _named(_unescaped(text[begins:end]), place, end):
            return mention
    named = _with_blanks(text, place, word.end())
    _require_no_path("" if named else word[0])
    return named


def _ends(text: str, begins: int, end: int) -> Iterator[int]:
    """Yield where the path in a word can end, the longest first: before its punctuation, or before Japanese."""
    yield end
    for place in range(end - 1, begins, -1):
        after = _AFTER.match(text, place, end)
        if wide(text[place]) or (after and (after.end() == end or wide(text[after.end()]))):
            yield place


def _with_blanks(text: str, place: int, end: int) -> Mention | None:
    """Read on over blanks, where a name that has some is not quoted."""
    for _ in range(_MOST_WORDS):
        more = re.compile(r"[ \t]+\S+").match(text, end)
        if more is None:
            return None
        end = more.end()
        for cut in _ends(text, more.start() + 1, end):
            if (path := _existing(_unescaped(text[place + 1 : cut]))) and path.is_file():
                return Mention(place, cut, (path,))
    return None


def _named(written: str, begins: int, end: int) -> Mention | None:
    """Return the mention of what exists or fits a pattern; raise BadUseError for a directory."""
    if not written.strip("./~?\\"):
        return None
    path = _existing(written)
    if path is not None and path.is_dir():
        name = written.rstrip("/")
        raise BadUseError(
            f"'{written}' is a directory.", hint=f"@{name}/* quotes its files; \\@{written} sends it as text."
        )
    if path is not None and not path.is_file():
        raise BadUseError(f"'{written}' is not a file.", hint=f"\\@{written} sends it as text.")
    if path is not None:
        return Mention(begins, end, (path,))
    if is_pattern(written) and (files := files_matching(path_of(written))):
        return Mention(begins, end, tuple(files), pattern=True)
    return None


def _existing(written: str) -> Path | None:
    try:
        path = path_of(written)
        return path if path.exists() else None
    except (OSError, ValueError, BadUseError):  # too long, or no path at all
        return None


def _require_no_path(written: str) -> None:
    """Raise BadUseError for what is surely meant as a path: `@./x`, `@a/b.c`, but neither `@me` nor `@types/node`."""
    cut = next((place for place, character in enumerate(written) if place and wide(character)), len(written))
    name = re.sub(f"{_CLOSING}+$", "", _unescaped(written[:cut]))
    first, slash, rest = name.partition("/")
    if not slash or not name.strip("./~"):
        return
    try:
        begun = bool(first) and path_of(first).is_dir()
    except (OSError, ValueError, BadUseError):
        begun = False
    last = rest.rpartition("/")[2]
    if first in {"", ".", "..", "~"} or begun or "." in last.strip(".") or is_pattern(name):
        what = "No file fits" if is_pattern(name) else "There is no file"
        raise BadUseError(f"{what} '{name}'.", hint=f"\\@{name} sends it as text.")


def _unescaped(written: str) -> str:
    # On Windows a backslash is what a slash is elsewhere.
    return written if os.sep == "\\" else _ESCAPE.sub("", written)
