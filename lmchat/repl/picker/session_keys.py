"""The keys of the picker of sessions."""

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys

from lmchat.repl.picker.browser import Browser, Mode

_PAGE = 10


def session_keys(browser: Browser, typed: Buffer, name: Buffer) -> KeyBindings:
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

    # What is no character needs a binding of its own.
    @keys.add("enter", filter=asked)
    def do_not(_event: KeyPressEvent) -> None:
        browser.delete(sure=False)


def _put(buffer: Buffer, text: str) -> None:
    buffer.document = Document(text, len(text))
