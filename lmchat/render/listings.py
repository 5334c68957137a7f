"""Tables for people, drawn by rich and fitted to the terminal's width, and the listings of models and of sessions.

Which columns there is room for, and how wide each may be, is decided here: rich would narrow all of them alike. In a
pipe every cell is whole.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Generic, TypeVar
from unicodedata import category, normalize

from lmchat.chat.keeping import Match, Summary
from lmchat.chat.models import Model
from lmchat.chat.session import spells
from lmchat.dataclass import dataclass, replace
from lmchat.render.notes import age_words, size_words
from lmchat.render.terminal import Theme
from lmchat.render.text import cells, fold, padded, sanitize, sanitize_line, shorten

_GAP = "  "
_NARROWEST_NOTE = 20


Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """A column of a table: its title and its cell for each row.

    `right` aligns it at the right, as numbers need. In a narrow window a column that `shrinks` is narrowed down to
    `least` cells; if that is not enough, the columns of the least `worth` are left out, of equals the rightmost first.
    """

    title: str
    cell: Callable[[Row], str]
    right: bool = False
    shrinks: bool = False
    worth: int = 0
    least: int = 8


def listing(columns: Sequence[Column[Row]], rows: Sequence[Row], theme: Theme, width: int | None = None) -> str:
    """Return a table of the rows under their titles; columns that are empty in every row are left out.

    `width` is that of the terminal, None in a pipe, where every cell stays whole.
    """
    head, *lines = _table_lines(columns, rows, width)
    return "".join(f"{line}\n" for line in (theme.styled(head, theme.styles.table_head), *lines))


def _table_lines(columns: Sequence[Column[Row]], rows: Sequence[Row], width: int | None = None) -> list[str]:
    """Return the lines of a table as `listing` lays it out: the titles, and one for each row."""
    filled = {column: [sanitize_line(column.cell(row)) for row in rows] for column in columns}
    kept = {column: each for column, each in filled.items() if not rows or any(each)}
    kept = kept or {columns[0]: filled[columns[0]]}
    longest = {column: max(map(_widest, [column.title, *each])) for column, each in kept.items()}
    widths = longest if width is None else _fitted(longest, width)
    shown = ([shorten(each, wide) for each in kept[column]] for column, wide in widths.items())
    return _drawn(widths, zip(*shown, strict=True))


def _widest(text: str) -> int:
    """Return the width of a cell, which rich counts in another way if a joiner in it joins nothing."""
    from rich.cells import cell_len

    return max(cells(text), cell_len(text))


def _drawn(widths: Mapping[Column[Row], int], rows: Iterable[Sequence[str]]) -> list[str]:
    """Let rich draw columns of these widths, in which every cell fits."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, len(_GAP), 0, 0), pad_edge=False)
    for column, wide in widths.items():
        title = Text(shorten(column.title, wide))
        table.add_column(title, justify="right" if column.right else "left", width=wide, no_wrap=True)
    for row in rows:
        table.add_row(*map(Text, row))
    console = Console(width=sum(widths.values()) + len(_GAP) * len(widths), color_system=None, _environ={})
    return ["".join(part.text for part in line).rstrip() for line in console.render_lines(table, pad=False)]


