"""What listings show: the sessions, those in the trash, the turns of a tree, and turns in which words were found.

All words of a search must occur in a turn, in any language; they are plain text, never syntax.
"""

import gc
import json
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice, product
from operator import itemgetter
from types import NoneType
from typing import Any

from lmchat.chat.keeping import Match, Summary, Trashed, TreeEntry
from lmchat.chat.session import Outcome, Session, TurnId
from lmchat.chat.values import join_surrogates
from lmchat.errors import BadUseError
from lmchat.store.database import FIRST, LAST, Database, Row, moment, typed
from lmchat.store.drafts import end_abandoned_drafts
from lmchat.store.sessions import number_of, same, tree_of
from lmchat.store.tree import KEPT_FOR, reached
from lmchat.store.turns import LENGTH, OUTCOMES, placed, turns_of

_SETTLED = "turn.id NOT IN (SELECT turn FROM draft)"
_ENTRY = "turn.number, turn.parent, first_words, outcome, model, at, summary, attempt"
_ENTRY_KINDS = (int, (int, NoneType), str, str, str, int, int, int)

_AROUND = 60
_LONG_WORD = 20
_BLANK = re.compile(r"\s+")
_NEWEST = 1000
_MOST_ROWS = 2**63 - 1
"""The largest number of SQLite."""
_ROWS = "SELECT turn.id, number, at, name, turn.prompt, turn.reply FROM turn JOIN session ON session.id = turn.grown_by"


def listed(database: Database, limit: int | None) -> tuple[Summary, ...]:
    """Return the sessions, the one used last first, or only the first `limit` of them."""
    end_abandoned_drafts(database)
    rows = database.rows(
        "SELECT name, coalesce(depth, 0), coalesce(nullif(session.model, ''), turn.model, ''), created, used,"
        " session.first_words, outcome"
        " FROM session LEFT JOIN turn ON turn.tree = session.tree AND number = head WHERE trashed IS NULL"
        " ORDER BY use_order DESC LIMIT ?",
        (-1 if limit is None else min(limit, _MOST_ROWS),),
    )
    return tuple(database.readable(rows, _summary, "the session"))


def _summary(row: Row) -> Summary:
    name, turns, model, created, used, words, outcome = typed(row, (str, int, str, int, int, str, (str, NoneType)))
    return Summary(name, turns, model, moment(created), moment(used), words, Outcome(outcome) if outcome else None)


def in_trash(database: Database) -> tuple[Trashed, ...]:
    """Return the sessions in the trash, the one deleted last first."""
    rows = database.rows(
        "SELECT name_before, first_words, trashed FROM session WHERE trashed IS NOT NULL ORDER BY trashed DESC, id DESC"
    )
    return tuple(database.readable(rows, _trashed, "the deleted session"))


def _trashed(row: Row) -> Trashed:
    name, words, at = typed(row, (str, str, int))
    return Trashed(name, words, moment(at), moment(at) + KEPT_FOR)


def heads(database: Database, session: Session) -> dict[TurnId, list[str]]:
    """Return the names of the other sessions that share this tree, by the turns they point at."""
    found: dict[TurnId, list[str]] = {}
    view = turns_of(session)
    rows = database.rows(
        "SELECT head, name FROM session WHERE tree = ? AND id != ? AND head IS NOT NULL AND trashed IS NULL"
        " ORDER BY name",
        (view.tree, view.session),
    )
    for head, name in rows:
        found.setdefault(head, []).append(name)
    return found


def shape(database: Database, session: Session) -> tuple[tuple[TurnId, TurnId | None], ...]:
    """Return number and parent of every turn the session reaches, by number."""
    view = turns_of(session)
    rows = database.rows(f"SELECT number, parent FROM turn WHERE tree = ? AND {_SETTLED}", (view.tree,))  # noqa: S608 - ours
    wanted = reached(database, view.tree, view.session, whole=False)
    sound = placed(database, rows, whole=False)
    found = sound if wanted is None else [row for row in sound if row[0] in wanted]
    if len(found) < len(rows):
        # What follows a turn that cannot be read is shown all the same.
        numbers = {number for number, _ in found}
        found = [(number, parent if parent in numbers else None) for number, parent in found]
    return tuple(sorted(found, key=itemgetter(0)))


