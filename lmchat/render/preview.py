"""A look at a conversation beside a list: its last turns, or one of them, in as many rows as there are."""

from collections.abc import Iterable

from lmchat.chat.session import Turn
from lmchat.chat.values import Message
from lmchat.dataclass import replace
from lmchat.render.cells import fold
from lmchat.render.history import reply_rows
from lmchat.render.sanitize import sanitize
from lmchat.render.theme import Theme

_MOST_PROMPT, _MOST_REPLY = 2_000, 10_000
"""Characters: more than fit into any window, and quickly laid out."""


def last_rows(lineage: Iterable[Turn], theme: Theme, width: int, height: int) -> list[str]:
    """Return the last rows of a conversation; `lineage` are its turns, the newest first, read as they are needed."""
    rows: list[str] = []
    for turn in lineage:
        rows = [*_rows(turn, theme, width), *([""] if rows else []), *rows]
        if len(rows) >= height:
            break
    return rows[-height:]


def first_rows(turn: Turn, theme: Theme, width: int, height: int) -> list[str]:
    """Return the first rows of one turn."""
    return _rows(turn, theme, width, end=False)[:height]


def _rows(turn: Turn, theme: Theme, width: int, *, end: bool = True) -> list[str]:
    """Lay out a turn; of a long reply only its end, or only its beginning."""
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
    return [*rows, *reply_rows(cut, theme, width, rendered=True)]


def _part(text: str, *, end: bool) -> str:
    """Return the end of a long text, from the beginning of a line where there is one, or its beginning."""
    if len(text) <= _MOST_REPLY:
        return text
    return text[-_MOST_REPLY:].partition("\n")[2] or text[-_MOST_REPLY:] if end else text[:_MOST_REPLY]
