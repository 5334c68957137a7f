"""Commands for the program itself."""

from dataclasses import replace

from lmchat.repl.commands.command import Command
from lmchat.repl.commands.words import nothing
from lmchat.repl.desk import Desk


def editor(desk: Desk, text: str) -> Desk:
    """Write the next prompt in the person's editor; it is not sent yet."""
    return replace(desk, draft=desk.keyboard.edited(text))


def clear(desk: Desk, text: str) -> Desk:
    """Clear the screen."""
    nothing(text)
    desk.keyboard.clear()
    return desk


def leave(desk: Desk, text: str) -> Desk:
    """Leave."""
    nothing(text)
    return replace(desk, left=True)


COMMANDS = (
    Command("editor", "[TEXT]", "Write the next prompt in your editor (also Ctrl-X Ctrl-E).", editor),
    Command("clear", "", "Clear the screen; /new begins a new conversation.", clear),
    Command("quit", "", "Leave (also Ctrl-D).", leave, aliases=("exit",)),
)
