"""What a stream is connected to: its size, its keyboard's echo, whether it wraps rows anew.

It must not know what is shown.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TextIO

from lmchat.render.cells import fold
from lmchat.render.painter import Size
from lmchat.render.theme import TERMINALS_WITHOUT_ESCAPES

_ORDINARY_SIZE = (80, 24)
_ECHO_FLAGS = 3
_REFLOWING_PROGRAMS = ("iTerm.app", "WezTerm", "vscode", "ghostty", "Apple_Terminal", "WarpTerminal", "rio")
_REFLOWING_MARKS = ("VTE_VERSION", "KITTY_WINDOW_ID", "WT_SESSION", "KONSOLE_VERSION", "ALACRITTY_WINDOW_ID", "TMUX")
_REFLOWING_TERMINALS = ("tmux", "xterm-kitty", "alacritty", "foot", "xterm-ghostty", "wezterm", "vte", "konsole")


def size_of(stream: TextIO, environ: Mapping[str, str]) -> Size:
    """Return what tells the window's size: the terminal, else `COLUMNS` and `LINES`, else 80 × 24."""
    told = (_number(environ, "COLUMNS") or _ORDINARY_SIZE[0], _number(environ, "LINES") or _ORDINARY_SIZE[1])
    try:
        number = stream.fileno()
    except (OSError, ValueError):  # a stream in memory
        return lambda: told

    def measured() -> tuple[int, int]:
        try:
            columns, lines = os.get_terminal_size(number)
        except (OSError, ValueError):
            return told
        return columns or told[0], lines or told[1]

    return measured


def fitted(line: str, stream: TextIO, environ: Mapping[str, str]) -> str:
    """Break a safe line at blanks where it is longer than the terminal is wide; in a pipe it stays one line."""
    return "\n".join(fold(line, size_of(stream, environ)()[0])) if stream.isatty() else line


def moves_cursor(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Tell whether what was written to the stream can be painted over."""
    return stream.isatty() and environ.get("TERM", "") not in TERMINALS_WITHOUT_ESCAPES


def reflows(environ: Mapping[str, str]) -> bool:
    """Tell whether the terminal is known to wrap its rows anew when its width changes.

    Where it is not known, lmchat takes fewer rows back: a row may then stand twice, but none is lost.
    """
    return (
        environ.get("TERM_PROGRAM") in _REFLOWING_PROGRAMS
        or any(environ.get(mark) for mark in _REFLOWING_MARKS)
        or environ.get("TERM", "").startswith(_REFLOWING_TERMINALS)
    )


@contextmanager
def silent_keyboard(stdin: TextIO) -> Iterator[None]:
    """Keep typed keys for the next prompt instead of echoing them into the reply; Ctrl-C still interrupts."""
    try:
        import termios
    except ImportError:  # Windows echoes nothing while nobody reads
        yield
        return
    try:
        number = stdin.fileno()
        saved = termios.tcgetattr(number)
        # A program in the background that changes the terminal is stopped by it.
        ours = os.tcgetpgrp(number) == os.getpgrp()
    except (OSError, ValueError, termios.error):  # no terminal
        ours = False
    if not ours:
        yield
        return
    silent = termios.tcgetattr(number)
    silent[_ECHO_FLAGS] = int(saved[_ECHO_FLAGS]) & ~termios.ECHO
    termios.tcsetattr(number, termios.TCSANOW, silent)
    try:
        yield
    finally:
        termios.tcsetattr(number, termios.TCSANOW, saved)


def _number(environ: Mapping[str, str], name: str) -> int:
    value = environ.get(name, "")
    return int(value) if value.isascii() and value.isdigit() else 0
