"""What a line means: characters that begin a command, a mention or a shell command, and the same as mere text.

Pasted text, and a prompt that is put into the line again, is text whatever it begins with. Its special characters are
kept as private signs, which look like the characters and mean nothing.
"""

import re
import unicodedata

AT, BANG, SLASH = "@＠", "!！", "/／"
"""Each also as people with an input method type it: full-width."""

_SPECIAL = f"{AT}{BANG}{SLASH}\\"
_FIRST_SIGN = 0x10EF00  # private use: no text that people write has them
_SIGN_OF = {ord(character): chr(_FIRST_SIGN + place) for place, character in enumerate(_SPECIAL)}
_CHARACTER_OF = {ord(sign): chr(character) for character, sign in _SIGN_OF.items()}
_COMMAND = re.compile(rf"[{SLASH}]((?:[^\s{SLASH}*][^\s{SLASH}]*)?)(?:\s+(.*))?", re.DOTALL)
_SHELL = re.compile(r"!(.*)|！(?=[!-~])(.*)", re.DOTALL)
_DOUBLED = re.compile(r"//\S|／／\S")
_AT = re.compile(f"[{AT}]")
_ESCAPED_AT = re.compile(rf"\\(?=[{AT}])")
_OPENING = "([{<\"'「『（【〈《“‘"


def literal(text: str) -> str:
    """Return a text that is sent as it is, whatever it begins with or mentions; only what would matter is marked."""
    text = plain(text)
    means = slash_command(text) or shell_command(text) is not None or _DOUBLED.match(text) or text.startswith("\\")
    marked = text[:1].translate(_SIGN_OF) + text[1:] if means else text
    pieces, done = [], 0
    for found in _AT.finditer(marked):
        if begins_word(text, found.start()):
            pieces += [marked[done : found.start()], found[0].translate(_SIGN_OF)]
            done = found.end()
    return "".join([*pieces, marked[done:]])


def plain(text: str) -> str:
    """Return a text with its signs as the characters they look like; every place in it stays the same."""
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
    r"""Return what a line that is no command sends: `//x` is /x, `\!x` is !x, and `\@x` is @x."""
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
