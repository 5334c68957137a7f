"""Turns of a conversation shown again: in full, only the beginning or the end, or two replies compared."""

import re
from collections.abc import Iterable, Iterator
from itertools import zip_longest

from lmchat.chat.session import Turn
from lmchat.chat.values import InvalidToolCall, Item, Message, OtherItem, Reasoning, ToolCall
from lmchat.dataclass import replace
from lmchat.render.margin import Thoughts
from lmchat.render.notes import call_note, invalid_call_note, stats_note, thought_note
from lmchat.render.terminal import Theme, moves_cursor, size_of
from lmchat.render.text import BLANK, Row, fold, line_row, sanitize, sanitize_line
from lmchat.world import World

_NARROW = 100
"""The width for Markdown where there is no terminal to measure."""


def show_turns(
    world: World, turns: Iterable[Turn], theme: Theme, *, dim: bool = False, thoughts: Thoughts = Thoughts.FOLD
) -> None:
    """Write turns to stdout, oldest first, a blank row after each; `dim` makes all of it faint.

    On a terminal answers are rendered Markdown, in a pipe they are the original text; `thoughts` says how reasoning is
    shown.
    """
    rendered = moves_cursor(world.stdout, world.environ)
    width = size_of(world.stdout, world.environ)()[0] if rendered else _NARROW
    for turn in turns:
        for row in _turn_rows(turn, theme, width, rendered=rendered, thoughts=thoughts):
            world.stdout.write((_dimmed(row, theme) if dim and row else row) + "\n")
        world.stdout.write("\n")
    world.stdout.flush()


def _turn_rows(
    turn: Turn, theme: Theme, width: int, *, rendered: bool, thoughts: Thoughts = Thoughts.FOLD
) -> Iterator[str]:
    """Yield the rows of one turn."""
    yield from _prompt_rows(turn, theme)
    yield from _reply_rows(turn, theme, width, rendered=rendered, thoughts=thoughts)


def _prompt_rows(turn: Turn, theme: Theme) -> Iterator[str]:
    styles = theme.styles
    number = f"{turn.id} › "
    first, *more = sanitize(turn.prompt.text).split("\n")
    yield theme.styled(number, styles.faint) + theme.styled(first, styles.prompt)
    for line in more:
        yield " " * len(number) + theme.styled(line, styles.prompt)
    for image in turn.prompt.images:
        size = f", {image.width} × {image.height}" if image.width else ""
        yield " " * len(number) + theme.styled(f"[picture: {sanitize_line(image.name)}{size}]", styles.faint)


def _reply_rows(
    turn: Turn, theme: Theme, width: int, *, rendered: bool, thoughts: Thoughts = Thoughts.FOLD
) -> Iterator[str]:
    """Yield the rows of the reply, and of how it ended."""
    styles = theme.styles
    for item in turn.reply.items:
        yield from _item_rows(item, theme, width, rendered=rendered, thoughts=thoughts)
    if turn.ending:
        yield theme.styled(f"({sanitize_line(turn.ending)})", styles.faint)


def thought_rows(thought: Reasoning, theme: Theme, width: int) -> Iterator[str]:
    """Yield the rows of a stretch of reasoning in full: how long it took, then its text."""
    yield theme.styled(thought_note(thought.seconds), theme.styles.faint)
    for line in sanitize(thought.text).strip().split("\n"):
        yield from (theme.styled(row, theme.styles.faint) for row in fold(line, width))


def _item_rows(item: Item, theme: Theme, width: int, *, rendered: bool, thoughts: Thoughts) -> Iterator[str]:
    match item:
        case Message(text):
            yield from _message_rows(text, theme, width, rendered=rendered)
        case Reasoning() if thoughts is Thoughts.SHOW:
            yield from thought_rows(item, theme, width)
        case Reasoning(_, seconds):
            if thoughts is Thoughts.FOLD:
                yield theme.styled(thought_note(seconds), theme.styles.faint)
        case ToolCall(tool, arguments):
            yield line_row(call_note(tool, arguments), theme.styles.faint, theme, width).text
        case InvalidToolCall():
            yield line_row(invalid_call_note(item), theme.styles.faint, theme, width).text
        case OtherItem(kind):
            yield line_row(f"(a newer lmchat shows {kind} here)", theme.styles.faint, theme, width).text


def _message_rows(text: str, theme: Theme, width: int, *, rendered: bool) -> Iterator[str]:
    if not rendered:
        yield sanitize(text).strip("\n")
        return
    from lmchat.render.markdown.stream import render_rows

    for row in render_rows(sanitize(text), width, theme):
        yield row.text


def _dimmed(row: str, theme: Theme) -> str:
    """Make a whole row faint, if the terminal can: after a reset inside, the rest is made faint again."""
    faint = theme.styles.faint
    return theme.styled(row.replace("\x1b[0m", f"\x1b[0;{faint}m"), faint) if faint else row


_MOST_PROMPT, _MOST_REPLY = 2_000, 10_000
"""Characters: more than fit in any window, and quickly laid out."""


