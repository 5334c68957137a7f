"""A choice of a few: arrow keys move, typing narrows it down, Enter chooses, Esc and Ctrl-C cancel.

In a terminal that cannot be painted it is a numbered list.
"""

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Generic, TextIO, TypeVar

from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.input import Input, create_input
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.key_binding.key_processor import KeyPressEvent
from prompt_toolkit.layout import BufferControl, FormattedTextControl, HSplit, Layout, Window
from prompt_toolkit.layout.processors import BeforeInput
from prompt_toolkit.output import ColorDepth, Output, create_output
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.styles import BaseStyle, Style

from lmchat.dataclass import dataclass
from lmchat.render.text import sanitize_line, shorten
from lmchat.repl.matching import Offer, matching
from lmchat.world import World

if TYPE_CHECKING:
    from lmchat.chat.models import Model

Lines = Callable[[int], Sequence[str]]
"""Lays choices out for a width in cells: the line of titles (it may be empty), and one for each choice."""

_MOST_ROWS = 10
_OTHER_ROWS = 4
"""The rows around the list: the title, those of the columns, how many are hidden, and one that stays free."""
WHICH_MODEL = "Which model?"
_HINT = "Enter chooses, typing narrows, Esc leaves"
_MARK = 2


@dataclass(frozen=True, slots=True)
class Screen:
    """A terminal with its looks; `depth` is None where the library finds out how many colours there are."""

    source: Input
    output: Output
    style: BaseStyle
    depth: ColorDepth | None = None


Entry = TypeVar("Entry")


