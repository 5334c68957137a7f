"""What the picker of sessions knows and does: the list, the turns of one session, renaming, deleting, the preview.

It draws nothing and reads no keys.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import Enum, auto

from prompt_toolkit.formatted_text import StyleAndTextTuples

from lmchat.advice import IN_TALK, Action, Do, worded
from lmchat.chat.keeping import Match, TreeEntry
from lmchat.chat.session import Session, TurnId
from lmchat.dataclass import dataclass
from lmchat.errors import LmchatError
from lmchat.render.history import first_rows, last_rows
from lmchat.render.terminal import Theme
from lmchat.render.text import cells, padded, sanitize_line, shorten
from lmchat.repl.matching import Found, Sessions, fitting_turns
from lmchat.repl.picker.choice import Marked
from lmchat.store.store import Store

_FIRST = 200
"""How many sessions are listed before the rest is read."""
_MOST_MATCHES = 200
_MOST_PREVIEWS = 100


class Mode(Enum):
    """What the keys are for."""

    SESSIONS = auto()
    TURNS = auto()
    RENAME = auto()
    DELETE = auto()


@dataclass(frozen=True, slots=True)
class Picked:
    """What was chosen: a session, and the turn to go to where that is not its head."""

    name: str
    turn: TurnId | None = None


class Browser:
    """The sessions of a store, and where the person is among them."""

    def __init__(self, store: Store, theme: Theme, now: Callable[[], datetime]) -> None:
        self.now = now
        self.mode = Mode.SESSIONS
        self.notice = ""
        self.sessions: Marked[Found] = Marked()
        self.turns: Marked[TreeEntry] = Marked()
        self._store = store
        self._theme = theme
        self.typed = ""
        self._opened: Session | None = None
        self._entries: Sequence[TreeEntry] = ()
        self._wanted: TurnId | None = None
        self._previews: dict[tuple[object, ...], list[str]] = {}
        self._all = Sessions(store.sessions(limit=_FIRST))
        self.sessions.offer(self._all.fitting(""))

    @property
    def title(self) -> str:
        """Return what the line that is typed in begins with."""
        return f"Turn of {self._opened.name}" if self._opened else "Session"

    @property
    def picked(self) -> Picked | None:
        """Return what Enter chooses."""
        if self._opened is not None:
            return Picked(self._opened.name, self.turns.entry.id) if self.turns.entry else None
        return Picked(self.sessions.entry.name) if self.sessions.entry else None

    def listed(self) -> Sessions:
        """Read all sessions; any thread may do so."""
        return Sessions(self._store.sessions())

    def take(self, sessions: Sessions) -> None:
        """Offer all sessions, with the same one marked if it is still there."""
        self._all = sessions
        self._offer(self._all.fitting(self.typed))

    def found(self, typed: str) -> tuple[Match, ...]:
        """Search all that was said; any thread may do so."""
        return self._store.search(typed, limit=_MOST_MATCHES) if typed.split() else ()

    def take_found(self, typed: str, matches: Sequence[Match]) -> None:
        """Add what a search found, unless something else has been typed since."""
        if typed == self.typed and self._opened is None:
            self._offer(self._all.fitting(typed, matches))

    def narrow(self, typed: str) -> None:
        """Offer what fits, and clear the notice."""
        self.notice = ""
        if self._opened is not None:
            fitting = fitting_turns(typed, self._entries)
            self.turns.offer(fitting, 0 if typed else self._place_in(fitting))
            return
        if typed == self.typed:
            return
        self.typed = typed
        self.sessions.offer(self._all.fitting(typed))

    def move(self, by: int) -> None:
        """Mark another entry."""
        (self.turns if self._opened else self.sessions).move(by)

    def open_turns(self) -> bool:
        """List the turns of the marked session, newest first; tell whether it has any."""
        marked = self.sessions.entry
        if marked is None or self._opened is not None:
            return False
        try:
            session = self._store.find(marked.name)
            self._entries = self._store.tree(session)[::-1]
        except LmchatError as error:
            self.notice = error.message
            return False
        if not self._entries:
            self.notice = "This session has no turns yet."
            return False
        self._opened, self.mode = session, Mode.TURNS
        self._wanted = marked.turn or session.head
        self.turns.offer(self._entries, self._place_in(self._entries))
        return True

    def close_turns(self) -> None:
        """Go back to the list of sessions."""
        self._opened, self.mode = None, Mode.SESSIONS

    def ask(self, mode: Mode) -> bool:
        """Begin to rename or delete the marked session; tell whether there is one."""
        if self.sessions.entry is None or self._opened is not None:
            return False
        self.mode, self.notice = mode, ""
        return True

    def rename(self, new: str) -> None:
        """Give the marked session another name; where that fails, say why."""
        self.mode = Mode.SESSIONS
        if (marked := self.sessions.entry) is not None and new.strip():
            self._change(lambda: self._store.rename(marked.name, new.strip()), f"'{marked.name}' is '{new.strip()}'.")

    def delete(self, *, sure: bool) -> None:
        """Move the marked session to the trash where the person is sure."""
        self.mode = Mode.SESSIONS
        if (marked := self.sessions.entry) is not None and sure:
            said = worded(("Deleted; ", Do(Action.RESTORE_SESSION, marked.name), " brings it back."), IN_TALK)
            self._change(lambda: self._store.trash([marked.name]), said)

    def preview(self, width: int, height: int) -> list[str]:
        """Return the rows of the marked session or turn, with their looks as escapes."""
        if self._opened is not None:
            key: tuple[object, ...] = (self._opened.name, self.turns.entry and self.turns.entry.id, width, height)
        else:
            marked = self.sessions.entry
            key = (marked and marked.name, marked and marked.turn, marked and marked.used, width, height)
        if key[0] is None or (self._opened and key[1] is None):
            return []
        if key not in self._previews:
            if len(self._previews) >= _MOST_PREVIEWS:
                self._previews.clear()
            self._previews[key] = self._drawn(str(key[0]), key[1], width, height)
        return self._previews[key]

    def _place_in(self, entries: Sequence[TreeEntry]) -> int:
        """Return where the turn is that is marked first: the one that was found, or the head."""
        return next((at for at, each in enumerate(entries) if each.id == self._wanted), 0)

    def _drawn(self, name: str, turn: object, width: int, height: int) -> list[str]:
        try:
            session = self._opened or self._store.find(name)
            if isinstance(turn, int):
                return first_rows(session.turn(TurnId(turn)), self._theme, width, height)
            return last_rows(session.lineage(), self._theme, width, height)
        except LmchatError as error:
            return [error.message]

    def _change(self, change: Callable[[], None], said: str) -> None:
        place = self.sessions.place
        try:
            change()
            self._all = self.listed()
            self.notice = said
        except LmchatError as error:
            self.notice = error.message
        self._previews.clear()
        self.sessions.offer(self._all.fitting(self.typed), place)

    def _offer(self, entries: Sequence[Found]) -> None:
        """Offer other sessions; the marked one stays marked where it was moved to."""
        marked = self.sessions.entry if self.sessions.place else None
        place = next((at for at, each in enumerate(entries) if marked and each.name == marked.name), 0)
        self.sessions.offer(entries, place)


_BESIDE_COLUMNS, _BELOW_ROWS = 72, 18
_LIST_SHARE, _WIDEST_LIST = 0.42, 60
_OTHER_ROWS = 2
"""The line that is typed in, and the hints."""
_NAME_SHARE = 0.6
_GAP = "  "


@dataclass(frozen=True, slots=True)
class Room:
    """The cells of list and preview; without room for a preview, that has no rows."""

    columns: int
    rows: int
    preview_columns: int = 0
    preview_rows: int = 0

    @property
    def beside(self) -> bool:
        """Tell whether the preview is beside the list, and not below it."""
        return self.preview_rows == self.rows


def room_in(columns: int, rows: int) -> Room:
    """Divide a window: the preview is beside the list, below it where that is narrow, or left out where it is low."""
    rows = max(rows - _OTHER_ROWS, 1)
    if columns >= _BESIDE_COLUMNS:
        width = min(int(columns * _LIST_SHARE), _WIDEST_LIST)
        return Room(width, rows, columns - width - len(" │ "), rows)
    if rows >= _BELOW_ROWS - _OTHER_ROWS:
        listed = rows // 3
        return Room(columns, listed, columns, rows - listed - 1)
    return Room(columns, rows)


def entry_row(name: str, words: str, age: str, width: int, *, marked: bool) -> StyleAndTextTuples:
    """Write one row of a list within `width` cells: a name, words as far as there is room, and an age at the end."""
    look = "class:prompt" if marked else ""
    room = width - 2 - (cells(age) + len(_GAP) if age else 0)
    name, words = sanitize_line(name), sanitize_line(words)
    shown = shorten(name, max(int(room * _NAME_SHARE), room - cells(words) - len(_GAP)) if words else room)
    left = room - cells(shown) - len(_GAP)
    beside = shorten(words, left) if left > len(_GAP) else ""
    end = room - cells(shown) - (cells(beside) + len(_GAP) if beside else 0)
    row: StyleAndTextTuples = [(look, f"{'>' if marked else ' '} {shown}")]
    if beside:
        row.append(("class:status", f"{_GAP}{beside}"))
    return [*row, ("class:status", f"{' ' * max(end, 0)}{_GAP}{age}" if age else ""), ("", "\n")]


def hint_line(hints: list[tuple[str, str]], width: int) -> StyleAndTextTuples:
    """Write as many hints (a key, and what it does) as fit, the first ones first and the last one in any case."""
    shown, gap = list(hints), " · "
    while len(shown) > 1 and cells(gap.join(f"{key} {does}" for key, does in shown)) > width:
        del shown[-2]
    return [("class:status", padded(shorten(gap.join(f"{key} {does}" for key, does in shown), width), width))]
