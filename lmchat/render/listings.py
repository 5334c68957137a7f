"""The listings of models and of sessions, the same on the command line and in the REPL."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from lmchat.chat.listing import Match, Summary
from lmchat.chat.models import Model
from lmchat.dataclass import replace
from lmchat.render.sanitize import sanitize, sanitize_line
from lmchat.render.tables import Column, age_words, listing, size_words, table_lines
from lmchat.render.theme import Theme

_USUAL_COLUMNS = 5
"""How many columns of models a terminal shows without `--wide`: they are in the order of their worth."""


_READABLE_KEY = 24


def models_listing(models: Sequence[Model], theme: Theme, width: int | None, *, wide: bool = False) -> str:
    """Lay out models, the loaded ones first; `width` None (a pipe) shows every column with every cell whole."""
    shown = None if wide or width is None else _USUAL_COLUMNS
    return listing(_MODEL_COLUMNS[:shown], sorted(models, key=lambda model: not model.instances), theme, width)


def model_lines(models: Sequence[Model], width: int) -> list[str]:
    """Lay out models in their order, to choose from: the line of titles, and one for each.

    The key is typed nowhere here, so that it may be cut where the window is narrow.
    """
    key, *others = _MODEL_COLUMNS[:_USUAL_COLUMNS]
    abilities = replace(others[-1], cell=lambda model: ", ".join(_abilities(model, levels=False)))
    return table_lines([replace(key, shrinks=True, least=_READABLE_KEY), *others[:-1], abilities], models, width)


def sessions_listing(sessions: Sequence[Summary], now: datetime, theme: Theme, width: int | None) -> str:
    """Lay out sessions in their order."""
    columns: tuple[Column[Summary], ...] = (
        Column("NAME", lambda each: each.name, worth=3),
        Column("TURNS", lambda each: str(each.turns), right=True, worth=-1),
        Column("MODEL", lambda each: each.model, shrinks=True, worth=-2),
        Column("LAST USE", lambda each: age_words(each.last_used, now), worth=2),
        Column("FIRST WORDS", lambda each: words_beyond(each.name, each.first_words), shrinks=True, worth=1),
    )
    return listing(columns, sessions, theme, width)


def match_text(match: Match, now: datetime, theme: Theme) -> str:
    """Show where something was found, and the words around it with those looked for standing out."""
    place = f"{match.session} · turn {match.turn} · {match.where} · {age_words(match.at, now)}"
    parts, end = [], 0
    for start, stop in match.hits:
        found = theme.styled(sanitize(match.snippet[start:stop]), theme.styles.strong)
        parts += [sanitize(match.snippet[end:start]), found]
        end = stop
    words = "".join([*parts, sanitize(match.snippet[end:])])
    return f"{theme.styled(sanitize_line(place), theme.styles.faint)}\n    {words}\n"


def words_beyond(name: str, words: str) -> str:
    """Return the first words of a session without those that its name was made of."""
    left = [each for each in name.lower() if each.isalnum()]
    same = end = 0
    for place, each in enumerate(words):
        if each.isalnum():
            if same == len(left) or each.lower() != left[same]:
                break
            same, end = same + 1, place + 1
    if "".join(left[same:]).strip("0123456789"):  # a name of its own; a number only tells it from others
        return words
    rest = words[end:].lstrip(" ,.;:!?…")
    return f"… {rest}" if rest else ""


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
