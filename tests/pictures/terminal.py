"""The real program in a pseudo-terminal, and what is on its screen: characters with their looks."""

import os
import re
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pexpect
import pyte

KEY_SECONDS = 0.07
_ALTERNATE = re.compile(rb"\x1b\[\?1049([hl])")


@dataclass(frozen=True)
class Cell:
    """A character and its looks; `wide` ones take two columns. Colours are names, hexadecimal or `default`."""

    text: str
    fg: str = "default"
    bg: str = "default"
    bold: bool = False
    faint: bool = False
    italic: bool = False
    underlined: bool = False
    wide: bool = False


Rows = tuple[tuple[Cell, ...], ...]


class _Screen(pyte.Screen):
    """A screen that knows faint text, which pyte does not: it is kept as blinking, which lmchat never is."""

    def select_graphic_rendition(self, *attributes: int, **more: Any) -> None:
        mapped, colour = list[int](), 0
        for place, each in enumerate(attributes):
            if not colour and each in {38, 48}:
                colour = {2: 5, 5: 3}.get(attributes[place + 1] if place + 1 < len(attributes) else 0, 1)
            if colour:
                colour -= 1
                mapped.append(each)
            else:
                mapped += {2: [5], 22: [22, 25]}.get(each, [each])
        super().select_graphic_rendition(*mapped, **more)


class Terminal:
    """A program in a terminal; `looks` are variables such as NO_COLOR."""

    def __init__(
        self,
        home: Path,
        command: list[str],
        *,
        rows: int = 24,
        columns: int = 80,
        looks: Mapping[str, str] | None = None,
    ) -> None:
        environ = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(home),
            "LMCHAT_HOME": str(home),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            **(looks or {}),
        }
        program, *arguments = command
        self._child = pexpect.spawn(program, arguments, env=environ, dimensions=(rows, columns))
        self._child.delaybeforesend = None
        self._screens = [_Screen(columns, rows), _Screen(columns, rows)]
        self._streams = [pyte.ByteStream(screen) for screen in self._screens]
        self._shown = 0

    def take(self, seconds: float) -> bool:
        """Take in what the program writes; tell whether it still runs."""
        try:
            data = self._child.read_nonblocking(65536, seconds)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        place = 0
        for switch in _ALTERNATE.finditer(data):
            self._streams[self._shown].feed(data[place : switch.start()])
            self._shown = int(switch[1] == b"h")
            if self._shown:
                self._screens[1].reset()
            place = switch.end()
        self._streams[self._shown].feed(data[place:])
        return True

    def wait(self, seconds: float) -> None:
        """Take in what comes for a while."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.take(0.02):
            pass

    def until(self, text: str, seconds: float = 20.0) -> None:
        """Wait until a text is on the screen."""
        end = time.monotonic() + seconds
        while text not in self.text():
            if time.monotonic() > end or not self.take(0.02):
                raise AssertionError(f"{text!r} never came:\n{self.text()}")

    def type(self, text: str) -> Iterator[None]:
        """Type a text as people do, and come back after each key."""
        for character in text:
            self._child.send(character)
            self.wait(KEY_SECONDS)
            yield

    def send(self, keys: str) -> None:
        """Press keys at once."""
        self._child.send(keys)

    def text(self) -> str:
        """Return what is on the screen, without looks."""
        return "\n".join(self._screens[self._shown].display)

    def rows(self) -> Rows:
        """Return what is on the screen."""
        screen = self._screens[self._shown]
        return tuple(tuple(self._cells(screen, number)) for number in range(screen.lines))

    def cursor(self) -> tuple[int, int] | None:
        """Return the column and the row of the cursor, None where it is hidden."""
        cursor = self._screens[self._shown].cursor
        return None if cursor.hidden else (cursor.x, cursor.y)

    def close(self) -> None:
        """End the program."""
        self._child.close(force=True)

    def _cells(self, screen: pyte.Screen, number: int) -> Iterator[Cell]:
        row = screen.buffer[number]
        for column in range(screen.columns):
            char = row[column]
            if not char.data:  # the second half of a wide one
                continue
            wide = column + 1 < screen.columns and not row[column + 1].data
            fg, bg = (char.bg, char.fg) if char.reverse else (char.fg, char.bg)
            if char.reverse:
                fg, bg = ("behind" if fg == "default" else fg), ("text" if bg == "default" else bg)
            yield Cell(char.data, fg, bg, char.bold, char.blink, char.italics, char.underscore, wide)
