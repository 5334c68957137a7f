"""What fits what was typed, the best first: for completion and for choices."""

from collections.abc import Iterable

Offer = tuple[str, str]
"""A value, and what is said of it."""

_NO_MATCH = 3


def matching(typed: str, offers: Iterable[Offer]) -> list[Offer]:
    """Choose what fits: what begins with the typed first, then what holds it, then what holds its letters in order."""
    wanted = typed.casefold()
    ranked = [(_rank(wanted, offer[0].casefold()), place, offer) for place, offer in enumerate(offers)]
    return [offer for rank, _, offer in sorted(ranked, key=lambda each: each[:2]) if rank < _NO_MATCH]


def _rank(wanted: str, offered: str) -> int:
    if offered.startswith(wanted):
        return 0
    if wanted in offered:
        return 1
    letters = iter(offered)
    return 2 if all(letter in letters for letter in wanted) else _NO_MATCH
