"""Draw a conversation's tree: a straight column for the way to the head, branches beside it, long runs folded.

It must not know where turns are kept: anything with a number, a parent and first words can be drawn.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from lmchat.chat.session import Outcome, TurnId
from lmchat.render.cells import cells, shorten
from lmchat.render.text import safe_line
from lmchat.render.theme import Theme

HEAD = "● here"
_SIDE, _BESIDE = "├─ ", "│  "
_RUN_ENDS = 3
"""How many turns are shown at each end of a folded run."""
_FIRST_ROWS = 10
_NARROWEST = 12


class Twig(Protocol):
    """What is drawn of a turn."""

    @property
    def id(self) -> TurnId: ...  # noqa: D102 - the same as a Turn's, here and below
    @property
    def parent(self) -> TurnId | None: ...  # noqa: D102
    @property
    def first_words(self) -> str: ...  # noqa: D102
    @property
    def outcome(self) -> Outcome: ...  # noqa: D102
    @property
    def summary(self) -> bool: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class _Line:
    """Hold one line: a turn (or None for a fold), what stands before it, and what is said of it."""

    prefix: str
    twig: Twig | None
    note: str = ""


def draw_tree(
    twigs: Sequence[Twig],
    head: TurnId | None,
    names: Mapping[TurnId, Sequence[str]],
    theme: Theme,
    width: int,
    most: int = 300,
) -> Iterator[str]:
    """Yield the lines of the tree, each within `width` cells, at most about `most` of them.

    `names` are the sessions that point at a turn. The head's own line is never folded away.
    """
    lines = list(_lines(twigs, head, names))
    number_width = len(str(twigs[-1].id)) if twigs else 1
    for line in _windowed(lines, head, most):
        yield _drawn(line, head, names, theme, width, number_width)


def _lines(twigs: Sequence[Twig], head: TurnId | None, names: Mapping[TurnId, Sequence[str]]) -> Iterator[_Line]:
    known = {twig.id: twig for twig in twigs}
    children: dict[TurnId | None, list[Twig]] = {}
    for twig in twigs:
        children.setdefault(twig.parent, []).append(twig)
    straight = _way(known, head)
    open_runs = [(root, "", "") for root in reversed(_main_last(children.get(None, []), straight))]
    while open_runs:
        first, prefix, beside = open_runs.pop()
        run, after = _run(first, children, names)
        for place, shown in enumerate(_folded(run)):
            yield _Line(prefix if place == 0 else beside, shown, _fold_note(len(run)))
        if after:
            *sides, main = _main_last(after, straight)
            open_runs.append((main, beside, beside))
            open_runs.extend((side, beside + _SIDE, beside + _BESIDE) for side in reversed(sides))


def _way(known: Mapping[TurnId, Twig], head: TurnId | None) -> set[TurnId]:
    """Return the turns from the root to the head."""
    way: set[TurnId] = set()
    while head is not None and head in known:
        way.add(head)
        head = known[head].parent
    return way


def _main_last(twigs: Sequence[Twig], straight: set[TurnId]) -> list[Twig]:
    """Put the turn that goes on in the same column last: the one on the way to the head, else the newest."""
    return sorted(twigs, key=lambda twig: (twig.id in straight, twig.id))


def _run(
    first: Twig, children: Mapping[TurnId | None, list[Twig]], names: Mapping[TurnId, Sequence[str]]
) -> tuple[list[Twig], list[Twig]]:
    """Follow single children; return the run and what branches off its end. A named turn ends a run."""
    run = [first]
    while True:
        after = children.get(run[-1].id, [])
        if len(after) != 1 or run[-1].id in names:
            return run, after
        run.append(after[0])


def _folded(run: Sequence[Twig]) -> Iterator[Twig | None]:
    if len(run) <= 2 * _RUN_ENDS + 1:
        yield from run
        return
    yield from run[:_RUN_ENDS]
    yield None
    yield from run[-_RUN_ENDS:]


def _fold_note(length: int) -> str:
    return f"⋮ {length - 2 * _RUN_ENDS:,} more turns"


def _windowed(lines: Sequence[_Line], head: TurnId | None, most: int) -> Iterator[_Line]:
    """Yield the beginning and what stands around the head where there is too much to show."""
    if len(lines) <= most:
        yield from lines
        return
    at = next((place for place, line in enumerate(lines) if line.twig and line.twig.id == head), len(lines) - 1)
    start = max(_FIRST_ROWS, min(at - (most - _FIRST_ROWS) // 2, len(lines) - (most - _FIRST_ROWS)))
    end = start + most - _FIRST_ROWS
    yield from lines[:_FIRST_ROWS]
    if start > _FIRST_ROWS:
        yield _Line("", None, f"⋮ {start - _FIRST_ROWS:,} more lines")
    yield from lines[start:end]
    if end < len(lines):
        yield _Line("", None, f"⋮ {len(lines) - end:,} more lines")


def _drawn(
    line: _Line,
    head: TurnId | None,
    names: Mapping[TurnId, Sequence[str]],
    theme: Theme,
    width: int,
    number_width: int,
) -> str:
    looks = theme.looks
    prefix = line.prefix if cells(line.prefix) <= width // 2 else f"{line.prefix[: width // 2 - 1]}…"
    if line.twig is None:
        return theme.styled(shorten(f"{prefix}{' ' * number_width}  {line.note}", width), looks.faint)
    twig = line.twig
    marks = [*_marks(twig), *([HEAD] if twig.id == head else []), *(f"[{name}]" for name in names.get(twig.id, ()))]
    mark = safe_line("  ".join(marks))
    number = f"{twig.id:>{number_width}}"
    room = width - cells(prefix) - number_width - 2
    room_for_words = max(_NARROWEST, room - cells(mark) - 2) if mark else room
    words = shorten(safe_line(twig.first_words), max(1, min(room, room_for_words)))
    mark = shorten(mark, max(0, room - cells(words) - 2))
    styled_mark = theme.styled(mark, looks.good if twig.id == head else looks.faint)
    shown_words = theme.styled(words, looks.strong) if twig.id == head else words
    text = f"{theme.styled(prefix, looks.faint)}{theme.styled(number, looks.faint)}  {shown_words}"
    return f"{text}  {styled_mark}" if mark else text


def _marks(twig: Twig) -> Iterator[str]:
    if twig.summary:
        yield "(summary)"
    if twig.outcome is not Outcome.COMPLETE:
        yield f"({twig.outcome.value})"
