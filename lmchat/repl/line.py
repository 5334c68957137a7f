"""What a line means: a command, a prompt, the files it mentions (`@path`, `@*.py`) or consists of (dragged paths).

Pasted text, and a prompt that is put into the line again, is text whatever it begins with: its special characters are
replaced with characters of the private use area, which look the same and mean nothing. A mention of what does not
exist is text. Terminals paste the path of a dragged file quoted, with `\\ ` or as `file://…%20…`.
"""

import os
import re
import shlex
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lmchat.app.attachments import files_matching, is_pattern, is_picture
from lmchat.dataclass import dataclass
from lmchat.errors import BadUseError
from lmchat.repl.matching import among_several
from lmchat.world import path_of

AT, BANG, SLASH = "@＠", "!！", "/／"
"""Each also as people with an input method type it: full-width."""

_SPECIAL = f"{AT}{BANG}{SLASH}\\"
_FIRST_REPLACEMENT = 0x10EF00  # private use: no text that people write has them
_REPLACEMENT_OF = {ord(character): chr(_FIRST_REPLACEMENT + place) for place, character in enumerate(_SPECIAL)}
_CHARACTER_OF = {ord(replacement): chr(character) for character, replacement in _REPLACEMENT_OF.items()}
_COMMAND = re.compile(rf"[{SLASH}]((?:[^\s{SLASH}*][^\s{SLASH}]*)?)(?:\s+(.*))?", re.DOTALL)
_SHELL = re.compile(r"!(.*)|！(?=[!-~])(.*)", re.DOTALL)
_DOUBLED = re.compile(r"//\S|／／\S")
_AT = re.compile(f"[{AT}]")
_ESCAPED_AT = re.compile(rf"\\(?=[{AT}])")
_OPENING = "([{<\"'「『（【〈《“‘"


def literal(text: str) -> str:
    """Return a text that is sent as it is, whatever it begins with or mentions: special characters are replaced."""
    text = plain(text)
    means = slash_command(text) or shell_command(text) is not None or _DOUBLED.match(text) or text.startswith("\\")
    marked = text[:1].translate(_REPLACEMENT_OF) + text[1:] if means else text
    pieces, done = [], 0
    for found in _AT.finditer(marked):
        if begins_word(text, found.start()):
            pieces += [marked[done : found.start()], found[0].translate(_REPLACEMENT_OF)]
            done = found.end()
    return "".join([*pieces, marked[done:]])


def plain(text: str) -> str:
    """Return a text with the replaced characters as they were; every place in it stays the same."""
    return text if text.isascii() else text.translate(_CHARACTER_OF)


def slash_command(line: str) -> tuple[str, str] | None:
    """Read a line as a slash command: the word as typed on an ordinary keyboard, and what follows it.

    None where it is none: `/* … */`, `/usr/bin/env …` and `//` are text.
    """
    found = _COMMAND.fullmatch(line.rstrip())
    return None if found is None else (unicodedata.normalize("NFKC", found[1]), plain(found[2] or ""))


def shell_command(line: str) -> str | None:
    """Return the command of a line that begins with `!`, None for any other line.

    A full-width mark counts only before ASCII: in Japanese, a sentence may begin with one.
    """
    found = _SHELL.fullmatch(line)
    return None if found is None else plain(found[1] if found[1] is not None else found[2]).strip()


def sent(line: str) -> str:
    r"""Return what a line that is not a command sends: `//x` is /x, `\!x` is !x, and `\@x` is @x."""
    if _DOUBLED.match(line) or (line.startswith("\\") and line[1:2] and line[1] in BANG):
        line = line[1:]
    pieces, done = [], 0
    for found in _ESCAPED_AT.finditer(line):
        if begins_word(line, found.start()):
            pieces.append(line[done : found.start()])
            done = found.end()
    return plain("".join([*pieces, line[done:]]))


def begins_word(text: str, place: int) -> bool:
    """Tell whether a word can begin at a place: not in `user@example.com`, but in scripts without blanks anywhere."""
    if not place:
        return True
    before = text[place - 1]
    if before == "\\":  # one backslash escapes another
        return begins_word(text, place - 1)
    return before.isspace() or before in _OPENING or wide(before)


def wide(character: str) -> bool:
    """Tell whether a character is of a script that puts no blanks between words, such as Japanese or Thai."""
    return unicodedata.category(character) == "Lo" or unicodedata.east_asian_width(character) in {"W", "F"}


_WORD = re.compile(r"(?:\\.|[^\s\\]|\\$)+")
_QUOTED = re.compile(r"""(["'])((?:\\.|(?!\1)[^\\\n])+)\1""")
_ESCAPE = re.compile(r"""\\(?=[\s"'\\@])""")
_CLOSING = r"""[\]\[.,;:!?)}>"'…。、」』）”’*_]"""
_AFTER = re.compile(rf"(?:'s\b|’s\b|{_CLOSING}+)")
_MOST_WORDS = 8
"""How many words a path with blanks may have that is not quoted."""


