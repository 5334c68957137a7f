"""How the input line is edited: its keys, beyond the library's own, and long pastes, which become one character.

So a pasted megabyte costs no more to draw and to edit than a word, and is deleted as one character.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from prompt_toolkit.application import Application, run_in_terminal
from prompt_toolkit.application.current import get_app
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import Condition, FilterOrBool, emacs_mode, has_focus
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.input.ansi_escape_sequences import ANSI_SEQUENCES
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.key_binding.key_processor import KeyPressEvent
from prompt_toolkit.key_binding.vi_state import InputMode
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout.processors import Processor, Transformation, TransformationInput

from lmchat.dataclass import dataclass
from lmchat.render.text import sanitize_line, shown_in_line
from lmchat.repl.line import BANG, SLASH, as_mentions, literal, plain

_CONTINUATION = "… "
_NEW_LINE = ("\x1b[27;2;13~", "\x1b[13;2u", "\x1b\r")
LONGEST_UNFOLDED = 10_000
_FIRST_PLACEHOLDER = 0x10F000  # private use: no text that people write has them
_MOST_PLACEHOLDERS = 4096
_SHOWN_ENDS = 30


@dataclass(frozen=True, slots=True)
class PromptOptions:
    """How the input line behaves; `history` is its file, None where nothing may be written.

    With `focus`, the terminal is asked to report when its window gets and loses the focus.
    """

    environ: Mapping[str, str]
    history: Path | None = None
    vi: bool = False
    colours: bool = True
    focus: bool = False


@dataclass(frozen=True, slots=True)
class Typed:
    """A line that was typed and sent."""

    text: str


@dataclass(frozen=True, slots=True)
class Cleared:
    """A line that Ctrl-C cleared: `empty` if nothing was in it, `again` if the toolbar said what a second one does."""

    empty: bool
    again: bool = False


@dataclass(frozen=True, slots=True)
class Shortcut:
    """A command that a key runs, and what is in the line, which is put back afterwards."""

    command: str
    line: str


@dataclass(frozen=True, slots=True)
class Left:
    """The end of the talk, which the person chose (Ctrl-D)."""


@dataclass(frozen=True, slots=True)
class Dismissed:
    """A line that was ended while it was empty, since the person has to be asked something first."""


Line = Typed | Cleared | Shortcut | Left | Dismissed


class Folds:
    """The long texts, and the placeholder characters that represent them in the line."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._placeholders: dict[str, str] = {}

    def fold(self, text: str) -> str:
        """Return a placeholder for a long text, a short text as it is."""
        if len(text) <= LONGEST_UNFOLDED or len(self._texts) >= _MOST_PLACEHOLDERS:
            return text
        text = self.whole(text)
        if text not in self._placeholders:
            placeholder = chr(_FIRST_PLACEHOLDER + len(self._texts))
            self._placeholders[text], self._texts[placeholder] = placeholder, text
        return self._placeholders[text]

    def whole(self, text: str) -> str:
        """Return a text with its placeholders replaced by what they represent."""
        if text.isascii():
            return text
        for placeholder in self._texts.keys() & set(text):
            text = text.replace(placeholder, self._texts[placeholder])
        return text

    def shown(self, character: str) -> str:
        """Return what is shown for a character: a summary for a placeholder."""
        text = self._texts.get(character)
        if text is None:
            return shown_in_line(plain(character))
        text = plain(text)
        lines = f"{text.count(chr(10)) + 1:,} lines, " if "\n" in text else ""
        begins, ends = sanitize_line(text[:_SHOWN_ENDS]), sanitize_line(text[-_SHOWN_ENDS:])
        return f"[{begins} … {ends}: {lines}{len(text):,} characters]"


class Unfolding(Processor):
    """A processor that shows summaries in place of the placeholders, and tabs as blanks."""

    def __init__(self, shown: Callable[[str], str], tab: int = 4) -> None:
        self._shown = shown
        self._tab = tab

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        """Widen the placeholders and tabs of one line."""
        fragments = transformation_input.fragments
        text = "".join(fragment[1] for fragment in fragments)
        if text.isascii() and "\t" not in text:
            return Transformation(fragments)
        starts, written, place = [], [], 0
        for style, piece, *_ in fragments:
            for character in piece:
                shown = self._widened(character, place)
                starts.append(place)
                written.append((style, shown))
                place += len(shown)
        if "".join(shown for _, shown in written) == text:
            return Transformation(fragments)
        starts.append(place)
        return Transformation(
            [(style, shown) for style, shown in written],
            source_to_display=lambda at: starts[min(at, len(starts) - 1)] + max(at - len(starts) + 1, 0),
            display_to_source=lambda at: max(sum(1 for start in starts if start <= at) - 1, 0),
        )

    def _widened(self, character: str, place: int) -> str:
        return " " * (self._tab - place % self._tab) if character == "\t" else self._shown(character)