def _fitted(longest: Mapping[Column[Row], int], width: int) -> dict[Column[Row], int]:
    """Return the width of each column that fits in a window; those that shrink get equal shares of the room."""
    kept = list(longest)
    while True:
        widths = {each: min(longest[each], each.least) if each.shrinks else longest[each] for each in kept}
        spare = width - sum(widths.values()) - len(_GAP) * (len(kept) - 1)
        if spare >= 0 or len(kept) == 1:
            break
        kept.remove(min(reversed(kept), key=lambda each: each.worth))
    while spare > 0 and (short := [each for each in kept if widths[each] < longest[each]]):
        for each in short:
            more = min(max(spare // len(short), 1), longest[each] - widths[each], spare)
            widths[each] += more
            spare -= more
    return {each: min(wide, width) for each, wide in widths.items()}


def pairs(values: Sequence[tuple[str, ...]], theme: Theme, width: int | None = None) -> str:
    """Return lines of a name, its value and faint notes, in columns.

    Notes that are too long for a window of `width` cells continue below, in their column.
    """
    if not values:
        return ""
    rows = [[sanitize_line(cell) for cell in row] for row in values]
    names, shown = (max(cells(row[at]) for row in rows) for at in (0, 1))
    begin = names + shown + 2 * len(_GAP)
    if width is not None and width - begin < _NARROWEST_NOTE:
        begin = names + len(_GAP)  # below the value
    lines = []
    for name, value, *notes in rows:
        note = _GAP.join(filter(None, notes))
        head = theme.styled(padded(name, names), theme.styles.table_head) + _GAP
        folded = fold(note, width - begin) if width is not None else [note]
        lines.append(head + value)
        if note and begin > names + len(_GAP):
            first = theme.styled(folded.pop(0), theme.styles.faint)
            lines[-1] = f"{head}{padded(value, shown)}{_GAP}{first}"
        if note:
            lines += [" " * begin + theme.styled(row, theme.styles.faint) for row in folded]
    return "".join(f"{line.rstrip()}\n" for line in lines)


_USUAL_COLUMNS = 5
"""How many columns of models a terminal shows without `--wide`: they are in the order of their worth."""


_READABLE_KEY = 24


def models_listing(models: Sequence[Model], theme: Theme, width: int | None, *, wide: bool = False) -> str:
    """Return a table of models, the loaded ones first; `width` is None in a pipe, where every column is shown."""
    shown = None if wide or width is None else _USUAL_COLUMNS
    return listing(_MODEL_COLUMNS[:shown], sorted(models, key=lambda model: not model.instances), theme, width)


def model_lines(models: Sequence[Model], width: int) -> list[str]:
    """Return the lines of a table of models to choose from, in their order: the titles, and one for each model.

    The key need not be typed here, so it may be cut in a narrow window.
    """
    key, *others = _MODEL_COLUMNS[:_USUAL_COLUMNS]
    abilities = replace(others[-1], cell=lambda model: ", ".join(_abilities(model, levels=False)))
    return _table_lines([replace(key, shrinks=True, least=_READABLE_KEY), *others[:-1], abilities], models, width)


def sessions_listing(sessions: Sequence[Summary], now: datetime, theme: Theme, width: int | None) -> str:
    """Return a table of sessions in their order."""
    columns: tuple[Column[Summary], ...] = (
        Column("NAME", lambda each: each.name, worth=3),
        Column("TURNS", lambda each: str(each.turns), right=True, worth=-1),
        Column("MODEL", lambda each: each.model, shrinks=True, worth=-2),
        Column("LAST USE", lambda each: age_words(each.last_used, now), worth=2),
        Column("FIRST WORDS", lambda each: words_beyond(each.name, each.first_words), shrinks=True, worth=1),
    )
    return listing(columns, sessions, theme, width)


def match_text(match: Match, now: datetime, theme: Theme) -> str:
    """Return where something was found, and the words around it with the matches in bold."""
    place = f"{match.session} · turn {match.turn} · {match.where} · {age_words(match.at, now)}"
    parts, end = [], 0
    for start, stop in match.hits:
        found = theme.styled(sanitize(match.snippet[start:stop]), theme.styles.strong)
        parts += [sanitize(match.snippet[end:start]), found]
        end = stop
    words = "".join([*parts, sanitize(match.snippet[end:])])
    return f"{theme.styled(sanitize_line(place), theme.styles.faint)}\n    {words}\n"


_BEGIN_WORDS = "\"#%&'*/@\\¡¿"
"""Punctuation that belongs to the word after it, though Unicode does not say so."""


def words_beyond(name: str, words: str) -> str:
    """Return the first words of a session without those that its name was made from."""
    words = normalize("NFC", words)
    left = "".join(filter(spells, name.lower()))
    end = 0
    for place, each in enumerate(words, 1):
        spelled = each.lower() if spells(each) else ""
        if not left.startswith(spelled):
            break
        if spelled:
            left, end = left.removeprefix(spelled), place
    if left.strip("0123456789"):  # another name; a number only makes a name unique
        return words
    while end < len(words) and _ends_words(words[end]):
        end += 1
    return f"… {words[end:]}" if words[end:] else ""


def _ends_words(character: str) -> bool:
    return category(character) in {"Zs", "Pe", "Pf", "Po"} and character not in _BEGIN_WORDS


def _loaded(model: Model) -> str:
    return ", ".join(
        f"{'yes' if each.id == model.key else each.id}{f' ({each.context_length:,})' if each.context_length else ''}"
        for each in model.instances
    )


def _abilities(model: Model, *, levels: bool = True) -> Iterator[str]:
    if not model.chats:
        yield "embeddings only"
    if model.vision:
        yield "vision"
    if model.tools:
        yield "tools"
    if model.reasoning_options:
        yield f"reasoning {'/'.join(model.reasoning_options)}" if levels else "reasoning"


_MODEL_COLUMNS: tuple[Column[Model], ...] = (
    Column("KEY", lambda model: model.key, worth=1),
    Column("LOADED", _loaded, shrinks=True),
    Column("SIZE", lambda model: size_words(model.size_bytes), right=True),
    Column("CONTEXT", lambda model: f"{model.max_context_length:,}" if model.max_context_length else "", right=True),
    Column("CAN", lambda model: ", ".join(_abilities(model)), shrinks=True),
    Column("QUANT", lambda model: model.quantization),
    Column("PARAMS", lambda model: model.params, right=True),
    Column("PUBLISHER", lambda model: model.publisher, shrinks=True),
)