@dataclass(frozen=True, slots=True)
class Mention:
    """The files that `text[begins:ends]` names; `pattern` is True where they match a pattern."""

    begins: int
    ends: int
    files: tuple[Path, ...]
    pattern: bool = False


def mentions(line: str) -> list[Mention]:
    """Find what a line mentions, in its order.

    Raise BadUseError for a directory, and for what can only be meant as a path and does not exist.
    """
    text, found, done = plain(line), list[Mention](), 0
    for place in (place for place, character in enumerate(line) if character in AT):
        if place < done or not begins_word(text, place) or text[place - 1 : place] == "\\":
            continue
        if mention := _mention(text, place):
            found.append(mention)
            done = mention.ends
    return found


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
    """Raise BadUseError for what can only be meant as a path: `@./x`, `@a/b.c`, but neither `@me` nor `@types/node`."""
    cut = next((place for place, character in enumerate(written) if place and wide(character)), len(written))
    name = re.sub(f"{_CLOSING}+$", "", _unescaped(written[:cut]))
    first, slash, rest = name.partition("/")
    if not slash or not name.strip("./~"):
        return
    try:
        in_directory = bool(first) and path_of(first).is_dir()
    except (OSError, ValueError, BadUseError):
        in_directory = False
    last = rest.rpartition("/")[2]
    if first in {"", ".", "..", "~"} or in_directory or "." in last.strip(".") or is_pattern(name):
        what = "No file fits" if is_pattern(name) else "There is no file"
        raise BadUseError(f"{what} '{name}'.", hint=f"\\@{name} sends it as text.")


def _unescaped(written: str) -> str:
    # On Windows a backslash is what a slash is elsewhere.
    return written if os.sep == "\\" else _ESCAPE.sub("", written)


_LONGEST_PATHS = 20_000
_FILE_URL = "file://"
_DRAGGED = re.compile(r"""\s*(?:file://|["'][/~A-Z]|[/~][^\s]*\\ |[/~].*[ \t]$)""")
"""How a path looks that was dragged, not copied: as a URL, quoted, escaped, or with a blank after it."""


def dragged(text: str) -> tuple[Path, ...]:
    """Return the files whose paths a text consists of, none where anything else is in it."""
    text = text.strip()
    # Two slashes send one.
    if not text or text.startswith("//") or len(text) > _LONGEST_PATHS:
        return ()
    lines = [line for line in text.splitlines() if line.strip()]
    readings = [[text], lines, _words(text)]
    return next((paths for reading in readings if (paths := _files(reading))), ())


def as_mentions(pasted: str, before: str) -> str:
    """Write dragged files as mentions, to be put into a line after `before`; empty where none were dragged.

    Pictures can mean nothing else. The path of a text file may have been copied to be talked about, so it must look
    dragged.
    """
    paths = dragged(pasted)
    if not paths or not (all(map(is_picture, paths)) or _DRAGGED.match(pasted)):
        return ""
    gap = "" if begins_word(before, len(before)) else " "
    return gap + "".join(f"@{among_several(str(path))} " for path in paths)


def attached_by(line: str) -> tuple[Path, ...]:
    """Return the files that a line attaches because it is nothing but their paths, none for a prompt.

    Pictures by any path or mention; others by an absolute path, since any word may happen to be the name of a file.
    """
    text = plain(line).strip()
    if paths := dragged(text):
        return paths if all(map(is_picture, paths)) or all(map(Path.is_absolute, paths)) else ()
    if "@" not in line and "＠" not in line:
        return ()
    found = mentions(line)
    between = zip([0, *(each.ends for each in found)], [*(each.begins for each in found), len(line)], strict=True)
    pictures = tuple(path for mention in found for path in mention.files)
    if any(line[begins:ends].strip() for begins, ends in between) or not all(map(is_picture, pictures)):
        return ()
    return pictures


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text, posix=os.sep != "\\")
    except ValueError:
        return []


def _files(written: Sequence[str]) -> tuple[Path, ...]:
    paths = tuple(_path(each.strip()) for each in written)
    return tuple(path for path in paths if path) if paths and all(paths) else ()


def _path(written: str) -> Path | None:
    """Return the file at a path or a URL, None where there is none."""
    if written[:1] in {'"', "'"} and written[-1:] == written[:1]:
        written = written[1:-1]
    if written.startswith(_FILE_URL):
        name = unquote(urlsplit(written).path)
        written = name.lstrip("/") if os.sep == "\\" else name
    try:
        path = path_of(written)
        return path if written and path.is_file() else None
    except (OSError, ValueError, BadUseError):
        return None
