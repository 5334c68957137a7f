"""Conversations of other programs become sessions: each once, as old as it is, below what is in use here.

Its messages become turns, each a prompt and its reply, in the same tree: a reply that was made again, and a prompt that
was edited, are siblings; what follows a reply is below it.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime
from hashlib import sha256
from heapq import heappop, heappush

from lmchat.chat.session import Outcome, Session, Turn, TurnId
from lmchat.chat.values import MESSAGE_GAP, Image, Item, Message, Prompt, Reasoning, Reply, Stats, ToolCall
from lmchat.dataclass import dataclass, field, replace
from lmchat.store.database import Database, microseconds
from lmchat.store.documents import add_whole
from lmchat.store.imports import chatgpt, claude, llm, lmstudio
from lmchat.store.imports.found import Call, Found, LeftOut, Part, Refused, Result, Role, Said, Source
from lmchat.store.sessions import exists, free, numbered, slug


@dataclass(frozen=True, slots=True)
class Format:
    """A format: whose it is, how its files are known, and how they are read."""

    name: str
    recognize: Callable[[Source], bool]
    read: Callable[[Source, LeftOut], Iterator[Found | Refused]]


FORMATS = (
    Format("ChatGPT", chatgpt.recognize, chatgpt.read),
    Format("Claude", claude.recognize, claude.read),
    Format("LM Studio", lmstudio.recognize, lmstudio.read),
    Format("llm", llm.recognize, llm.read),
)


def format_of(source: Source) -> Format | None:
    """Return the format of a file by what is in it, whatever its name is; None where it is none of these."""
    return next((each for each in FORMATS if each.recognize(source)), None)


_BELOW = 1 << 60
"""Those used here are counted from 1 up; the others are in the order of their times, below them."""


@dataclass(frozen=True, slots=True)
class Adopted:
    """A session that was added; `before` is what the same conversation was imported as when it said something else."""

    name: str
    before: str | None = None


def adopt(database: Database, found: Found, left_out: LeftOut, name: str | None) -> Adopted | None:
    """Add a conversation, or return None where a session has it already, as it is now."""
    identity = sha256(found.key.encode(errors="surrogatepass")).hexdigest()
    origin = f"{identity} {fingerprint(found)}"
    missing = LeftOut()
    session = session_of(found, database.clock(), missing)
    first, last = (session.turns[number].at for number in (min(session.turns), max(session.turns)))
    used = microseconds(max(found.used or last, last))
    with database.write(durable=False):
        rows = database.rows(
            "SELECT name, origin FROM session WHERE origin BETWEEN ? AND ? AND trashed IS NULL ORDER BY id DESC",
            (f"{identity} ", f"{identity} g"),
        )
        if any(row[1] == origin for row in rows):
            return None
        if name is None:
            title = found.title or next(turn.prompt.text for turn in session.turns.values())
            chosen = numbered(slug(title), lambda each: exists(database, each))
        else:
            chosen = free(database, name)
        added = add_whole(database, replace(session, name=chosen))
        database.execute(
            "UPDATE session SET origin = ?, created = ?, used = ?, use_order = ? WHERE id = ?",
            (origin, microseconds(found.at or first), used, used - _BELOW, added.id),
        )
    left_out.update(missing)
    return Adopted(chosen, rows[0][0] if rows else None)


_MOST_ITEMS = 1_000_000
"""Of one conversation: replies that share their beginning have a copy of it each."""


@dataclass(frozen=True, slots=True)
class _Open:
    """A turn that is not complete yet, on the way from the root to one message."""

    parent: TurnId | None
    at: datetime
    text: str = ""
    images: tuple[Image, ...] = ()
    asked: bool = False
    parts: "tuple[object, Part] | None" = None
    count: int = 0
    model: str = ""
    system: str = ""
    stats: Stats = field(default_factory=Stats)
    whole: bool = True

    @property
    def begun(self) -> bool:
        """Tell whether anything was asked or answered in it."""
        return self.asked or self.parts is not None


def session_of(found: Found, now: datetime, left_out: LeftOut) -> Session:
    """Make a session of a conversation; `now` is for those that say no time.

    Raise ValueError where it has nothing that was said, or too much to be true.
    """
    turns, ends, circular = _grown(found, found.at or now)
    if circular:
        left_out["message in a circle"] += circular
    if not turns:
        raise ValueError("nothing was said in it")
    head = _head(found, turns, ends)
    last = turns[max(turns) if head is None else head]
    # Which model continues it is chosen here: those of other programs are mostly not here.
    return Session(name="", turns=turns, head=head, system=last.system if head else found.system)


def fingerprint(found: Found) -> str:
    """Return what changes when anything that was said does."""
    digest = sha256()
    for said in found.said:
        words = (part.text if isinstance(part, Message | Reasoning) else repr(part) for part in said.parts)
        line = "\x1f".join((said.key, said.parent or "", said.role.value, said.text, *words))
        digest.update(f"{line}\x1e".encode(errors="surrogatepass"))
    return digest.hexdigest()


def _grown(found: Found, at: datetime) -> tuple[dict[TurnId, Turn], dict[str, TurnId], int]:
    """Return the turns by number, in the order of time; the turn that each message ended; how many are in a circle.

    What is reached from no root is left out.
    """
    below, turns, ends = _below(found.said), dict[TurnId, Turn](), dict[str, TurnId]()
    waiting: list[tuple[datetime, int, Said, _Open]] = []
    reached = pushed = items = 0
    start = _Open(None, at, system=found.system, model=found.model)
    follow = [(said, start) for said in below[None]]
    while follow or waiting:
        for said, state in follow:
            pushed += 1
            heappush(waiting, (max(said.at or state.at, state.at), pushed, said, state))
        _, _, said, state = heappop(waiting)
        reached += 1
        state = _with(state, said)
        after = below[said.key]
        asked = any(each.role is Role.USER for each in after)
        fresh = state
        if (asked and state.parts is not None) or (not after and state.begun):
            items += state.count
            if items > _MOST_ITEMS:
                raise ValueError("it has too many parts")
            turn = _closed(state, TurnId(len(turns) + 1))
            turns[turn.id] = turn
            ends[said.key] = turn.id
            fresh = _Open(turn.id, state.at, model=state.model, system=state.system)
        follow = [(each, fresh if each.role is Role.USER else state) for each in after]
    return turns, ends, len(found.said) - reached


def _below(said: tuple[Said, ...]) -> defaultdict[str | None, list[Said]]:
    """Return the messages by the one they follow, the roots under None; a second of the same key is none."""
    known = {each.key: each for each in reversed(said)}
    below = defaultdict[str | None, list[Said]](list)
    for each in said:
        if known[each.key] is each:
            below[each.parent if each.parent in known else None].append(each)
    return below


def _with(state: _Open, said: Said) -> _Open:
    """Add a message to the turn it belongs to."""
    at = max(said.at or state.at, state.at)
    match said.role:
        case Role.USER:
            text = MESSAGE_GAP.join(part for part in (state.text, said.text) if part)
            return replace(state, text=text, images=state.images + said.images, asked=True, at=at)
        case Role.REPLY:
            parts = state.parts
            for part in said.parts:
                parts = (parts, part)
            stats = said.stats if said.stats != Stats() else state.stats
            model = said.model or state.model
            count = state.count + len(said.parts)
            return replace(state, parts=parts, count=count, model=model, stats=stats, whole=said.whole)
        case Role.SYSTEM if not state.begun and state.parent is None:
            return replace(state, system=MESSAGE_GAP.join(part for part in (state.system, said.text) if part))
        case _:
            return state


def _closed(state: _Open, number: TurnId) -> Turn:
    items = _items(state.parts)
    return Turn(
        id=number,
        parent=state.parent,
        prompt=Prompt(state.text, state.images),
        reply=Reply(items=items, stats=state.stats),
        outcome=Outcome.COMPLETE if items and state.whole else Outcome.INTERRUPTED,
        server="",
        model=state.model,
        at=state.at,
        system=state.system,
    )


def _items(linked: object) -> tuple[Item, ...]:
    """Return the items of a reply: each result is at its call, and the time that thinking took at what was thought."""
    parts: list[Part] = []
    while isinstance(linked, tuple):
        linked, part = linked
        parts.append(part)
    items: list[Item] = []
    calls: dict[str, int] = {}
    for part in reversed(parts):
        match part:
            case Call(key, tool, arguments):
                calls[key] = calls[""] = len(items)
                items.append(ToolCall(tool, arguments, ""))
            case Result(key, tool, output):
                place = calls.pop(key, None)
                called = items[place] if place is not None else None
                if isinstance(called, ToolCall) and place is not None and not called.output:
                    items[place] = replace(called, output=output)
                else:
                    items.append(ToolCall(tool, {}, output))
            case Reasoning("", seconds):
                if items and isinstance(items[-1], Reasoning):
                    items[-1] = replace(items[-1], seconds=seconds)
            case Message() | Reasoning():
                items.append(part)
    return tuple(items)


def _head(found: Found, turns: dict[TurnId, Turn], ends: dict[str, TurnId]) -> TurnId | None:
    """Return the turn of the message that was shown last, or of the latest; an attempt is none, what it follows is."""
    head: TurnId | None = ends.get(_last_below(found, ends)) or max(turns)
    while head is not None and turns[head].empty:
        head = turns[head].parent
    return head


def _last_below(found: Found, ends: dict[str, TurnId]) -> str:
    """Return the key of the message that ends a turn, at or below the head."""
    key = found.head or ""
    followed = Counter[str]()
    latest = {said.parent: said.key for said in found.said if said.parent is not None}
    while key not in ends and key in latest and not followed[key]:
        followed[key] += 1
        key = latest[key]
    return key
