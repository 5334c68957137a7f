"""The list of choices with one marked, and how much room it and the preview have in a window."""

from collections.abc import Sequence
from typing import Generic, TypeVar

from prompt_toolkit.formatted_text import StyleAndTextTuples

from lmchat.dataclass import dataclass
from lmchat.render.text import cells, padded, sanitize_line, shorten

_BESIDE_COLUMNS, _BELOW_ROWS = 72, 18
_LIST_SHARE, _WIDEST_LIST = 0.42, 60
_OTHER_ROWS = 2
"""The line that is typed in, and the hints."""
_NAME_SHARE = 0.6
_GAP = "  "


@dataclass(frozen=True, slots=True)
class Room:
    """The cells of list and preview; without room for a preview, that has no rows."""

    columns: int
    rows: int
    preview_columns: int = 0
    preview_rows: int = 0

    @property
    def beside(self) -> bool:
        """Tell whether the preview is beside the list, and not below it."""
        return self.preview_rows == self.rows


def room_in(columns: int, rows: int) -> Room:
    """Divide a window: the preview is beside the list, below it where that is narrow, or left out where it is low."""
    rows = max(rows - _OTHER_ROWS, 1)
    if columns >= _BESIDE_COLUMNS:
        width = min(int(columns * _LIST_SHARE), _WIDEST_LIST)
        return Room(width, rows, columns - width - len(" │ "), rows)
    if rows >= _BELOW_ROWS - _OTHER_ROWS:
        listed = rows // 3
        return Room(columns, listed, columns, rows - listed - 1)
    return Room(columns, rows)


def entry_row(name: str, words: str, age: str, width: int, *, marked: bool) -> StyleAndTextTuples:
    """Write one row of a list within `width` cells: a name, words as far as there is room, and an age at the end."""
    look = "class:prompt" if marked else ""
    room = width - 2 - (cells(age) + len(_GAP) if age else 0)
    name, words = sanitize_line(name), sanitize_line(words)
    shown = shorten(name, max(int(room * _NAME_SHARE), room - cells(words) - len(_GAP)) if words else room)
    left = room - cells(shown) - len(_GAP)
    beside = shorten(words, left) if left > len(_GAP) else ""
    end = room - cells(shown) - (cells(beside) + len(_GAP) if beside else 0)
    row: StyleAndTextTuples = [(look, f"{'>' if marked else ' '} {shown}")]
    if beside:
        row.append(("class:status", f"{_GAP}{beside}"))
    return [*row, ("class:status", f"{' ' * max(end, 0)}{_GAP}{age}" if age else ""), ("", "\n")]


def hint_line(hints: list[tuple[str, str]], width: int) -> StyleAndTextTuples:
    """Write as many hints (a key, and what it does) as fit, the first ones first and the last one in any case."""
    shown, gap = list(hints), " · "
    while len(shown) > 1 and cells(gap.join(f"{key} {does}" for key, does in shown)) > width:
        del shown[-2]
    return [("class:status", padded(shorten(gap.join(f"{key} {does}" for key, does in shown), width), width))]


Entry = TypeVar("Entry")


class Marked(Generic[Entry]):
    """Entries, one of them marked."""

    def __init__(self, entries: Sequence[Entry] = ()) -> None:
        self.entries = entries
        self.place = 0

    def offer(self, entries: Sequence[Entry], place: int = 0) -> None:
        """Offer other entries, with the one at `place` marked, or the last where there are fewer."""
        self.entries = entries
        self.place = min(max(place, 0), max(len(entries) - 1, 0))

    def move(self, by: int) -> None:
        """Mark another."""
        self.offer(self.entries, self.place + by)

    @property
    def entry(self) -> Entry | None:
        """Return the marked entry, None where there is nothing to choose from."""
        return self.entries[self.place] if self.entries else None

    def visible(self, rows: int) -> list[tuple[bool, int, Entry]]:
        """Return the entries around the marked one: whether each is it, its place and itself."""
        first = min(max(self.place - rows // 2, 0), max(len(self.entries) - rows, 0))
        shown = self.entries[first : first + rows]
        return [(place == self.place, place, entry) for place, entry in enumerate(shown, start=first)]
