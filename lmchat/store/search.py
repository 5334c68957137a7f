"""Finding words in prompts and replies, in any language, newest first.

All words of a query must occur in a turn; they are plain text, never syntax.
"""

import re
from collections.abc import Iterator
from itertools import islice, product

from lmchat.chat.listing import Match
from lmchat.chat.session import TurnId
from lmchat.chat.values import join_surrogates
from lmchat.errors import BadUseError
from lmchat.store.database import Database, Row, moment, typed
from lmchat.store.index import LENGTH, holding, matching
from lmchat.store.sessions import number_of, same
from lmchat.store.tree import reached, tree_of

_AROUND = 60
_LONG_WORD = 20
_BLANK = re.compile(r"\s+")
_NEWEST = 1000
_ROWS = "SELECT turn.id, number, at, name, turn.prompt, turn.reply FROM turn JOIN session ON session.id = turn.grown_by"


def search(database: Database, text: str, session: str | None, limit: int) -> tuple[Match, ...]:
    """Find turns that hold all words of `text`; raise BadUseError for no words, NotFoundError for no such session."""
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
    """Return the rows of turns that hold all words, the newest first: id, number, at, session, prompt, reply."""
    long, short = [word for word in words if len(word) >= LENGTH], [word for word in words if len(word) < LENGTH]
    where, values = _holding_all(short)
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
        for row_id in sorted(set.intersection(*(holding(database, word) for word in short)), reverse=True):
            if row_id <= oldest:
                yield from database.rows(f"{_ROWS} WHERE turn.id = ? AND {where}", (row_id, *values))


def _holding_all(words: list[str]) -> tuple[str, list[object]]:
    """Write the condition that a turn holds all these short words, in capitals or not."""
    conditions, values = ["turn.id NOT IN (SELECT turn FROM draft)", "trashed IS NULL"], list[object]()
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
    """Cut the surroundings of the first hit out of the text that holds more of the words."""
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
