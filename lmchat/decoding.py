"""Text from bytes in any encoding.

A byte-order mark decides and is removed; ISO-2022 is recognized by its escapes, then UTF-8 is tried, then UTF-16 and
UTF-32 by their zero bytes; charset-normalizer detects the rest. Nothing is lost or changed without a note.
"""

import codecs
import re
from collections.abc import Callable

from lmchat.advice import Action, Do
from lmchat.chat.values import join_surrogates
from lmchat.dataclass import dataclass
from lmchat.errors import BadUseError

# UTF-32 before UTF-16, whose mark is the beginning of the other's.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SHIFTS = (
    (b"\x1b$)C", "iso2022_kr"),
    (b"\x1b$B", "iso2022_jp_2"),
    (b"\x1b$@", "iso2022_jp_2"),
    (b"\x1b(J", "iso2022_jp_2"),
)
_CANDIDATES = ["cp932", "euc_jp", "gb18030", "big5", "cp949", "cp1252", "cp1251", "koi8_r"]
"""What the detector may return: the encodings of texts of the last decades, without rare ones that resemble them."""

_DETECTED_BYTES = 1 << 20
_NAMES = {
    "cp932": "Shift_JIS",
    "euc_jp": "EUC-JP",
    "iso2022_jp_2": "ISO-2022-JP",
    "iso2022_kr": "ISO-2022-KR",
    "gb18030": "GB18030",
    "big5": "Big5",
    "cp949": "EUC-KR",
    "cp1252": "Latin-1",
    "cp1251": "Windows-1251",
    "koi8_r": "KOI8-R",
    "utf-8": "UTF-8",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "utf-32-le": "UTF-32",
    "utf-32-be": "UTF-32",
}
_CONTROLS = re.compile("[\x00-\x06\x0e-\x1a\x1c-\x1f\x7f]")
_USUAL = re.compile(
    "[\t-\r -~\u00a0-\u017f\u0370-\u04ff\u2010-\u2027\u3000-\u30ff\u4e00-\u9fff"
    "\uac00-\ud7a3\uff00-\uffef\U0001f300-\U0001faff\U00020000-\U0003ffff]"
)
_LEAST_USUAL = 0.7
_MOST_CONTROLS = 0.05
"""The share of control characters above which bytes are not text, even if they can be decoded."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A text that was read from bytes; `note` is for the person, empty for plain UTF-8."""

    text: str
    note: str = ""


def decode(data: bytes, name: str, encoding: str | None = None) -> Decoded:
    """Read the bytes of `name` (the name of a file, or another name for them) as text.

    `encoding` is the one that the person named, None to detect it. Raise BadUseError for an encoding that Python does
    not know, for bytes that cannot be text, and for bytes that are not in the named encoding.
    """
    if encoding is not None:
        return _named(data, name, encoding)
    for mark, marked in _MARKS:
        if data.startswith(mark):
            return _lenient(data[len(mark) :], name, marked)
    for shift, shifted in _SHIFTS:
        if shift in data and (text := _strict(data, shifted)) is not None:
            return _read_as(text, name, shifted)
    text = _strict(data, "utf-8")
    if text is not None and "\0" not in text:
        return _read_as(_require_text(text, name), name, "utf-8")
    if wide := _without_mark(data):
        return _read_as(wide[1], name, wide[0])
    if b"\0" in data:
        raise _not_text(name)
    if _is_damaged_utf8(data):
        return _lenient(data, name, "utf-8")
    return _detected(data, name)


def _not_text(name: str) -> BadUseError:
    """Return the error for bytes that cannot be text."""
    return BadUseError(
        f"{name} is not text.",
        hint=("A picture is sent with ", Do(Action.ATTACH_PICTURE), "; --encoding NAME reads it as text."),
    )


def _named(data: bytes, name: str, encoding: str) -> Decoded:
    try:
        found = codecs.lookup(encoding)
        text = data.decode(found.name, errors="strict")
    except (LookupError, ValueError) as error:
        if not isinstance(error, UnicodeDecodeError):
            raise BadUseError(
                f"There is no encoding '{encoding}'.",
                hint="Name one like utf-8, shift_jis, euc-jp, gb18030 or latin-1.",
            ) from None
        raise BadUseError(
            f"{name} is not in {encoding}: byte {error.start + 1:,} cannot be read.",
            hint="Name another encoding, or leave --encoding out.",
        ) from None
    if not isinstance(text, str):  # rot13 and its like turn text into text, bytes into bytes
        raise BadUseError(f"'{encoding}' is not an encoding of text.")
    return Decoded(join_surrogates(text.removeprefix("\ufeff")))