def last_rows(lineage: Iterable[Turn], theme: Theme, width: int, height: int) -> list[str]:
    """Return the last rows of a conversation; `lineage` yields its turns, the newest first, and is read as needed."""
    rows: list[str] = []
    for turn in lineage:
        rows = [*_part_rows(turn, theme, width), *([""] if rows else []), *rows]
        if len(rows) >= height:
            break
    return rows[-height:]


def first_rows(turn: Turn, theme: Theme, width: int, height: int) -> list[str]:
    """Return the first rows of one turn."""
    return _part_rows(turn, theme, width, end=False)[:height]


def _part_rows(turn: Turn, theme: Theme, width: int, *, end: bool = True) -> list[str]:
    """Lay out a turn; of a long reply only the end, or only the beginning."""
    number = f"{turn.id} › "
    prompt = sanitize(turn.prompt.text[:_MOST_PROMPT])
    folded = [row for line in prompt.split("\n") for row in fold(line, max(width - len(number), 1))]
    rows = [
        theme.styled(number if at == 0 else " " * len(number), theme.styles.faint)
        + theme.styled(row, theme.styles.prompt)
        for at, row in enumerate(folded)
    ]
    items = tuple(
        Message(_part(item.text, end=end)) if isinstance(item, Message) else item for item in turn.reply.items
    )
    cut = replace(turn, reply=replace(turn.reply, items=items))
    return [*rows, *_reply_rows(cut, theme, width, rendered=True)]


def _part(text: str, *, end: bool) -> str:
    """Return the end of a long text, from the start of a line if possible, or its beginning."""
    if len(text) <= _MOST_REPLY:
        return text
    return text[-_MOST_REPLY:].partition("\n")[2] or text[-_MOST_REPLY:] if end else text[:_MOST_REPLY]


_WIDE = 100
_BETWEEN = " │ "
_PIECES = re.compile(r"\s+|\w+|[^\w\s]")


def compared(one: Turn, other: Turn, theme: Theme, width: int | None) -> Iterator[str]:
    """Yield rows that compare two replies: side by side in a wide window, else one after the other with changes marked.

    `width` is None in a pipe.
    """
    if width is not None and width >= _WIDE and theme.lines:
        yield from _beside(one, other, theme, width)
        return
    yield from _heading(one, theme, width)
    yield from _folded(sanitize(one.reply.text).strip("\n"), width)
    yield ""
    yield from _heading(other, theme, width)
    yield from _changes(one.reply.text, other.reply.text, theme, width)


def _beside(one: Turn, other: Turn, theme: Theme, width: int) -> Iterator[str]:
    from lmchat.render.markdown.stream import render_rows

    column = (width - len(_BETWEEN)) // 2
    sides = []
    for turn in (one, other):
        heading = line_row(_facts(turn), theme.styles.faint, theme, column)
        sides.append([heading, BLANK, *render_rows(sanitize(turn.reply.text), column, theme)])
    for left, right in zip_longest(*sides, fillvalue=BLANK):
        yield f"{_padded(left, column)}{theme.styled(_BETWEEN, theme.styles.faint)}{right.text}".rstrip()


def _padded(row: Row, width: int) -> str:
    return row.text + " " * max(width - row.cells, 0)


def _heading(turn: Turn, theme: Theme, width: int | None) -> Iterator[str]:
    return (theme.styled(row, theme.styles.faint) for row in _folded(sanitize_line(_facts(turn)), width))


def _facts(turn: Turn) -> str:
    """Return the turn, its model and its statistics in a line."""
    return " · ".join(filter(None, (f"Turn {turn.id}", turn.model, stats_note(turn.reply.stats))))


def _changes(before: str, after: str, theme: Theme, width: int | None) -> Iterator[str]:
    """Yield the second text, with what was removed from the first and what was added marked."""
    from difflib import SequenceMatcher

    old, new = (_PIECES.findall(sanitize(text).strip("\n")) for text in (before, after))
    pieces = []
    for kind, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            pieces.append("".join(new[k:m]))
        else:
            pieces += [_marked("".join(old[i:j]), "[-", "-]"), _marked("".join(new[k:m]), "{+", "+}")]
    for row in _folded("".join(pieces), width):
        yield _styled(row, theme)


def _marked(text: str, begin: str, end: str) -> str:
    """Put signs around a change, line by line, so that none spans two rows."""
    return "\n".join(f"{begin}{line}{end}" if line.strip() else line for line in text.split("\n"))


def _styled(row: str, theme: Theme) -> str:
    row = re.sub(r"\[-(.*?)-\]", lambda found: theme.styled(found[0], theme.styles.faint), row)
    return re.sub(r"\{\+(.*?)\+\}", lambda found: theme.styled(found[0], theme.styles.good or theme.styles.strong), row)


def _folded(text: str, width: int | None) -> Iterator[str]:
    for line in text.split("\n"):
        yield from [line] if width is None else fold(line, width)
