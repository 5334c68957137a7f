"""What a run of `*`, `_` or `~~` can do beside Chinese, Japanese and Korean, which are written without blanks.

The rule is that of the CJK-friendly amendments to CommonMark (github.com/tats-u/markdown-cjk-friendly): punctuation of
these scripts counts as a letter, and other punctuation beside a character of theirs does not close a run's side.
"""

import re

from markdown_it.common.utils import isMdAsciiPunct, isPunctChar, isWhiteSpace
from markdown_it.rules_inline.state_inline import Scanned, StateInline

# East Asian width W, F or H, but for emoji, and all of Hangul.
_CJK = re.compile(
    "[\u1100-\u11ff\u20a9\u2329\u232a\u2e80-\u33ff\u3400-\u4dbf\u4e00-\ua4cf\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff"
    "\ufe10-\ufe19\ufe30-\ufe6f\uff01-\uffee\U00016fe0-\U0001b2ff\U0001f200\U0001f202-\U0001f219\U0001f21b-\U0001f22e"
    "\U0001f230-\U0001f231\U0001f237\U0001f23b-\U0001f24f\U0001f260-\U0001f265\U00020000-\U0003fffd]"
)
_SELECTORS = "\ufe00\ufe01\ufe02\ufe0e\ufe0f"


def has_cjk(text: str) -> bool:
    """Tell whether a character of these scripts is in the text."""
    return not text.isascii() and bool(_CJK.search(text))


def sides(before: str, after: str, *, cjk: bool) -> tuple[bool, bool]:
    """Tell whether a run between two characters is left-flanking and whether it is right-flanking."""
    blank_before, blank_after = isWhiteSpace(ord(before)), isWhiteSpace(ord(after))
    mark_before, mark_after = _is_punctuation(before), _is_punctuation(after)
    cjk_before, cjk_after = (bool(_CJK.match(before)), bool(_CJK.match(after))) if cjk else (False, False)
    other_before, other_after = mark_before and not cjk_before, mark_after and not cjk_after
    left = not blank_after and (not other_after or blank_before or other_before or cjk_before)
    right = not blank_before and (not other_before or blank_after or other_after or cjk_after)
    return left, right


class CjkState(StateInline):
    """markdown-it's state of an inline text, where characters of these scripts decide what a run can do."""

    def scanDelims(self, start: int, canSplitWord: bool) -> Scanned:  # noqa: N802, N803 - markdown-it's names
        """Return what the run at `start` can do, and its length."""
        marker, end = self.src[start], start
        while end < self.posMax and self.src[end] == marker:
            end += 1
        before = self._before(start)
        after = self.src[end] if end < self.posMax else " "
        left, right = sides(before, after, cjk=True)
        opens = left and (canSplitWord or not right or _is_punctuation(before))
        closes = right and (canSplitWord or not left or _is_punctuation(after))
        return Scanned(opens, closes, end - start)

    def _before(self, start: int) -> str:
        """Return the character before a run, without the selector that varies it."""
        at = start - 1
        if at > 0 and self.src[at] in _SELECTORS:
            at -= 1
        return self.src[at] if at >= 0 else " "


def _is_punctuation(character: str) -> bool:
    return isMdAsciiPunct(ord(character)) or isPunctChar(character)
