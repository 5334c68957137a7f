"""Keys as a POSIX terminal sends them.

Terminals send more than keys: answers to questions of a program before this one, changes of focus, mouse clicks. Typed
into the line they would be garbage, so what is not a key is dropped. A paste is read as fast as it comes (the library's
own way is quadratic).
"""

import re
from typing import TextIO

from prompt_toolkit.input.ansi_escape_sequences import ANSI_SEQUENCES
from prompt_toolkit.input.vt100 import Vt100Input
from prompt_toolkit.input.vt100_parser import Vt100Parser
from prompt_toolkit.key_binding.key_processor import KeyPress
from prompt_toolkit.keys import Keys

_WHOLE = re.compile(
    "\x1b(?:"
    r"\[M[\s\S]{3}"  # a click, as old terminals report it
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
    """The part of an escape sequence that waits for its rest."""

    def __init__(self) -> None:
        self._incomplete = ""

    def keys_in(self, data: str) -> tuple[str, str]:
        """Return the characters that are keys, up to where a paste begins, and what follows there."""
        data, self._incomplete = self._incomplete + data, ""
        pieces, place = list[str](), 0
        while (begins := data.find("\x1b", place)) >= 0:
            pieces.append(data[place:begins])
            if data.startswith(PASTE, begins):
                return "".join([*pieces, PASTE]), data[begins + len(PASTE) :]
            if found := _WHOLE.match(data, begins):
                pieces.append(_as_key(found[0]))
                place = found.end()
            elif _BEGUN.match(data, begins):
                self._incomplete, place = data[begins:], len(data)
            elif broken := _BROKEN.match(data, begins):
                place = broken.end()
            else:
                pieces.append("\x1b")
                place = begins + 1
        return "".join([*pieces, data[place:]]), ""

    def rest(self) -> str:
        """Return what nothing followed: Escape, or Alt and a key; the beginning of anything else is dropped."""
        incomplete, self._incomplete = self._incomplete, ""
        return incomplete if len(incomplete) <= _LONGEST_KEY else ""


def _as_key(sequence: str) -> str:
    """Return a sequence that the library knows, as it knows it; empty for what is not a key."""
    if sequence in ANSI_SEQUENCES:
        return sequence
    reported = _REPORTED.fullmatch(sequence)
    if reported is None:
        return ""
    pressed = reported["mods1"] or reported["mods2"] or "1"
    if pressed.endswith(_RELEASED):
        return ""
    modifiers = (int(pressed.partition(":")[0] or 1) - 1) & ~_LOCKS
    return _written(int(reported["code1"] or reported["code2"]), modifiers)


def _written(code: int, modifiers: int) -> str:
    """Write a key that a terminal reports by its number as terminals without such reports do."""
    if modifiers & ~(_SHIFT | _ALT | _CONTROL) or code in _FUNCTIONAL or code > 0x10FFFF:
        return ""
    prefix = "\x1b" if modifiers & _ALT else ""
    if code in {_ENTER, _TAB, _ESCAPE, _BACKSPACE}:
        plain = {_ENTER: "\r", _TAB: "\t", _ESCAPE: "\x1b", _BACKSPACE: "\x7f"}[code]
        special = {(_TAB, _SHIFT): "\x1b[Z", (_ENTER, _SHIFT): "\n", (_ENTER, _ALT): "\n", (_BACKSPACE, _SHIFT): "\x7f"}
        return special.get((code, modifiers), "" if modifiers & ~_ALT else prefix + plain)
    character = chr(code)
    if not character.isprintable():
        return ""
    if modifiers & _CONTROL:
        return prefix + chr(ord(character.upper()) & 0x1F) if "@" <= character.upper() <= "_" else ""
    return prefix + (character.upper() if modifiers & _SHIFT else character)


_END = "\x1b[201~"
_AT_ONCE = 65536


class PastingInput(Vt100Input):
    """An input that reads keys in large pieces."""

    def __init__(self, stdin: TextIO) -> None:
        super().__init__(stdin)
        self.vt100_parser = self._parser = PastingParser(self._buffer_key)

    @property
    def focused(self) -> bool | None:
        """Tell whether the window has the focus, None where the terminal has not said so."""
        return self._parser.focused

    def keys_of(self, data: bytes) -> list[KeyPress]:
        """Return the keys of what was read elsewhere."""
        self.vt100_parser.feed(data.decode(errors="surrogateescape"))
        return self.flush_keys()

    def read_keys(self) -> list[KeyPress]:
        """Return the keys that came."""
        self.vt100_parser.feed(self.stdin_reader.read(_AT_ONCE))
        keys, self._buffer = self._buffer, []
        return keys

    def _buffer_key(self, key: KeyPress) -> None:
        self._buffer.append(key)


class PastingParser(Vt100Parser):
    """A parser that collects what is pasted piece by piece, and looks for its end in the newest piece only."""

    def reset(self, request: bool = False) -> None:
        """Start again."""
        super().reset(request)
        self._pieces: list[str] = []
        self._last = ""
        self._sequences = Sequences()
        self.focused: bool | None = getattr(self, "focused", None)

    def flush(self) -> None:
        """Take what came as it is: nothing follows."""
        super().feed(self._sequences.rest())
        super().flush()

    def feed(self, data: str) -> None:
        """Take in the next characters."""
        self.focused = focus_in(data, self.focused)
        if not self._in_bracketed_paste:
            keys, pasted = self._sequences.keys_in(data)
            super().feed(keys)
            if pasted:
                self.feed(pasted)
            return
        newest = self._last + data
        end = newest.find(_END)
        if end < 0:
            # The end mark may be cut in two.
            keep = len(_END) - 1
            self._pieces.append(newest[:-keep])
            self._last = newest[-keep:]
            return
        pasted = "".join([*self._pieces, newest[:end]])
        self._in_bracketed_paste, self._pieces, self._last = False, [], ""
        self.feed_key_callback(KeyPress(Keys.BracketedPaste, pasted))
        self.feed(newest[end + len(_END) :])


_FOCUS = {"\x1b[I": True, "\x1b[O": False}
"""What is sent when the window gets and when it loses the focus."""


def focus_in(data: str, before: bool | None) -> bool | None:
    """Return whether the window has the focus after what came from the terminal; None where it never said so."""
    place, latest = max((data.rfind(sequence), sequence) for sequence in _FOCUS)
    return before if place < 0 else _FOCUS[latest]