def pasted(text: str, before: str, is_command: Callable[[str], bool], folds: Folds) -> str:
    """Return what a paste puts into a line after `before`: mentions for dragged files, else text and no command."""
    if not before.strip():
        if is_command(text) and "\n" not in text.strip():
            return text
    elif before.startswith((*SLASH, *BANG)):
        return folds.fold(text)
    return as_mentions(text, before) or folds.fold(literal(text))


def continuation(_width: int, _line: int, wrapped: int) -> StyleAndTextTuples:
    """Write what is in front of a row of the line that is not its first."""
    return [("class:continuation", "  " if wrapped else _CONTINUATION)]


def _know_new_line() -> None:
    """Make Alt-Enter a new line, and Shift-Enter where a terminal distinguishes it from Enter.

    Each is one key: Escape and then Enter are two, which with vi's keys send the line.
    """
    for sequence in _NEW_LINE:
        ANSI_SEQUENCES[sequence] = Keys.ControlJ


def bindings(
    edit: Callable[[str], str],
    insert: Callable[[str, Document], str],
    noticed: Callable[[], bool],
    folds: Folds,
) -> KeyBindings:
    """Return the bindings.

    `edit` opens a text in the person's editor and returns it changed; `insert` returns what a paste puts into a line;
    `noticed` returns whether the toolbar says that Ctrl-C leaves.
    """
    _know_new_line()
    typing = has_focus(DEFAULT_BUFFER)
    clear = partial(_clear, noticed)
    rows: Sequence[tuple[tuple[Keys | str, ...], FilterOrBool, Callable[[KeyPressEvent], None]]] = (
        (("enter",), typing, _send),
        (("c-j",), typing, _new_line),
        (("escape", "enter"), typing & emacs_mode, _new_line),
        ((Keys.BracketedPaste,), typing, partial(_paste, insert)),
        (("c-c",), typing, clear),
        (("<sigint>",), True, clear),
        (("c-o",), typing, partial(_pick_session, folds)),
        (("c-x", "c-e"), typing, partial(_open_editor, edit, folds)),
    )
    keys = KeyBindings()
    for sequence, condition, handler in rows:
        keys.add(*sequence, filter=condition)(handler)
    return keys


def _send(event: KeyPressEvent) -> None:
    line = event.current_buffer
    menu = line.complete_state
    if menu and menu.current_completion and len(menu.completions) > 1:
        line.complete_state = None  # what was chosen is in the line; the next Enter sends it
    elif line.document.char_before_cursor == "\\" and line.document.is_cursor_at_the_end_of_line:
        line.delete_before_cursor()
        _new_line(event)
    else:
        line.validate_and_handle()


def _new_line(event: KeyPressEvent) -> None:
    event.current_buffer.insert_text("\n", fire_event=False)


def _paste(insert: Callable[[str, Document], str], event: KeyPressEvent) -> None:
    text = event.data.replace("\r\n", "\n").replace("\r", "\n")
    # Without the event: neither completion nor suggestion looks at what is pasted.
    event.current_buffer.insert_text(insert(text, event.current_buffer.document), fire_event=False)


def _clear(noticed: Callable[[], bool], event: KeyPressEvent) -> None:
    event.app.erase_when_done = True
    event.app.exit(result=Cleared(empty=not event.app.current_buffer.text, again=noticed()))


def _pick_session(folds: Folds, event: KeyPressEvent) -> None:
    event.app.erase_when_done = True
    event.app.exit(result=Shortcut("/switch", folds.whole(event.current_buffer.text)))


def _open_editor(edit: Callable[[str], str], folds: Folds, event: KeyPressEvent) -> None:
    line = event.current_buffer

    def change() -> None:
        before = folds.whole(line.text)
        after = edit(plain(before))
        text = folds.fold(before if after == plain(before) else after)
        line.document = Document(text, len(text))

    run_in_terminal(change)


def _typed() -> str:
    return get_app().current_buffer.text


def offer_commands(line: Buffer) -> None:
    """Offer completions of what was just typed, where it can be a command.

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


typing_command = Condition(lambda: _typed().startswith(tuple(SLASH)) and "\n" not in _typed())
"""Whether what is typed can be a command: only then is completion offered while typing."""
