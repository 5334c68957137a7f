"""Half-written inline text, mended for a look at it while it arrives: open marks are closed, half marks hidden.

What is settled never comes from here.
"""

import re

_HALF_LINK = re.compile(r"!?\[([^\[\]\n]*)(?:\]\([^()\s]*)?$")
_HALF_MARK = re.compile(r"(?:\\|&#?[a-z0-9]{0,8}|<https?:[^<>\s]*)$")
_MOST_OPEN = 8
_LONGEST_MARK = 3
_MARKS = re.compile(r"\\.|(`+)|(\*+|_+|~~)")


def mended(text: str) -> str:
    """Return the text with its open marks closed and without the half mark at its end."""
    text = _HALF_MARK.sub("", _HALF_LINK.sub(r"\1", text))
    open_marks: list[str] = []
    position = 0
    while found := _MARKS.search(text, position):
        position = found.end()
        if found[1]:
            closing = re.compile(rf"(?<!`){found[1]}(?!`)").search(text, position)
            if closing is None:
                return text + found[1] if text[position:].strip() else text[: found.start()].rstrip()
            position = closing.end()
        elif found[2]:
            _take_mark(found[2], text[found.start() - 1 : found.start()], text[position : position + 1], open_marks)
    if len(open_marks) > _MOST_OPEN:
        return text
    stripped = text.rstrip("*_~")
    if open_marks and stripped != text and text[len(stripped) :].endswith(open_marks[-1]):
        text = text[: len(text) - len(open_marks.pop())]
    return text.rstrip(" ") + "".join(reversed(open_marks))


def _take_mark(mark: str, before: str, after: str, open_marks: list[str]) -> None:
    """Let a run of marks close what is open, or open something itself."""
    if mark[0] == "_" and before.isalnum() and after.isalnum():
        return
    while mark and before.strip() and open_marks and mark.startswith(open_marks[-1]):
        mark = mark[len(open_marks.pop()) :]
    if len(mark) <= _LONGEST_MARK and not after.isspace():
        open_marks += filter(None, (mark[:2], mark[2:]))
