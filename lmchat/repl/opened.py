"""The terminal's keyboard, opened: also where standard input is a pipe, and where the terminal takes no escapes."""

import sys
from pathlib import Path
from typing import TextIO

from prompt_toolkit.input import Input, create_input
from prompt_toolkit.output.plain_text import PlainTextOutput

from lmchat.errors import BadUseError
from lmchat.render.terminal import is_plain
from lmchat.repl.keyboard import Keyboard, PromptOptions
from lmchat.repl.picker.screen import output_to
from lmchat.repl.terminal import Terminal
from lmchat.world import World, let_libraries_paint_nothing


def opened_keyboard(world: World, manner: PromptOptions) -> Keyboard:
    """Open the terminal's keyboard, also where standard input is a pipe; raise BadUseError where there is none."""
    source = world.stdin if world.stdin.isatty() else _controlling_terminal()
    screen = world.stdout if world.stdout.isatty() else world.stderr
    escapes = not is_plain(world.environ)
    if not escapes:
        let_libraries_paint_nothing()
    output = output_to(screen) if escapes else PlainTextOutput(screen)
    return Keyboard(_keys_of(source), output, Terminal(source, screen, escapes=escapes, focus=manner.focus), manner)


def _keys_of(source: TextIO) -> Input:
    if sys.platform == "win32":
        return create_input(source)
    from lmchat.repl.keys_input import PastingInput

    return PastingInput(source)


def _controlling_terminal() -> TextIO:
    path = Path("CONIN$" if sys.platform == "win32" else "/dev/tty")
    try:
        return path.open(encoding="utf-8")
    except OSError:
        raise BadUseError(
            "talk needs a terminal.", hint='In scripts and pipes, use lmchat ask: lmchat ask "Hello" < notes.txt'
        ) from None