def attempts(database: Database, session: Session) -> frozenset[TurnId]:
    """Return the turns of the tree that ended before anything came."""
    # The few that there are have an index of their own, which SQLite does not choose by itself.
    query = f"SELECT number FROM turn INDEXED BY turn_attempt WHERE tree = ? AND attempt AND {_SETTLED}"  # noqa: S608 - ours
    return frozenset(map(TurnId, database.numbers(query, (turns_of(session).tree,))))


def tree(database: Database, session: Session, only: Collection[TurnId] | None) -> tuple[TreeEntry, ...]:
    """Return every turn the session reaches, or those of `only`, which `shape` has named, by number."""
    view = turns_of(session)
    wanted = reached(database, view.tree, view.session, whole=False) if only is None else None
    query = f"SELECT {_ENTRY} FROM turn WHERE tree = ? AND {_SETTLED}"  # noqa: S608 - constants of ours
    values: tuple[object, ...] = (view.tree,)
    if only is not None:
        chosen = "json_each(?) CROSS JOIN turn ON tree = ? AND turn.number = value"
        query = f"SELECT {_ENTRY} FROM {chosen} AND {_SETTLED}"  # noqa: S608 - constants of ours
        values = (json.dumps(list(only)), view.tree)
    with _uncollected():
        entries = database.made(query, values, _entries)
    found = [each for each in entries if isinstance(each, TreeEntry)]
    if len(found) < len(entries):
        database.unreadable.extend(each for each in entries if isinstance(each, str))
    if wanted is not None:
        found = [each for each in found if each.id in wanted]
    return tuple(sorted(found, key=itemgetter(0)))