def _strict(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def _lenient(data: bytes, name: str, encoding: str) -> Decoded:
    """Read text that must be in an encoding; damage becomes the replacement character, which the note says."""
    text = data.decode(encoding, errors="replace")
    damaged = text.count("\ufffd") - len(re.findall("\ufffd".encode(encoding), data))
    if damaged <= 0:
        return _read_as(_require_text(text, name), name, encoding)
    what = "character" if damaged == 1 else "characters"
    note = f"{name}: {damaged:,} {what} could not be read as {_NAMES[encoding]} and became \ufffd."
    return Decoded(_require_text(text, name), note)


def _read_as(text: str, name: str, encoding: str) -> Decoded:
    if encoding == "utf-8":
        return Decoded(text)
    return Decoded(text, f"{name} was read as {_NAMES[encoding]}; --encoding NAME reads it as another.")


def _require_text(text: str, name: str) -> str:
    """Raise BadUseError for text with many control characters."""
    if "\0" in text or len(_CONTROLS.findall(text)) > max(_MOST_CONTROLS * len(text), 8):
        raise _not_text(name)
    return text


def _without_mark(data: bytes) -> tuple[str, str] | None:
    """Return the encoding and the text of UTF-16 or UTF-32 without a mark; its line ends and ASCII have zero bytes."""
    if b"\0" not in data:
        return None
    readings = [
        (encoding, text)
        for encoding, width in (("utf-32-le", 4), ("utf-32-be", 4), ("utf-16-le", 2), ("utf-16-be", 2))
        if len(data) % width == 0 and (text := _strict(data, encoding)) and not _CONTROLS.search(text)
    ]
    if not readings:
        return None
    best = max(readings, key=lambda each: _usual(each[1]))
    return best if _usual(best[1]) >= _LEAST_USUAL else None


def _usual(text: str) -> float:
    """Return the share of a text in the blocks of most texts: Latin, Greek, Cyrillic, CJK, kana and hangul.

    In the wrong byte order, most characters of a text are in other blocks: unassigned, private or historic.
    """
    sample = text[:4096]
    return len(_USUAL.findall(sample)) / len(sample)


def _is_damaged_utf8(data: bytes) -> bool:
    """Tell whether bytes are damaged UTF-8 and not another encoding.

    They are if valid UTF-8 characters outnumber the damage, or if the damage is bytes that no text in a one-byte
    encoding has.
    """
    text = data.decode("utf-8", errors="replace")
    damaged = text.count("\ufffd")
    whole = sum(1 for character in text if character > "\x7f") - damaged
    if whole:
        return whole >= 2 * damaged
    high = {byte for byte in data if byte > 0x7F}
    return high <= {0x80, 0x81, 0x8D, 0x8F, 0x90, 0x9D, 0xC0, 0xC1, 0xF5, 0xF8, 0xFE, 0xFF} and damaged <= 8


def _detected(data: bytes, name: str) -> Decoded:
    from charset_normalizer import from_bytes

    matches = list(from_bytes(data[:_DETECTED_BYTES], cp_isolation=_CANDIDATES))
    if not matches:
        raise _not_text(name)
    readings = [(match, text) for match in matches if (text := _strict(data, match.encoding)) is not None]
    if not readings:  # a long text that is damaged far from its beginning
        return _lenient(data, name, matches[0].encoding)
    # A short text shows no language: the encoding that makes the most ordinary text is used, of several the first.
    best, text = max(
        readings, key=lambda each: _ordinary(each[0].encoding, each[1]) - each[0].chaos + each[0].coherence
    )
    return _read_as(_require_text(text, name), name, best.encoding)


def _ordinary(encoding: str, text: str) -> float:
    """Return the share of the characters beyond ASCII that are in everyday use where the encoding is."""
    sample = text[:4096]
    beyond = [character for character in sample if character > "\x7f"]
    if encoding in _EVERYDAY:
        rows = _EVERYDAY[encoding]
        return sum(rows(character.encode(encoding)) for character in beyond) / len(beyond)
    words = [word for word in re.findall(r"[^\W\d_]+", sample) if not word.isascii()]
    in_words = sum(len(word) for word in words)
    fitting = sum(len(word) for word in words if _fits(word))
    return fitting / in_words if in_words else 0.5


def _fits(word: str) -> bool:
    """Tell whether a word is in one script, with capitals only where words have them."""
    letters = [character for character in word if character.isalpha()]
    cyrillic = sum("\u0400" <= letter <= "\u04ff" for letter in letters)
    cased = word in {word.lower(), word.upper(), word.title()}
    return cased and cyrillic in {0, len(letters)}


# Rows of punctuation, kana or hangul and of the most common characters, by the first byte of two.
_EVERYDAY: dict[str, Callable[[bytes], float]] = {
    "cp932": lambda raw: 0.4 if len(raw) == 1 else float(raw[0] <= 0x97),
    "euc_jp": lambda raw: float(0xA1 <= raw[0] <= 0xCF),
    "gb18030": lambda raw: float(len(raw) == 2 and 0xA1 <= raw[0] <= 0xD7 and raw[1] >= 0xA1),
    "big5": lambda raw: float(0xA1 <= raw[0] <= 0xC5),
    "cp949": lambda raw: float(0xA1 <= raw[0] <= 0xC8 and raw[1] >= 0xA1),
}
