"""A choice of several: arrow keys move, typing narrows it down, Enter takes, Esc and Ctrl-C leave it."""

from collections.abc import Sequence
from typing import TextIO

from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.input import Input, create_input
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.key_binding.key_processor import KeyPressEvent
from prompt_toolkit.layout import BufferControl, FormattedTextControl, HSplit, Layout, Window
from prompt_toolkit.layout.processors import BeforeInput
from prompt_toolkit.output import Output, create_output
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.styles import BaseStyle, Style

from lmchat.render.sanitize import sanitize_line
from lmchat.repl.matching import Offer, matching
from lmchat.world import World

_MOST_ROWS = 10


def chosen(
    title: str,
    choices: Sequence[Offer],
    source: Input,
    output: Output,
    style: BaseStyle,
) -> str | None:
    """Let the person choose and return the value, None where they left it."""
    picker = _Picker(choices)
    typed = Buffer(multiline=False, on_text_changed=lambda _buffer: picker.narrow(typed.text))
    control = BufferControl(typed, input_processors=[BeforeInput(f"{title} ", style="class:prompt")])
    rows = FormattedTextControl(picker.rows)
    application: Application[str | None] = Application(
        layout=Layout(HSplit([Window(control, height=1), Window(rows, dont_extend_height=True)])),
        key_bindings=_bindings(picker),
        erase_when_done=True,
        style=style,
        input=source,
        output=output,
    )
    application.ttimeoutlen = 0.1
    return application.run()


def chosen_at(world: World, title: str, choices: Sequence[Offer]) -> str | None:
    """Let the person choose where no REPL runs; the list is drawn on stderr, and gone afterwards."""
    source, output = create_input(world.stdin), output_to(world.stderr)
    return chosen(title, choices, source, output, Style.from_dict({"prompt": "bold ansicyan", "status": "dim"}))


def output_to(screen: TextIO) -> Output:
    """Return the library's way to draw on a terminal, which is not asked where its cursor is.

    Asking delays the first key over slow lines, makes a terminal that does not answer wait a second in the end, and
    leaves answers that come late where nothing reads them.
    """
    output = create_output(screen)
    if isinstance(output, Vt100_Output):
        output.enable_cpr = False
    return output


class _Picker:
    """What is offered now and which of it is marked."""

    def __init__(self, choices: Sequence[Offer]) -> None:
        self._all = choices
        self.offered = list(choices)
        self.marked = 0

    def narrow(self, typed: str) -> None:
        """Offer only what fits."""
        self.offered = matching(typed, self._all)
        self.marked = 0

    def move(self, by: int) -> None:
        """Mark another."""
        self.marked = min(max(self.marked + by, 0), max(len(self.offered) - 1, 0))

    def rows(self) -> StyleAndTextTuples:
        """Write the rows around the marked one."""
        first = min(max(self.marked - _MOST_ROWS // 2, 0), max(len(self.offered) - _MOST_ROWS, 0))
        written: StyleAndTextTuples = []
        for place, (value, said) in enumerate(self.offered[first : first + _MOST_ROWS], start=first):
            marked = place == self.marked
            written.append(("class:prompt" if marked else "", f"{'>' if marked else ' '} {sanitize_line(value)}"))
            written.append(("class:status", f"  {sanitize_line(said)}\n"))
        hidden = len(self.offered) - min(len(self.offered), _MOST_ROWS)
        written.append(("class:status", f"  … {hidden} more" if hidden else "" if self.offered else "  Nothing fits."))
        return written


def _bindings(picker: _Picker) -> KeyBindings:
    keys = KeyBindings()

    @keys.add("up")
    @keys.add("c-p")
    def up(_event: KeyPressEvent) -> None:
        picker.move(-1)

    @keys.add("down")
    @keys.add("c-n")
    @keys.add("tab")
    def down(_event: KeyPressEvent) -> None:
        picker.move(1)

    @keys.add("enter", filter=Condition(lambda: bool(picker.offered)))
    def take(event: KeyPressEvent) -> None:
        event.app.exit(result=picker.offered[picker.marked][0])

    @keys.add("escape", eager=True)
    @keys.add("c-c")
    @keys.add("c-d")
    @keys.add("<sigint>")
    def leave(event: KeyPressEvent) -> None:
        event.app.exit(result=None)

    return keys
