"""Turns that were, shown again as they looked: the prompt, the answer as rendered, what became of it."""

from collections.abc import Iterable, Iterator

from lmchat.chat.session import Turn
from lmchat.chat.values import InvalidToolCall, Item, Message, OtherItem, Reasoning, ToolCall
from lmchat.render.cells import fold, line_row
from lmchat.render.margin import Thoughts
from lmchat.render.notes import call_note, invalid_call_note, thought_note
from lmchat.render.sanitize import sanitize, sanitize_line
from lmchat.render.terminal import moves_cursor, size_of
from lmchat.render.theme import Theme
from lmchat.world import World

_NARROW = 100
"""Columns to lay out Markdown in where there is no terminal to measure."""


def show_turns(
    world: World, turns: Iterable[Turn], theme: Theme, *, dim: bool = False, thoughts: Thoughts = Thoughts.FOLD
) -> None:
    """Write turns to stdout, oldest first, a blank row after each; `dim` makes all of it faint.

    On a terminal answers are rendered Markdown, in a pipe they are text as it came; `thoughts` says the same of
    reasoning as of a reply that runs.
    """
    rendered = moves_cursor(world.stdout, world.environ)
    width = size_of(world.stdout, world.environ)()[0] if rendered else _NARROW
    for turn in turns:
        for row in turn_rows(turn, theme, width, rendered=rendered, thoughts=thoughts):
            world.stdout.write((_dimmed(row, theme) if dim and row else row) + "\n")
        world.stdout.write("\n")
    world.stdout.flush()


def turn_rows(
    turn: Turn, theme: Theme, width: int, *, rendered: bool, thoughts: Thoughts = Thoughts.FOLD
) -> Iterator[str]:
    """Yield the rows of one turn."""
    yield from _prompt_rows(turn, theme)
    yield from reply_rows(turn, theme, width, rendered=rendered, thoughts=thoughts)


def _prompt_rows(turn: Turn, theme: Theme) -> Iterator[str]:
    looks = theme.styles
    number = f"{turn.id} › "
    first, *more = sanitize(turn.prompt.text).split("\n")
    yield theme.styled(number, looks.faint) + theme.styled(first, looks.prompt)
    for line in more:
        yield " " * len(number) + theme.styled(line, looks.prompt)
    for image in turn.prompt.images:
        size = f", {image.width} × {image.height}" if image.width else ""
        yield " " * len(number) + theme.styled(f"[picture: {sanitize_line(image.name)}{size}]", looks.faint)


def reply_rows(
    turn: Turn, theme: Theme, width: int, *, rendered: bool, thoughts: Thoughts = Thoughts.FOLD
) -> Iterator[str]:
    """Yield the rows of what came back, and of how it ended."""
    looks = theme.styles
    for item in turn.reply.items:
        yield from _item_rows(item, theme, width, rendered=rendered, thoughts=thoughts)
    if turn.ending:
        yield theme.styled(f"({sanitize_line(turn.ending)})", looks.faint)


def thought_rows(thought: Reasoning, theme: Theme, width: int) -> Iterator[str]:
    """Yield the rows of a stretch of reasoning, unfolded: how long it took, then its text."""
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
    """Make a row faint as a whole, where the terminal can: what it resets inside is made faint again."""
    faint = theme.styles.faint
    return theme.styled(row.replace("\x1b[0m", f"\x1b[0;{faint}m"), faint) if faint else row
