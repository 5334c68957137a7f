"""Escape sequences from the terminal: keys go on to the library's parser, what is no key is swallowed.

Terminals send more than keys: answers to questions of a program before this one, changes of focus, mouse clicks. Typed
into the line they would be garbage.
"""

import re

from prompt_toolkit.input.ansi_escape_sequences import ANSI_SEQUENCES

_WHOLE = re.compile(
    "\x1b(?:"
    r"\[M[\s\S]{3}"  # a click, as old terminals tell it
    r"|\[\[[A-E]"  # F1 to F5 of Linux's console
    r"|\[[0-?]*[ -/]*[@-LN-Z\\-~]|\[[0-?]+[ -/]*M"
    r"|O[0-9;]*[@-~]"
    "|\\][0-9][^\x07\x1b]*(?:\x07|\x1b\\\\)"
    "|P[0-9>!|+$=][^\x1b]*\x1b\\\\"
    "|_G[^\x1b]*\x1b\\\\"
    ")"
)
_BEGUN = re.compile(
    r"\x1b(?:\[(?:\[|M[\s\S]{0,2}|[0-?]*[ -/]*)|O[0-9;]*|\](?:[0-9][^\x07\x1b]*\x1b?)?"
    r"|P(?:[0-9>!|+$=][^\x1b]*\x1b?)?|_(?:G[^\x1b]*\x1b?)?)?\Z"
)
_BROKEN = re.compile(r"\x1b\[[0-?]+[ -/]*")
PASTE = "\x1b[200~"
_LONGEST_KEY = 2
"""Characters of what a person may have typed as Alt and a key; what is longer began as a sequence."""

_REPORTED = re.compile(
    r"\x1b\[(?:27;(?P<mods1>\d+);(?P<code1>\d+)~|(?P<code2>\d+)(?::\d*)*(?:;(?P<mods2>[\d:]*))?[\d;:]*u)"
)
_SHIFT, _ALT, _CONTROL, _LOCKS = 1, 2, 4, 64 | 128
_ENTER, _TAB, _ESCAPE, _BACKSPACE = 13, 9, 27, 127
_FUNCTIONAL = range(57344, 63744)
_RELEASED = ":3"


class Sequences:
    """What came of escape sequences: a part of one waits for its rest."""

    def __init__(self) -> None:
        self._begun = ""

    def keys_in(self, data: str) -> tuple[str, str]:
        """Return the characters that are keys, up to where a paste begins, and what follows there."""
        data, self._begun = self._begun + data, ""
        pieces, place = list[str](), 0
        while (begins := data.find("\x1b", place)) >= 0:
            pieces.append(data[place:begins])
            if data.startswith(PASTE, begins):
                return "".join([*pieces, PASTE]), data[begins + len(PASTE) :]
            if found := _WHOLE.match(data, begins):
                pieces.append(_as_key(found[0]))
                place = found.end()
            elif _BEGUN.match(data, begins):
                self._begun, place = data[begins:], len(data)
            elif broken := _BROKEN.match(data, begins):
                place = broken.end()
            else:
                pieces.append("\x1b")
                place = begins + 1
        return "".join([*pieces, data[place:]]), ""

    def rest(self) -> str:
        """Return what has waited in vain: Escape, or Alt and a key; the beginning of anything else is dropped."""
        begun, self._begun = self._begun, ""
        return begun if len(begun) <= _LONGEST_KEY else ""


def _as_key(sequence: str) -> str:
    """Return a sequence that the library knows, as it knows it; empty for what is no key."""
    if sequence in ANSI_SEQUENCES:
        return sequence
    reported = _REPORTED.fullmatch(sequence)
    if reported is None:
        return ""
    modifiers = reported["mods1"] or reported["mods2"] or "1"
    if modifiers.endswith(_RELEASED):
        return ""
    held = (int(modifiers.partition(":")[0] or 1) - 1) & ~_LOCKS
    return _written(int(reported["code1"] or reported["code2"]), held)


def _written(code: int, held: int) -> str:
    """Write a key that a terminal reports by its number as terminals without such reports do."""
    if held & ~(_SHIFT | _ALT | _CONTROL) or code in _FUNCTIONAL or code > 0x10FFFF:
        return ""
    prefix = "\x1b" if held & _ALT else ""
    if code in {_ENTER, _TAB, _ESCAPE, _BACKSPACE}:
        plain = {_ENTER: "\r", _TAB: "\t", _ESCAPE: "\x1b", _BACKSPACE: "\x7f"}[code]
        special = {(_TAB, _SHIFT): "\x1b[Z", (_ENTER, _SHIFT): "\n", (_ENTER, _ALT): "\n", (_BACKSPACE, _SHIFT): "\x7f"}
        return special.get((code, held), "" if held & ~_ALT else prefix + plain)
    character = chr(code)
    if not character.isprintable():
        return ""
    if held & _CONTROL:
        return prefix + chr(ord(character.upper()) & 0x1F) if "@" <= character.upper() <= "_" else ""
    return prefix + (character.upper() if held & _SHIFT else character)