@contextmanager
def _uncollected() -> Iterator[None]:
    """Let the garbage collector wait while many values are made, all of which it would look at again and again."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _entries(rows: Iterable[Row]) -> list[TreeEntry | str]:
    """Return the entry of each row, or how it is named where it makes none.

    There may be 100,000, so that what is as usual is checked here, where that takes half the time.
    """
    return [
        TreeEntry(number, parent, words, OUTCOMES[outcome], model, at, summary == 1, attempt == 1)  # type: ignore[arg-type]  # a TurnId is an int
        if type(number) is int
        and (parent is None or (type(parent) is int and 0 < parent < number))
        and number > 0
        and type(words) is type(model) is str
        and outcome in OUTCOMES
        and type(at) is int
        and FIRST <= at < LAST
        else _entry(number, parent, words, outcome, model, at, summary, attempt)
        for number, parent, words, outcome, model, at, summary, attempt in rows
    ]


def _entry(*row: Any) -> TreeEntry | str:
    try:
        number, parent, words, outcome, model, at, summary, attempt = typed(row, _ENTRY_KINDS)
        if number < 1 or not (parent is None or 0 < parent < number):
            raise ValueError(f"turn {number} cannot follow turn {parent}")
        moment(at)
        return TreeEntry(number, parent, words, Outcome(outcome), model, at, bool(summary), bool(attempt))
    except (TypeError, ValueError):
        return f"turn {row[0]!r}"


def search(database: Database, text: str, session: str | None, limit: int) -> tuple[Match, ...]:
    """Find turns with all words of `text`; raise BadUseError for no words, NotFoundError for no such session."""
    words = list(dict.fromkeys(same(join_surrogates(text)).replace("\0", " ").split()))
    if not words:
        raise BadUseError("There is nothing to search for.", hint="Give one or more words.")
    pattern = re.compile("|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)), re.IGNORECASE)
    if session is None:
        found = _found(database, words, tree=None)
        return tuple(islice(database.readable(found, lambda row: _match(row, None, pattern), "turn"), limit))
    number = number_of(database, session)
    tree = tree_of(database, number)
    if tree is None:
        return ()
    wanted = reached(database, tree, number)
    found = (row for row in _found(database, words, tree) if wanted is None or row[1] in wanted)
    return tuple(islice(database.readable(found, lambda row: _match(row, same(session), pattern), "turn"), limit))


def _found(database: Database, words: list[str], tree: int | None) -> Iterator[Row]:
    """Return the rows of turns that contain all words, the newest first: id, number, at, session, prompt, reply."""
    long, short = [word for word in words if len(word) >= LENGTH], [word for word in words if len(word) < LENGTH]
    where, values = _containing_all(short)
    if tree is not None:
        where, values = f"{where} AND turn.tree = ?", [*values, tree]
    if long:
        query = f"{_ROWS} JOIN trigrams ON trigrams.rowid = turn.id WHERE trigrams MATCH ? AND {where}"
        yield from database.stream(f"{query} ORDER BY trigrams.rowid DESC", (matching(long), *values))
        return
    # A word this short is usually among the newest turns; if it is not, it is rare, and the index finds it quickly.
    boundary = database.row("SELECT id FROM turn ORDER BY id DESC LIMIT 1 OFFSET ?", (_NEWEST,))
    oldest = boundary[0] if boundary else 0
    yield from database.stream(f"{_ROWS} WHERE turn.id > ? AND {where} ORDER BY turn.id DESC", (oldest, *values))
    if boundary:
        for row_id in sorted(set.intersection(*(_containing(database, word) for word in short)), reverse=True):
            if row_id <= oldest:
                yield from database.rows(f"{_ROWS} WHERE turn.id = ? AND {where}", (row_id, *values))


def _containing_all(words: list[str]) -> tuple[str, list[object]]:
    """Write the condition that a turn contains all these short words, in capitals or not."""
    conditions, values = [_SETTLED, "trashed IS NULL"], list[object]()
    for word in words:
        # LIKE knows the capitals of ASCII only.
        spellings = dict.fromkeys("".join(each) for each in product(*((c.lower(), c.upper()) for c in word)))
        likes = ["%" + re.sub("[%_~]", r"~\g<0>", spelling) + "%" for spelling in spellings]
        conditions.append(
            "("
            + " OR ".join(["nfc(turn.prompt) LIKE ? ESCAPE '~' OR nfc(turn.reply) LIKE ? ESCAPE '~'"] * len(likes))
            + ")"
        )
        values += [each for like in likes for each in (like, like)]
    return " AND ".join(conditions), values


def _match(row: Row, session: str | None, pattern: re.Pattern[str]) -> Match:
    """Return the text around the first hit, of the prompt or the reply, whichever contains more of the words."""
    _, number, at, grower, prompt, reply = typed(row, (int, int, int, str, str, str))
    where, text = max(
        (("prompt", same(prompt)), ("reply", same(reply))), key=lambda each: _different_hits(each[1], pattern)
    )
    first = pattern.search(text)
    start, end = _around(text, *(first.span() if first else (0, 0)))
    # One character for one, so that the offsets stay.
    snippet = "".join(" " if character.isspace() else character for character in text[start:end])
    hits = tuple(hit.span() for hit in pattern.finditer(snippet))
    return Match(session or grower, TurnId(number), where, snippet, hits, moment(at))


def _around(text: str, first: int, last: int) -> tuple[int, int]:
    """Return where the surroundings of a hit begin and end: at words, where those are not long."""
    start, end = max(first - _AROUND, 0), min(last + _AROUND, len(text))
    if start and not text[start - 1].isspace():
        blank = _BLANK.search(text, start, min(first, start + _LONG_WORD))
        start = blank.end() if blank else start
    if end < len(text) and not text[end].isspace():
        end = max((blank.start() for blank in _BLANK.finditer(text, max(last, end - _LONG_WORD), end)), default=end)
    return start, end


def _different_hits(text: str, pattern: re.Pattern[str]) -> int:
    return len({hit.casefold() for hit in pattern.findall(text)})


def matching(words: list[str]) -> str:
    """Write the query for all these words, of three characters or more, as plain text and never as syntax."""
    return " ".join('"' + word.replace('"', '""') + '"' for word in words)


def _containing(database: Database, word: str) -> set[int]:
    """Return the rows of turns that contain a word too short to be a trigram: one that begins with it will do."""
    rows = database.rows(
        "SELECT DISTINCT doc FROM trigram_places WHERE term >= ? AND term < ?",
        (word.lower(), word.lower() + "\U0010ffff"),
    )
    return {row[0] for row in rows}
