"""The door: every text that a server or a file supplied passes here on its way to a terminal.

Control characters cannot leave this module, so nothing a model writes can move the cursor, set a title or
touch the clipboard. Ordinary Unicode, joined emoji and combining marks pass untouched.
"""

import re

from lmchat.chat.values import ends_torn, join_surrogates

_ESCAPE_SHOWN = "␛"
_LINE_ENDS = "\u2028\u2029"
_EMBEDDINGS_AND_OVERRIDES = range(0x202A, 0x202F)
_ISOLATES = range(0x2066, 0x206A)

UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_TURNS_OR_BREAKS = re.compile("[\u2028-\u202e\u2066-\u2069]")
_BLANKS = re.compile(r"[\t\n]+")


def _replacements() -> dict[int, str | None]:
    table: dict[int, str | None] = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)])
    del table[ord("\t")], table[ord("\n")]
    # What followed an escape stays readable and harmless; a mark says why it is there.
    table[0x1B] = _ESCAPE_SHOWN
    table.update(dict.fromkeys(map(ord, _LINE_ENDS), "\n"))
    table.update({code: f"⟪U+{code:04X}⟫" for code in (*_EMBEDDINGS_AND_OVERRIDES, *_ISOLATES)})
    return table


_REPLACEMENTS = _replacements()


def sanitize(text: str) -> str:
    """Return text that may go to a terminal; its only control characters are tabs and newlines.

    CR and CRLF become newlines, an escape becomes a visible sign, bidirectional overrides become their names,
    lone surrogates U+FFFD; other control characters vanish.
    """
    if not UNSAFE.search(text):
        return text
    return join_surrogates(text).replace("\r\n", "\n").replace("\r", "\n").translate(_REPLACEMENTS)


def sanitize_line(text: str) -> str:
    """Return the text for a place of one line (names, titles, errors): as `safe`, line ends and tabs as blanks."""
    return _BLANKS.sub(" ", sanitize(text)).strip()


def shown_in_line(character: str) -> str:
    """Return what is shown for a character that is typed: its name where a terminal would turn or break the line."""
    return f"⟪U+{ord(character):04X}⟫" if _TURNS_OR_BREAKS.match(character) else character


class Sanitizer:
    """A stream of chunks made safe: the result is that of `sanitize` on the whole, however the text was cut."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, chunk: str) -> str:
        """Return what can be passed on now; a CR or half a character at the end waits for the next chunk."""
        text = self._held + chunk
        self._held = text[-1] if text.endswith("\r") or ends_torn(text) else ""
        return sanitize(text[: len(text) - len(self._held)])

    def flush(self) -> str:
        """Return what was held back, at the end of the text."""
        text, self._held = self._held, ""
        return sanitize(text)
