"""Turns and sessions: a conversation is a tree of immutable turns, a session a name that points at one.

The one rule of what a request carries is here (`follows` and `unsent`).
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import NewType, Protocol, cast, overload, runtime_checkable
from unicodedata import category

from lmchat.advice import Action, Do
from lmchat.chat.models import Integration
from lmchat.chat.values import Cut, Options, Prompt, Reply
from lmchat.dataclass import dataclass, field, replace
from lmchat.errors import BadUseError, NotFoundError, StoreError

TurnId = NewType("TurnId", int)
"""A short number, counted from 1 within a tree; it never changes."""

UNNUMBERED = TurnId(0)
"""The id of a turn that was never kept; the first `keep` gives it a number."""

_OUTCOME = re.compile("[a-z_]{1,40}")


class Outcome(Enum):
    """How a turn ended; a word that only a newer lmchat knows is a member of its own, and is kept as it is."""

    COMPLETE = "complete"
    TRUNCATED = "truncated"
    INTERRUPTED = "interrupted"
    FAILED = "failed"

    @property
    def answered(self) -> bool:
        """Tell whether the server ended the reply itself, and has it whole as far as it came."""
        return self in {Outcome.COMPLETE, Outcome.TRUNCATED}

    @classmethod
    def _missing_(cls, value: object) -> "Outcome | None":
        """Return the member for a word of a newer lmchat, the same one each time, or None for what is no such word."""
        if not isinstance(value, str) or not _OUTCOME.fullmatch(value):
            return None
        other = object.__new__(cls)
        other._name_, other._value_ = value.upper(), value
        # What Enum looks a value up in: without it, two turns with the same outcome would differ.
        known = cast("dict[object, Outcome]", cls._value2member_map_)
        return known.setdefault(value, other)


@dataclass(frozen=True, slots=True)
class Turn:
    """What was asked and what came back.

    `server` names the server whose `response_id` this is, `system` the system prompt its chain carries.
    `forgotten` says that the server has lost the id since. The reply of a `summary` replaces all turns above it.
    `fault` is the sentence a failed turn ended with, and the word of what cut a truncated one (see `Cut`).
    """

    id: TurnId
    parent: TurnId | None
    prompt: Prompt
    reply: Reply
    outcome: Outcome
    server: str
    model: str
    at: datetime
    system: str = ""
    forgotten: bool = False
    summary: bool = False
    fault: str = ""

    @property
    def empty(self) -> bool:
        """Tell whether the turn ended before anything came: it is an attempt, and no head ever moves to it."""
        return self.outcome is not Outcome.COMPLETE and not self.reply.items

    @property
    def cut(self) -> Cut | None:
        """Return what cut the reply; LENGTH for what only a newer lmchat knows, None where nothing did."""
        if self.outcome is not Outcome.TRUNCATED:
            return None
        return Cut(self.fault) if self.fault in {each.value for each in Cut} else Cut.LENGTH

    @property
    def ending(self) -> str:
        """Say how a turn ended that is not complete, and why where that is known; empty for one that is."""
        if self.outcome is Outcome.COMPLETE:
            return ""
        why = self.cut.why if self.cut else self.fault
        return f"{self.outcome.value}: {why}" if why else self.outcome.value


@runtime_checkable
class Numbered(Protocol):
    """Turns of which the numbers can be read without the turns."""

    def numbers_to(self, to: TurnId) -> Sequence[TurnId]:
        """Return the numbers of the turns from the root to `to`; raise KeyError for one that is missing."""


class TurnPath(Sequence[Turn]):
    """Turns in a row of which only the numbers are in memory; each is read when it is used."""

    def __init__(self, numbers: Sequence[TurnId], read: Callable[[TurnId], Turn]) -> None:
        self._numbers = numbers
        self._read = read

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[Turn]:
        return map(self._read, self._numbers)

    @overload
    def __getitem__(self, place: int) -> Turn: ...

    @overload
    def __getitem__(self, place: slice) -> "TurnPath": ...

    def __getitem__(self, place: int | slice) -> "Turn | TurnPath":
        numbers = self._numbers[place]
        return self._read(numbers) if isinstance(numbers, int) else TurnPath(numbers, self._read)


@dataclass(frozen=True, slots=True)
class Session:
    """A name, the turn it points at (None before the first), and what it talks with.

    `id` is the store's number of it, which never changes; 0 while it is kept nowhere.

    `turns` is a view of the tree, which may be read from disk on demand: a walk from the head costs what it visits,
    however long the conversation is.
    """

    name: str
    turns: Mapping[TurnId, Turn] = field(repr=False)
    head: TurnId | None = None
    model: str = ""
    system: str = ""
    options: Options = field(default_factory=Options)
    integrations: tuple[Integration, ...] = ()
    id: int = 0

    def lineage(self, start: TurnId | None = None) -> Iterator[Turn]:
        """Walk from `start` (the head where it is None) towards the root, reading turns as they are asked for."""
        turn_id = self.head if start is None else start
        while turn_id is not None:
            turn = self._read(turn_id)
            yield turn
            turn_id = turn.parent

    def path_numbers(self) -> Sequence[TurnId]:
        """Return the numbers of the turns from the root to the head; raise StoreError where one is missing."""
        if self.head is None:
            return ()
        if not isinstance(self.turns, Numbered):
            return [turn.id for turn in self.lineage()][::-1]
        try:
            return self.turns.numbers_to(self.head)
        except KeyError as error:
            raise self._missing(error.args[0]) from None

    def path(self) -> "TurnPath":
        """Return the turns from the root to the head, each of which is read when it is used."""
        return TurnPath(self.path_numbers(), self._read)

    @property
    def base(self) -> TurnId | None:
        """Return the turn that the next one follows: the head, or its parent where the head is empty."""
        if self.head is None:
            return None
        head = self._read(self.head)
        return head.parent if head.empty else head.id

    def follows(self, server: str | None) -> Turn | None:
        """Find the nearest turn whose `response_id` this server still knows, under the same system prompt.

        `server` is None for one that keeps nothing. A forgotten id ends the search: servers forget the oldest first
        (PROTOCOL.md section 2, State). So does a summary, which was written to begin a new chain.
        """
        for turn in () if server is None else self._base_lineage():
            if turn.summary:
                return None
            if turn.server != server or turn.reply.response_id is None:
                continue
            if turn.forgotten:
                return None
            if turn.outcome.answered and turn.system == self.system:
                return turn
        return None

    def unsent(self, server: str | None) -> tuple[Turn, ...]:
        """Return the turns that the next request must contain as a recap, oldest first.

        A summary replaces what is above it, so it is the oldest there is.
        """
        followed = self.follows(server)
        missing = []
        for turn in self._base_lineage():
            if followed is not None and turn.id == followed.id:
                break
            missing.append(turn)
            if turn.summary:
                break
        return tuple(reversed(missing))

    def draft(self, prompt: Prompt, server: str, at: datetime, *, summary: bool) -> Turn:
        """Return the next turn as it is before anything of its reply has come."""
        return Turn(
            id=UNNUMBERED,
            parent=self.base,
            prompt=prompt,
            reply=Reply(),
            outcome=Outcome.INTERRUPTED,
            server=server,
            model=self.model,
            at=at,
            system=self.system,
            summary=summary,
        )

    def turn(self, turn_id: TurnId) -> Turn:
        """Return one turn of the tree; raise NotFoundError where there is none of that number."""
        try:
            return self.turns[turn_id]
        except KeyError:
            where = f"session '{self.name}'" if self.name else "a new session"
            raise NotFoundError(
                f"There is no turn {turn_id} in {where}.",
                hint=(Do(Action.SHOW_TREE, self.name), " shows the turns and their numbers."),
            ) from None

    def moved(self, to: TurnId | None) -> "Session":
        """Return the session with its head on another turn (None: before the first)."""
        if to is not None:
            self.turn(to)
        return replace(self, head=to)

    def grown(self, turn: Turn) -> "Session":
        """Return the session with its head on a turn that was just added to the tree."""
        return replace(self, head=turn.id)

    def undone(self, count: int = 1) -> "Session":
        """Return the session with its head `count` turns nearer to the root, or raise BadUseError."""
        if count < 1:
            raise BadUseError("The number of turns to undo must be 1 or more.")
        head = self.head
        for done in range(count):
            if head is None:
                have = "Nothing is left to undo." if done == 0 else f"No more than {done} can be undone."
                raise BadUseError(have, hint=(Do(Action.SHOW_TREE, self.name), " shows the turns and their numbers."))
            head = self._read(head).parent
        return replace(self, head=head)

    def forked(self, name: str, at: TurnId | None = None) -> "Session":
        """Return a session of another name that points at the same turn, or at `at`."""
        return replace(self, name=name) if at is None else replace(self.moved(at), name=name)

    def _base_lineage(self) -> Iterator[Turn]:
        base = self.base
        return iter(()) if base is None else self.lineage(base)

    def _read(self, turn_id: TurnId) -> Turn:
        """Return a turn that another or the session points at; raise StoreError where it is missing."""
        try:
            return self.turns[turn_id]
        except KeyError:
            raise self._missing(turn_id) from None

    def _missing(self, turn_id: TurnId) -> StoreError:
        return StoreError(
            f"Turn {turn_id} of session '{self.name}' is missing.",
            hint="Another program deleted it, or the file is damaged.",
        )


def spells(character: str) -> bool:
    """Tell whether a character is part of a word, and so of a name made from one: a letter, a digit, a mark on one."""
    return category(character)[0] in "LMN"
