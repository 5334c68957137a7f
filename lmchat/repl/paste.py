"""Pasted text, folded to one sign on the line where it is long.

So a pasted megabyte costs no more to draw and to edit than a word, and cannot be torn apart by accident.
"""

from collections.abc import Callable

from prompt_toolkit.layout.processors import Processor, Transformation, TransformationInput

from lmchat.render.sanitize import sanitize_line, shown_in_line
from lmchat.repl.literal import plain

LONGEST_UNFOLDED = 10_000
_FIRST_SIGN = 0x10F000  # private use: no text that people write has them
_MOST_SIGNS = 4096
_SHOWN_ENDS = 30


class Folds:
    """The texts that signs in the line represent."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._signs: dict[str, str] = {}

    def fold(self, text: str) -> str:
        """Return a sign for a long text, a short text as it is."""
        if len(text) <= LONGEST_UNFOLDED or len(self._texts) >= _MOST_SIGNS:
            return text
        text = self.whole(text)
        if text not in self._signs:
            sign = chr(_FIRST_SIGN + len(self._texts))
            self._signs[text], self._texts[sign] = sign, text
        return self._signs[text]

    def whole(self, text: str) -> str:
        """Return a text with its signs replaced by what they represent."""
        if text.isascii():
            return text
        for sign in self._texts.keys() & set(text):
            text = text.replace(sign, self._texts[sign])
        return text

    def shown(self, character: str) -> str:
        """Return what is shown for a character: a summary for a sign."""
        text = self._texts.get(character)
        if text is None:
            return shown_in_line(plain(character))
        text = plain(text)
        lines = f"{text.count(chr(10)) + 1:,} lines, " if "\n" in text else ""
        begins, ends = sanitize_line(text[:_SHOWN_ENDS]), sanitize_line(text[-_SHOWN_ENDS:])
        return f"[{begins} … {ends}: {lines}{len(text):,} characters]"


class Unfolding(Processor):
    """A processor that shows summaries in place of the signs, and tabs as blanks."""

    def __init__(self, shown: Callable[[str], str], tab: int = 4) -> None:
        self._shown = shown
        self._tab = tab

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        """Widen the signs and tabs of one line."""
        fragments = transformation_input.fragments
        text = "".join(fragment[1] for fragment in fragments)
        if text.isascii() and "\t" not in text:
            return Transformation(fragments)
        starts, written, place = [], [], 0
        for style, piece, *_ in fragments:
            for character in piece:
                shown = self._widened(character, place)
                starts.append(place)
                written.append((style, shown))
                place += len(shown)
        if "".join(shown for _, shown in written) == text:
            return Transformation(fragments)
        starts.append(place)
        return Transformation(
            [(style, shown) for style, shown in written],
            source_to_display=lambda at: starts[min(at, len(starts) - 1)] + max(at - len(starts) + 1, 0),
            display_to_source=lambda at: max(sum(1 for start in starts if start <= at) - 1, 0),
        )

    def _widened(self, character: str, place: int) -> str:
        return " " * (self._tab - place % self._tab) if character == "\t" else self._shown(character)
