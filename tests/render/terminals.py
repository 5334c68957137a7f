"""Terminals to paint on: pyte with its scrollback, and one that wraps its rows again when its width changes."""

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import pyte

from lmchat.world import Directories, World

NOWHERE = Directories(*[Path("/nowhere")] * 4)
COLOURED = {"TERM": "xterm-256color"}

Cell = tuple[str, str, bool, bool]


class Scrolling(pyte.Screen):
    """A screen that keeps what scrolls off its top; pyte's own, which can be paged back, takes twice the time."""

    def __init__(self, columns: int, lines: int) -> None:
        self.above: list[Any] = []
        super().__init__(columns, lines)

    def reset(self) -> None:
        super().reset()
        self.above.clear()

    def erase_in_display(self, how: int = 0, *more: Any, **private: Any) -> None:
        super().erase_in_display(how, *more, **private)
        if how == 3:
            self.above.clear()

    def index(self) -> None:
        top, bottom = self.margins or (0, self.lines - 1)
        if self.cursor.y == bottom:
            self.above.append(self.buffer[top])
        super().index()


class Terminal:
    """A screen of pyte with everything that scrolled off its top."""

    def __init__(self, columns: int, lines: int) -> None:
        self.columns, self.lines = columns, lines
        self.bytes: list[str] = []
        self._open()

    def _open(self) -> None:
        self.screen = Scrolling(self.columns, self.lines)
        self._stream = pyte.Stream(self.screen)

    def feed(self, text: str) -> None:
        self.bytes.append(text)
        self._stream.feed(text)

    def size(self) -> tuple[int, int]:
        return self.columns, self.lines

    def resize(self, columns: int, lines: int) -> None:
        """Change the window as terminals do that cut rows off."""
        self.columns, self.lines = columns, lines
        self.screen.resize(lines, columns)

    def cells(self) -> list[list[Cell]]:
        """Return every row, from the first that scrolled off to the last that is not empty."""
        rows: list[Any] = [*self.screen.above, *(self.screen.buffer[y] for y in range(self.screen.lines))]
        made = [[_cell(row[x]) for x in range(self.screen.columns)] for row in rows]
        while made and all(cell[0] == " " for cell in made[-1]):
            made.pop()
        return made

    def texts(self) -> list[str]:
        return ["".join(cell[0] for cell in row).rstrip() for row in self.cells()]

    def written(self) -> str:
        return "".join(self.bytes)


class ReflowingTerminal(Terminal):
    """Wrap rows again when the width changes, as most terminals do; the cursor is below the last row."""

    def resize(self, columns: int, lines: int) -> None:
        top = [self._text(row) for row in self.screen.above]
        above = top + [self._text(self.screen.buffer[y]) for y in range(self.screen.cursor.y)]
        self.columns, self.lines = columns, lines
        self._open()
        for text in above:
            chunks = [text[start : start + columns] for start in range(0, len(text), columns)] or [""]
            self._stream.feed("".join(f"{chunk}\r\n" for chunk in chunks))

    def _text(self, row: Any) -> str:
        return "".join(row[x].data for x in range(self.screen.columns)).rstrip()


class LateTerminal(ReflowingTerminal):
    """Tell its new size later than it wraps its rows, as tmux does while a window is dragged."""

    def __init__(self, columns: int, lines: int) -> None:
        super().__init__(columns, lines)
        self.reported = columns, lines

    def size(self) -> tuple[int, int]:
        return self.reported

    def tell(self) -> None:
        self.reported = self.columns, self.lines


class Tty(io.StringIO):
    """Pass for a terminal, and hand on what is written."""

    def __init__(self, terminal: Terminal) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        # What the kernel does with newlines on their way to a terminal.
        self._terminal.feed(text.replace("\r\n", "\n").replace("\n", "\r\n"))
        return len(text)


class Clock:
    """Tell a time that only the test moves."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def world_of(
    stdout: TextIO,
    stderr: TextIO,
    clock: Clock,
    environ: dict[str, str] | None = None,
    terminal: Terminal | None = None,
) -> World:
    size = {"COLUMNS": str(terminal.columns), "LINES": str(terminal.lines)} if terminal else {}
    return World(
        stdin=io.StringIO(),
        stdout=stdout,
        stderr=stderr,
        environ=COLOURED | size if environ is None else environ | size,
        directories=NOWHERE,
        now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
        monotonic=clock,
    )


def _cell(cell: Any) -> Cell:
    return (cell.data, cell.fg, cell.bold, cell.underscore)
