"""What the keys of the input line do beyond what the library does already."""

from collections.abc import Callable
from typing import Any

from prompt_toolkit.application import Application, run_in_terminal
from prompt_toolkit.application.current import get_app
from prompt_toolkit.auto_suggest import AutoSuggest, Suggestion
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import Condition, emacs_mode, has_focus
from prompt_toolkit.input.ansi_escape_sequences import ANSI_SEQUENCES
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.key_binding.key_processor import KeyPressEvent
from prompt_toolkit.key_binding.vi_state import InputMode
from prompt_toolkit.keys import Keys

from lmchat.dataclass import dataclass
from lmchat.repl.line import SLASH, plain
from lmchat.repl.paste import Folds

_NEW_LINE = ("\x1b[27;2;13~", "\x1b[13;2u", "\x1b\r")


@dataclass(frozen=True, slots=True)
class Cleared:
    """Ctrl-C cleared the line; `empty` tells nothing was on it, `again` that the toolbar says what a second does."""

    empty: bool
    again: bool = False


@dataclass(frozen=True, slots=True)
class Shortcut:
    """A key that runs a command; what is in the line stays there for afterwards."""

    command: str
    line: str


def know_new_line() -> None:
    """Make Alt-Enter a new line, and Shift-Enter where a terminal tells it from Enter.

    Each is one key: Escape and then Enter are two, which with vi's keys send the line.
    """
    for sequence in _NEW_LINE:
        ANSI_SEQUENCES[sequence] = Keys.ControlJ


def bindings(
    edit: Callable[[str], str],
    pasted: Callable[[str, Document], str],
    noticed: Callable[[], bool],
    folds: Folds,
) -> KeyBindings:
    """Make the bindings.

    `edit` opens a text in the person's editor and returns it changed; `pasted` returns what a paste puts into a line;
    `noticed` tells whether the toolbar says that Ctrl-C leaves.
    """
    keys = KeyBindings()
    typing = has_focus(DEFAULT_BUFFER)

    @keys.add("enter", filter=typing)
    def send(event: KeyPressEvent) -> None:
        line = event.current_buffer
        menu = line.complete_state
        if menu and menu.current_completion and len(menu.completions) > 1:
            line.complete_state = None  # what was chosen is in the line; the next Enter sends it
        elif line.document.char_before_cursor == "\\" and line.document.is_cursor_at_the_end_of_line:
            line.delete_before_cursor()
            new_line(line)
        else:
            line.validate_and_handle()

    @keys.add("c-j", filter=typing)
    @keys.add("escape", "enter", filter=typing & emacs_mode)
    def more(event: KeyPressEvent) -> None:
        new_line(event.current_buffer)

    @keys.add(Keys.BracketedPaste, filter=typing)
    def paste(event: KeyPressEvent) -> None:
        text = event.data.replace("\r\n", "\n").replace("\r", "\n")
        # Without the event: neither completion nor suggestion looks at what is pasted.
        event.current_buffer.insert_text(pasted(text, event.current_buffer.document), fire_event=False)

    @keys.add("c-c", filter=typing)
    @keys.add("<sigint>")
    def clear(event: KeyPressEvent) -> None:
        event.app.erase_when_done = True
        event.app.exit(result=Cleared(empty=not event.app.current_buffer.text, again=noticed()))

    @keys.add("c-o", filter=typing)
    def pick_session(event: KeyPressEvent) -> None:
        event.app.erase_when_done = True
        event.app.exit(result=Shortcut("/switch", folds.whole(event.current_buffer.text)))

    @keys.add("c-x", "c-e", filter=typing)
    def open_editor(event: KeyPressEvent) -> None:
        line = event.current_buffer

        def change() -> None:
            before = folds.whole(line.text)
            after = edit(plain(before))
            text = folds.fold(before if after == plain(before) else after)
            line.document = Document(text, len(text))

        run_in_terminal(change)

    return keys


def new_line(line: Buffer) -> None:
    """Begin a new line; the text is not sent yet."""
    line.insert_text("\n", fire_event=False)


def _typed() -> str:
    return get_app().current_buffer.text


def offer_commands(line: Buffer) -> None:
    """Offer completions of what has just been typed, where it can be a command.

    The library's own way keeps rows free for them also where a command that failed is in the line again.
    """
    if typing_command():
        line.start_completion()


def vi_mode(app: Application[Any]) -> str:
    """Name the mode that vi's keys are in."""
    if app.current_buffer.selection_state is not None:
        return "visual"
    match app.vi_state.input_mode:
        case InputMode.NAVIGATION:
            return "normal"
        case InputMode.REPLACE | InputMode.REPLACE_SINGLE:
            return "replace"
        case _:
            return "insert"


class FromHistory(AutoSuggest):
    """The rest of the newest entry that begins with what is typed, in grey; Right and Ctrl-E take it."""

    def __init__(self, begun_with: Callable[[str], str]) -> None:
        self._begun_with = begun_with

    def get_suggestion(
        self,
        buffer: Buffer,  # noqa: ARG002 - the library hands it in
        document: Document,
    ) -> Suggestion | None:
        """Suggest the rest of that entry's line."""
        text = document.text
        if not text.strip() or text.startswith(" "):
            return None
        return Suggestion(self._begun_with(text)[len(text) :].partition("\n")[0])


typing_command = Condition(lambda: _typed().startswith(tuple(SLASH)) and "\n" not in _typed())
"""Whether what is typed can be a command: only then is completion offered while typing."""
