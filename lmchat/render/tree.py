"""The tree of a conversation as lines: the path to the head in one column, branches beside it, long runs folded."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from lmchat.chat.keeping import TreeEntry
from lmchat.chat.session import Outcome, TurnId
from lmchat.dataclass import dataclass
from lmchat.render.terminal import Theme
from lmchat.render.text import cells, sanitize_line, shorten

HEAD = "● here"
_SIDE, _BESIDE = "├─ ", "│  "
_CORNER, _BELOW = "└─ ", "   "
_INDENTED = str.maketrans({"├": "-", "└": "-", "─": " ", "│": " "})
"""Replaces lines where none are drawn: branches are indented."""
_RUN_ENDS = 3
"""How many turns are shown at each end of a folded run."""
_FIRST_ROWS = 10
_NARROWEST = 12


Shape = Sequence[tuple[TurnId, TurnId | None]]
"""The number and the parent of every turn, by number."""


@dataclass(frozen=True, slots=True)
class _Line:
    """One line: what precedes it, a turn (None for a fold), and the note of a fold."""

    prefix: str
    turn: TurnId | None
    note: str = ""


def draw_tree(
    shape: Shape,
    head: TurnId | None,
    names: Mapping[TurnId, Sequence[str]],
    look_up: Callable[[Collection[TurnId]], Iterable[TreeEntry]],
    theme: Theme,
    width: int,
    most: int = 300,
    attempts: Collection[TurnId] = (),
) -> Iterator[str]:
    """Yield the lines of the tree, each within `width` cells, at most about `most` of them.

    `attempts` got no answer: they become a mark on the turn that they were to follow. `names` are the other sessions
    that point at a turn; `look_up` is called once, for the turns that are not folded. The line of the head is never
    folded.
    """
    shape, unanswered = _without_attempts(shape, attempts, {*names, head})
    shown = list(_windowed(list(_lines(shape, head, names)), head, most))
    entries = {entry.id: entry for entry in look_up([line.turn for line in shown if line.turn is not None])}
    models = _models(entries)
    number_width = len(str(shape[-1][0])) if shape else 1
    if first := unanswered.get(None):
        yield theme.styled(shorten(f"⋮ {_unanswered_note(first)}", width), theme.styles.faint)
    for line in shown:
        if line.turn is None:
            indent = " " * number_width
            before = line.prefix if theme.lines else line.prefix.translate(_INDENTED)
            yield theme.styled(shorten(f"{before}{indent}  {line.note}", width), theme.styles.faint)
        elif entry := entries.get(line.turn):  # a turn can be deleted while it is drawn
            marks = [*_marks(entry, models)]
            if turns := unanswered.get(entry.id):
                marks.append(f"({_unanswered_note(turns)})")
            marks = [*marks, *([HEAD] if entry.id == head else []), *(f"[{name}]" for name in names.get(entry.id, ()))]
            yield _drawn(line.prefix, entry, marks, theme, width, number_width, is_head=entry.id == head)


def _without_attempts(
    shape: Shape, attempts: Collection[TurnId], pointed_at: Collection[TurnId | None]
) -> tuple[Shape, dict[TurnId | None, list[TurnId]]]:
    """Return the shape without its attempts, and the attempts by the turns that they were to follow."""
    if not attempts:
        return shape, {}
    parents = {parent for _, parent in shape}
    unanswered: dict[TurnId | None, list[TurnId]] = {}
    for turn, parent in shape:
        if turn in attempts and turn not in parents and turn not in pointed_at:
            unanswered.setdefault(parent, []).append(turn)
    hidden = {turn for turns in unanswered.values() for turn in turns}
    return [entry for entry in shape if entry[0] not in hidden], unanswered


def _unanswered_note(turns: Sequence[TurnId]) -> str:
    """Return which attempts got no answer, the newest three by number."""
    numbers = ", ".join(str(turn) for turn in turns[-3:])
    return f"no answer: {'… ' if len(turns) > 3 else ''}{numbers}"


def _lines(shape: Shape, head: TurnId | None, names: Mapping[TurnId, Sequence[str]]) -> Iterator[_Line]:
    # Most turns have one child: what is kept for each of 100,000 turns is one entry, not a list.
    first = {parent: turn for turn, parent in reversed(shape)}
    more: dict[TurnId | None, list[TurnId]] = {}
    for turn, parent in shape if len(first) < len(shape) else ():
        if first[parent] != turn:
            more.setdefault(parent, []).append(turn)
    straight = _path(dict(shape), head) if more else set[TurnId]()
    ends = {*names} if head is None else {*names, head}
    open_runs = [(root, "", "", False) for root in reversed(_children(None, first, more, straight))]
    while open_runs:
        start, prefix, beside, last = open_runs.pop()
        run = _run(start, first, more, ends)
        after = _children(run[-1], first, more, straight)
        if last and not after:  # a leaf: as the last of its siblings it gets their corner
            prefix, beside = beside + _CORNER, beside + _BELOW
        for place, shown in enumerate(_folded(run)):
            yield _Line(prefix if place == 0 else beside, shown, f"⋮ {len(run) - 2 * _RUN_ENDS:,} more turns")
        if after:
            *sides, main = after
            open_runs.append((main, beside, beside, bool(sides)))
            open_runs.extend((side, beside + _SIDE, beside + _BESIDE, False) for side in reversed(sides))


def _path(parents: Mapping[TurnId, TurnId | None], head: TurnId | None) -> set[TurnId]:
    """Return the turns from the root to the head."""
    path: set[TurnId] = set()
    while head is not None and head in parents:
        path.add(head)
        head = parents[head]
    return path


def _children(
    parent: TurnId | None,
    first: Mapping[TurnId | None, TurnId],
    more: Mapping[TurnId | None, Sequence[TurnId]],
    straight: set[TurnId],
) -> list[TurnId]:
    """Return the children, last the one that continues in the same column: on the path to the head, else the newest."""
    if parent not in first:
        return []
    return sorted((first[parent], *more.get(parent, ())), key=lambda turn: (turn in straight, turn))


def _run(
    start: TurnId,
    first: Mapping[TurnId | None, TurnId],
    more: Mapping[TurnId | None, Sequence[TurnId]],
    ends: Collection[TurnId],
) -> list[TurnId]:
    """Follow single children; a turn that a session points at ends a run, since it is never folded."""
    run = [start]
    turn = start
    while turn in first and turn not in more and turn not in ends:
        turn = first[turn]
        run.append(turn)
    return run


def _folded(run: Sequence[TurnId]) -> Iterator[TurnId | None]:
    if len(run) <= 2 * _RUN_ENDS + 1:
        yield from run
        return
    yield from run[:_RUN_ENDS]
    yield None
    yield from run[-_RUN_ENDS:]


def _windowed(lines: Sequence[_Line], head: TurnId | None, most: int) -> Iterator[_Line]:
    """Yield the lines; if there are too many, only the beginning and those around the head."""
    if len(lines) <= most:
        yield from lines
        return
    at = next(
        (place for place, line in enumerate(lines) if line.turn is not None and line.turn == head), len(lines) - 1
    )
    start = max(_FIRST_ROWS, min(at - (most - _FIRST_ROWS) // 2, len(lines) - (most - _FIRST_ROWS)))
    end = start + most - _FIRST_ROWS
    yield from lines[:_FIRST_ROWS]
    if start > _FIRST_ROWS:
        yield _Line("", None, f"⋮ {start - _FIRST_ROWS:,} more lines")
    yield from lines[start:end]
    if end < len(lines):
        yield _Line("", None, f"⋮ {len(lines) - end:,} more lines")


def _drawn(
    prefix: str, entry: TreeEntry, marks: Sequence[str], theme: Theme, width: int, number_width: int, *, is_head: bool
) -> str:
    styles = theme.styles
    prefix = prefix if theme.lines else prefix.translate(_INDENTED)
    if cells(prefix) > width // 2:
        prefix = f"{prefix[: width // 2 - 1]}…"
    mark = sanitize_line("  ".join(marks))
    room = width - cells(prefix) - number_width - 2
    room_for_words = max(_NARROWEST, room - cells(mark) - 2) if mark else room
    words = shorten(sanitize_line(entry.first_words), max(1, min(room, room_for_words)))
    mark = shorten(mark, max(0, room - cells(words) - 2))
    number = theme.styled(f"{prefix}{entry.id:>{number_width}}", styles.faint)
    text = f"{number}  {theme.styled(words, styles.strong) if is_head else words}"
    return (
        f"{text}  {theme.styled(mark, styles.good if is_head and not entry.attempt else styles.faint)}"
        if mark
        else text
    )


def _models(entries: Mapping[TurnId, TreeEntry]) -> dict[TurnId, str]:
    """Return the models to name: those that differ from the model of the turn before, or of a turn beside it."""
    beside: dict[TurnId | None, set[str]] = {}
    for entry in entries.values():
        beside.setdefault(entry.parent, set()).add(entry.model)
    return {
        entry.id: entry.model
        for entry in entries.values()
        if len(beside[entry.parent]) > 1
        or (entry.parent is not None and entry.parent in entries and entries[entry.parent].model != entry.model)
    }


def _marks(entry: TreeEntry, models: Mapping[TurnId, str]) -> Iterator[str]:
    if model := models.get(entry.id):
        yield model
    if entry.summary:
        yield "(summary)"
    if entry.outcome is not Outcome.COMPLETE:
        yield f"({entry.outcome.value})"