class Marked(Generic[Entry]):
    """Entries, one of them marked."""

    def __init__(self, entries: Sequence[Entry] = ()) -> None:
        self.entries = entries
        self.place = 0

    def offer(self, entries: Sequence[Entry], place: int = 0) -> None:
        """Offer other entries, with the one at `place` marked, or the last where there are fewer."""
        self.entries = entries
        self.place = min(max(place, 0), max(len(entries) - 1, 0))

    def move(self, by: int) -> None:
        """Mark another."""
        self.offer(self.entries, self.place + by)

    @property
    def entry(self) -> Entry | None:
        """Return the marked entry, None where there is nothing to choose from."""
        return self.entries[self.place] if self.entries else None

    def visible(self, rows: int) -> list[tuple[bool, int, Entry]]:
        """Return the entries around the marked one: whether each is it, its place and itself."""
        first = min(max(self.place - rows // 2, 0), max(len(self.entries) - rows, 0))
        shown = self.entries[first : first + rows]
        return [(place == self.place, place, entry) for place, entry in enumerate(shown, start=first)]


@dataclass(frozen=True, slots=True)
class Choices:
    """What there is to choose from: the values with what is said of each, and how they are laid out, if in columns."""

    offers: Sequence[Offer]
    lines: Lines | None = None


def model_choices(models: "Sequence[Model]") -> Choices:
    """Lay models out to choose from."""
    from lmchat.render.listings import model_lines

    return Choices([(model.key, model.display_name) for model in models], cache(partial(model_lines, models)))


def chosen(title: str, choices: Choices, screen: Screen) -> str | None:
    """Let the person choose and return the value, None where they cancelled."""
    picker = _Picker(choices, screen)
    typed = Buffer(multiline=False, on_text_changed=lambda _buffer: picker.narrow(typed.text))
    control = BufferControl(typed, input_processors=[BeforeInput(f"{title} ", style="class:prompt")])
    rows = FormattedTextControl(picker.rows)
    application: Application[str | None] = Application(
        layout=Layout(HSplit([Window(control, height=1), Window(rows, dont_extend_height=True)])),
        key_bindings=_bindings(picker),
        erase_when_done=True,
        style=screen.style,
        color_depth=screen.depth,
        input=screen.source,
        output=screen.output,
    )
    application.ttimeoutlen = 0.1
    return application.run()


class _Picker:
    """What is offered now and which of it is marked."""

    def __init__(self, choices: Choices, screen: Screen) -> None:
        self._choices = choices
        self._screen = screen
        self.list = Marked(choices.offers)

    def narrow(self, typed: str) -> None:
        """Offer only what fits."""
        self.list.offer(matching(typed, self._choices.offers))

    def rows(self) -> StyleAndTextTuples:
        """Write the rows around the marked one."""
        size = self._screen.output.get_size()
        width = size.columns - _MARK
        titles, *lines = self._choices.lines(width) if self._choices.lines else ("",)
        laid_out = dict(zip(self._choices.offers, lines, strict=False))
        written: StyleAndTextTuples = [("class:status", f"{' ' * _MARK}{titles}\n")] if titles else []
        most = max(min(_MOST_ROWS, size.rows - _OTHER_ROWS), 1)
        for marked, _, (value, said) in self.list.visible(most):
            look = "class:prompt" if marked else ""
            line = laid_out.get((value, said))
            if line is None:
                written.append((look, f"{'>' if marked else ' '} {shorten(sanitize_line(value), width)}"))
                written.append(("class:status", f"  {sanitize_line(said)}\n"))
            else:
                written.append((look, f"{'>' if marked else ' '} {line}\n"))
        hidden = max(len(self.list.entries) - most, 0)
        below = f"… {hidden} more; {_HINT}" if hidden else _HINT if self.list.entries else "Nothing fits."
        written.append(("class:status", shorten(f"{' ' * _MARK}{below}", size.columns)))
        return written


def _bindings(picker: _Picker) -> KeyBindings:
    keys = KeyBindings()

    @keys.add("up")
    @keys.add("c-p")
    def up(_event: KeyPressEvent) -> None:
        picker.list.move(-1)

    @keys.add("down")
    @keys.add("c-n")
    @keys.add("tab")
    def down(_event: KeyPressEvent) -> None:
        picker.list.move(1)

    @keys.add("enter", filter=Condition(lambda: bool(picker.list.entries)))
    def take(event: KeyPressEvent) -> None:
        event.app.exit(result=picker.list.entries[picker.list.place][0])

    @keys.add("escape", eager=True)
    @keys.add("c-c")
    @keys.add("c-d")
    @keys.add("<sigint>")
    def leave(event: KeyPressEvent) -> None:
        event.app.exit(result=None)

    return keys


def screen_of(world: World, *, colours: bool = True) -> Screen:
    """Return the terminal for a choice where no REPL runs: it is drawn on stderr, and erased afterwards."""
    return Screen(
        create_input(world.stdin), output_to(world.stderr), style(colours=colours), depth_for(colours=colours)
    )


def depth_for(*, colours: bool) -> ColorDepth | None:
    """Return the depth of colours for the library: none at all, or what the terminal has."""
    return None if colours else ColorDepth.DEPTH_1_BIT


def output_to(screen: TextIO) -> Output:
    """Return the library's way to draw on a terminal, which is not asked where its cursor is.

    Asking delays the first key over slow lines, makes a terminal that does not answer wait a second in the end, and
    leaves answers that come late where nothing reads them.
    """
    output = create_output(screen)
    if isinstance(output, Vt100_Output):
        output.enable_cpr = False
    return output


_MOST = 50


def typed_at(world: World) -> Callable[[str], str]:
    """Return a function that asks a question on stderr and reads a line, where no REPL runs."""
    from lmchat.render.messages import show_question

    def asked(question: str) -> str:
        show_question(world, question)
        return world.stdin.readline()

    return asked


def chosen_by_number(
    title: str, offers: Sequence[Offer], write: Callable[[str], object], ask: Callable[[str], str]
) -> str | None:
    """List what there is and ask for one of it; None for an empty answer, and for one that fits nothing."""
    for number, (value, said) in enumerate(offers[:_MOST], 1):
        write(f"{number}. {sanitize_line(' '.join(filter(None, (value, said))))}\n")
    if len(offers) > _MOST:
        write(f"and {len(offers) - _MOST:,} more, by name\n")
    try:
        answer = ask(f"{title} Its number or name, or nothing: ").strip()
    except (EOFError, KeyboardInterrupt):
        return None
    if answer.isascii() and answer.isdigit() and 0 < int(answer) <= min(len(offers), _MOST):
        return offers[int(answer) - 1][0]
    fitting = matching(answer, offers) if answer else []
    return fitting[0][0] if fitting else None


_LOOKS = {
    "prompt": "bold ansicyan",
    "continuation": "dim",
    "status": "dim",
    # "noinherit": prompt_toolkit's own menu is grey on grey.
    "completion-menu": "noinherit",
    "completion-menu.completion": "noinherit",
    "completion-menu.completion.current": "noinherit reverse",
    "completion-menu.meta.completion": "noinherit dim",
    "completion-menu.meta.completion.current": "noinherit reverse",
    "scrollbar.background": "noinherit",
    "scrollbar.button": "noinherit bg:ansibrightblack",
}


def style(*, colours: bool) -> Style:
    """Return the looks; without colours, grey would look like what was typed."""
    return Style.from_dict({**_LOOKS, "auto-suggestion": "ansibrightblack" if colours else "dim"})
