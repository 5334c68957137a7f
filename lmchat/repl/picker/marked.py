"""A list with one entry marked, of which as much is shown as the window has rows for."""

from collections.abc import Sequence
from typing import Generic, TypeVar

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
