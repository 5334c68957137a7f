"""The picker of sessions: a list narrowed by typing with a preview beside it, on a screen of its own.

Enter opens a session, Tab lists its turns to go to one; it is renamed and deleted from here. Leaving changes nothing.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import ANSI, StyleAndTextTuples, to_formatted_text
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout import (
    BufferControl,
    ConditionalContainer,
    DynamicContainer,
    FormattedTextControl,
    HSplit,
    Layout,
    VSplit,
    Window,
)
from prompt_toolkit.layout.containers import AnyContainer
from prompt_toolkit.layout.processors import BeforeInput

from lmchat.dataclass import replace
from lmchat.errors import LmchatError
from lmchat.render.notes import short_age
from lmchat.render.terminal import Theme, moves_cursor
from lmchat.repl.picker.browser import Browser, Mode, Picked, Room, entry_row, hint_line, room_in
from lmchat.repl.picker.choice import Screen, chosen_by_number, screen_of, typed_at
from lmchat.store.store import Store
from lmchat.world import World

Result = TypeVar("Result")

_PAUSE_SECONDS = 0.1
"""How long typing must rest before everything that was said is searched."""
_HINTS = {
    Mode.SESSIONS: [
        ("Enter", "opens"), ("Tab", "turns"), ("Ctrl-R", "renames"), ("Ctrl-X", "deletes"), ("Esc", "leaves"),
    ],
    Mode.TURNS: [("Enter", "goes on from there"), ("digits", "find a turn"), ("Esc", "back")],
}  # fmt: skip


def picked_session(browser: Browser, screen: Screen, typed: str = "") -> Picked | None:
    """Let the person pick a session, or a turn of one; None where they leave. `typed` is in the line already."""
    return _Picker(browser, screen, typed).run()


class _Picker:
    """The application: what it shows, and what it looks up while keys are read."""

    def __init__(self, browser: Browser, screen: Screen, typed: str) -> None:
        self._browser = browser
        self._output = screen.output
        self._typed = Buffer(multiline=False, on_text_changed=self._narrow)
        self._name = Buffer(multiline=False)
        keys = _session_keys(browser, self._typed, self._name)
        self._application: Application[Picked | None] = Application(
            layout=Layout(self._container()),
            key_bindings=keys,
            full_screen=True,
            style=screen.style,
            color_depth=screen.depth,
            input=screen.source,
            output=screen.output,
        )
        self._application.ttimeoutlen = 0.1
        self._typed.document = Document(typed, len(typed))

    def run(self) -> Picked | None:
        """Show the picker until the person picks or leaves."""
        return self._application.run(pre_run=lambda: self._in_background(self._read_all()))

    def _narrow(self, typed: Buffer) -> None:
        self._browser.narrow(typed.text)
        if typed.text.strip() and self._browser.mode is Mode.SESSIONS and self._application.is_running:
            self._in_background(self._search(typed.text))

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        self._application.create_background_task(work)

    async def _read_all(self) -> None:
        """Read all sessions while the newest are on the screen already."""
        await self._looked_up(self._browser.listed, self._browser.take)
        if self._typed.text.strip():
            await self._search(self._typed.text)

    async def _search(self, typed: str) -> None:
        await asyncio.sleep(_PAUSE_SECONDS)
        if typed == self._typed.text:
            await self._looked_up(
                lambda: self._browser.found(typed), lambda found: self._browser.take_found(typed, found)
            )

    async def _looked_up(self, look: Callable[[], Result], take: Callable[[Result], None]) -> None:
        """Look something up in a thread, and show what was found."""
        try:
            take(await asyncio.get_running_loop().run_in_executor(None, look))
        except LmchatError as error:
            self._browser.notice = error.message
        self._application.invalidate()

    def _room(self) -> Room:
        size = self._output.get_size()
        return room_in(size.columns, size.rows)

    def _container(self) -> HSplit:
        renaming = Condition(lambda: self._browser.mode is Mode.RENAME)
        typed = BufferControl(
            self._typed,
            input_processors=[BeforeInput(lambda: [("class:prompt", f"{self._browser.title}: ")])],
            focus_on_click=False,
        )
        name = BufferControl(self._name, input_processors=[BeforeInput("New name: ", style="class:prompt")])
        return HSplit([
            Window(typed, height=1),
            DynamicContainer(self._body),
            ConditionalContainer(Window(name, height=1), renaming),
            ConditionalContainer(Window(FormattedTextControl(self._last_line), height=1), ~renaming),
        ])  # fmt: skip

    def _body(self) -> AnyContainer:
        room = self._room()
        listed = Window(FormattedTextControl(self._rows), width=room.columns, height=room.rows)
        if not room.preview_rows:
            return listed
        preview = Window(FormattedTextControl(self._preview), width=room.preview_columns, height=room.preview_rows)
        if room.beside:
            rule = Window(FormattedTextControl([("class:status", " │ \n" * room.rows)]), width=3)
            return VSplit([listed, rule, preview])
        return HSplit([listed, Window(char="─", height=1, style="class:status"), preview])

    def _rows(self) -> StyleAndTextTuples:
        browser, room = self._browser, self._room()
        rows: StyleAndTextTuples = []
        now = browser.now()
        if browser.mode is Mode.TURNS:
            for marked, _, entry in browser.turns.visible(room.rows):
                rows += entry_row(
                    str(entry.id), entry.first_words, short_age(entry.at, now), room.columns, marked=marked
                )
        else:
            for marked, _, each in browser.sessions.visible(room.rows):
                rows += entry_row(each.name, each.words, short_age(each.used, now), room.columns, marked=marked)
        return rows or [("class:status", "  Nothing fits.")]

    def _preview(self) -> StyleAndTextTuples:
        room = self._room()
        return to_formatted_text(ANSI("\n".join(self._browser.preview(room.preview_columns, room.preview_rows))))

    def _last_line(self) -> StyleAndTextTuples:
        browser, width = self._browser, self._output.get_size().columns
        marked = browser.sessions.entry
        if browser.mode is Mode.DELETE and marked is not None:
            return [("class:prompt", f"Move '{marked.name}' to the trash? [y/N] ")]
        if browser.notice:
            return [("", browser.notice)]
        return hint_line(_HINTS[browser.mode if browser.mode is Mode.TURNS else Mode.SESSIONS], width)


def picked_at(world: World, store: Store, theme: Theme, typed: str) -> Picked | None:
    """Let the person pick a session at the terminal; `typed` narrows the list down already."""
    if not moves_cursor(world.stderr, world.environ):
        offers = [(name, "") for name in store.names()]
        name = chosen_by_number("Which session?", offers, world.stderr.write, typed_at(world))
        return None if name is None else Picked(name)
    browser = Browser(store, replace(theme, links=False), world.now)
    return picked_session(browser, screen_of(world, colours=theme.code_colours), typed)


_PAGE = 10


def _session_keys(browser: Browser, typed: Buffer, name: Buffer) -> KeyBindings:
    """Make the bindings; `typed` is the line that narrows the list, `name` the one a new name is typed in."""
    keys = KeyBindings()
    looking = Condition(lambda: browser.mode in {Mode.SESSIONS, Mode.TURNS})
    _moves(keys, browser, looking)
    _steps(keys, browser, typed)
    _questions(keys, browser, typed, name)

    @keys.add("enter", filter=looking & Condition(lambda: browser.picked is not None))
    def pick(event: KeyPressEvent) -> None:
        event.app.exit(result=browser.picked)

    @keys.add("c-c")
    @keys.add("c-d")
    @keys.add("<sigint>")
    def leave(event: KeyPressEvent) -> None:
        event.app.exit(result=None)

    return keys


def _steps(keys: KeyBindings, browser: Browser, typed: Buffer) -> None:
    """Bind what opens the turns of a session, and what goes one step back."""
    listing = Condition(lambda: browser.mode is Mode.SESSIONS)
    opened = Condition(lambda: browser.mode is Mode.TURNS)

    @keys.add("tab", filter=listing)
    @keys.add("right", filter=listing & Condition(lambda: typed.cursor_position == len(typed.text)))
    def open_turns(_event: KeyPressEvent) -> None:
        if browser.open_turns():
            _put(typed, "")

    @keys.add("escape", filter=opened, eager=True)
    @keys.add("s-tab", filter=opened)
    @keys.add("left", filter=opened & Condition(lambda: typed.cursor_position == 0))
    def close_turns(_event: KeyPressEvent) -> None:
        browser.close_turns()
        _put(typed, browser.typed)

    @keys.add("escape", filter=listing, eager=True)
    def leave(event: KeyPressEvent) -> None:
        event.app.exit(result=None)

    @keys.add("escape", filter=~listing & ~opened, eager=True)
    def ask_no_more(event: KeyPressEvent) -> None:
        browser.mode = Mode.SESSIONS
        event.app.layout.focus(typed)


def _moves(keys: KeyBindings, browser: Browser, looking: Condition) -> None:
    steps = {"up": -1, "c-p": -1, "down": 1, "c-n": 1, "pageup": -_PAGE, "pagedown": _PAGE}
    for key, by in steps.items():

        @keys.add(key, filter=looking)
        def move(_event: KeyPressEvent, by: int = by) -> None:
            browser.move(by)


def _questions(keys: KeyBindings, browser: Browser, typed: Buffer, name: Buffer) -> None:
    """Bind what renames and deletes, and the keys that answer."""
    listing = Condition(lambda: browser.mode is Mode.SESSIONS)
    renaming = Condition(lambda: browser.mode is Mode.RENAME)
    asked = Condition(lambda: browser.mode is Mode.DELETE)

    @keys.add("c-r", filter=listing)
    @keys.add("f2", filter=listing)
    def ask_name(event: KeyPressEvent) -> None:
        marked = browser.sessions.entry
        if marked is not None and browser.ask(Mode.RENAME):
            _put(name, marked.name)
            event.app.layout.focus(name)

    @keys.add("enter", filter=renaming)
    def rename(event: KeyPressEvent) -> None:
        event.app.layout.focus(typed)
        browser.rename(name.text)

    @keys.add("c-x", filter=listing, eager=True)  # elsewhere it begins a longer key
    @keys.add("delete", filter=listing & Condition(lambda: typed.cursor_position == len(typed.text)))
    def ask_delete(_event: KeyPressEvent) -> None:
        browser.ask(Mode.DELETE)

    @keys.add(Keys.Any, filter=asked)
    def answer(event: KeyPressEvent) -> None:
        browser.delete(sure=event.data in {"y", "Y"})

    # What is not a character needs a binding of its own.
    @keys.add("enter", filter=asked)
    def do_not(_event: KeyPressEvent) -> None:
        browser.delete(sure=False)


def _put(buffer: Buffer, text: str) -> None:
    buffer.document = Document(text, len(text))
