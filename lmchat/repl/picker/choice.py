"""A choice of a few: arrow keys move, typing narrows it down, Enter takes, Esc and Ctrl-C leave it."""

from collections.abc import Callable, Sequence

from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.key_binding.key_processor import KeyPressEvent
from prompt_toolkit.layout import BufferControl, FormattedTextControl, HSplit, Layout, Window
from prompt_toolkit.layout.processors import BeforeInput

from lmchat.dataclass import dataclass
from lmchat.render.text import sanitize_line, shorten
from lmchat.repl.matching import Offer, matching
from lmchat.repl.picker.layout import Marked
from lmchat.repl.picker.screen import Screen

Lines = Callable[[int], Sequence[str]]
"""Lays choices out for a width in cells: the line of titles (it may be empty), and one for each choice."""

_MOST_ROWS = 10
_OTHER_ROWS = 4
"""The rows around the list: the title, those of the columns, how many are hidden, and one that stays free."""
_HINT = "Enter chooses, typing narrows, Esc leaves"
_MARK = 2


@dataclass(frozen=True, slots=True)
class Choices:
    """What there is to choose from: the values with what is said of each, and how they are laid out, if in columns."""

    offers: Sequence[Offer]
    lines: Lines | None = None


def chosen(title: str, choices: Choices, screen: Screen) -> str | None:
    """Let the person choose and return the value, None where they left it."""
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
