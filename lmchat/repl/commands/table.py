"""The one table of slash commands: from it come dispatch, `/help`, completion and README's rows."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from textwrap import fill

from lmchat.errors import BadUseError, nearest
from lmchat.repl.commands import attachments, conversation, models, output, sessions, tree
from lmchat.repl.commands.command import Command, nothing
from lmchat.repl.literal import slash_command
from lmchat.repl.matching import Offer
from lmchat.repl.offers import one_word
from lmchat.repl.state import ReplState

_NAME_CELLS = 22
_KEYS = (
    ("Enter", "Send; Alt-Enter, Ctrl-J or a trailing \\ begin a new line."),
    ("Ctrl-C", "Stop the reply, or clear the line; twice on an empty line it leaves, like Ctrl-D."),
    ("Up, Down, Ctrl-R", "Earlier prompts, of all sessions; a line that begins with a space is not kept."),
    ("Right, Ctrl-E", "Take what is suggested in grey from earlier prompts."),
    ("Tab", "Complete commands, sessions, models, options and files."),
    ("Ctrl-X Ctrl-E", "Open the line in your editor."),
    ("Backspace, Ctrl-U", "While a reply runs: take back what waits for the next prompt."),
    ("@path, @*.py", "Quote files in this prompt; a picture is attached."),
    ("!command", "Run a command in your shell, and quote what it prints in the next prompt."),
    ("//text, \\!text, \\@text", "Send /text, !text, @text."),
)


def show_help(state: ReplState, text: str) -> ReplState:
    """Show the commands, or one of them."""
    if text:
        found = command_named(text.removeprefix("/"))
        names = "".join(f", /{alias}" for alias in found.aliases)
        state.write(f"{_bold(state, found.written + names)}\n")
        state.write(_filled(" ".join(filter(None, (found.help, found.more))), state.width, indent=2))
        return state
    for written, said in readme_rows():
        state.write(_help_row(state, written, said))
    state.write("\n")
    for key, said in _KEYS:
        state.write(_help_row(state, key, said))
    return state


def editor(state: ReplState, text: str) -> ReplState:
    """Write the next prompt in the person's editor; it is not sent yet."""
    return replace(state, draft=state.keyboard.edited(text))


def clear(state: ReplState, text: str) -> ReplState:
    """Clear the screen."""
    nothing(text)
    state.keyboard.clear()
    return state


def leave(state: ReplState, text: str) -> ReplState:
    """Leave."""
    nothing(text)
    return replace(state, left=True)


def _named(_state: ReplState) -> Iterable[Offer]:
    return ((each.name, each.help) for each in COMMANDS)


COMMANDS: tuple[Command, ...] = (
    Command("help", "[command]", "Show this, or more of one command.", show_help, one_word(_named)),
    *tree.COMMANDS,
    *sessions.COMMANDS,
    *models.COMMANDS,
    *conversation.COMMANDS,
    *attachments.COMMANDS,
    *output.COMMANDS,
    Command("editor", "[TEXT]", "Write the next prompt in your editor (also Ctrl-X Ctrl-E).", editor),
    Command("clear", "", "Clear the screen; /new begins a new conversation.", clear),
    Command("quit", "", "Leave (also Ctrl-D).", leave, aliases=("exit",)),
)
BY_NAME = {name: command for command in COMMANDS for name in (command.name, *command.aliases)}


def command_named(name: str) -> Command:
    """Find a command; raise BadUseError, with the nearest names, for none."""
    if found := BY_NAME.get(name.lower()):
        return found
    near = nearest(name.lower(), list(BY_NAME))
    raise BadUseError(
        f"There is no command /{name}.", hint=near or "/help lists them; //text sends text that begins with a slash."
    )


def command_in(text: str) -> tuple[Command, str] | None:
    """Read a line as a command and what follows it, or return None for text that is to be sent.

    Raise BadUseError for a command that does not exist, unless its word is a path that does.
    """
    if text.strip() in {"exit", "quit"}:
        return BY_NAME["quit"], ""
    found = slash_command(text)
    if found is None:
        return None
    word, arguments = found
    if word.lower() not in BY_NAME and _exists(f"/{word}"):
        return None
    return command_named(word), arguments.strip()


def is_command(line: str) -> bool:
    """Tell whether a line begins with a command that there is."""
    found = slash_command(line)
    return found is not None and found[0].lower() in BY_NAME


def readme_rows() -> list[tuple[str, str]]:
    """Return what README's table says of each command: how it is written, and its help."""
    return [(each.written, each.help) for each in COMMANDS]


def _help_row(state: ReplState, written: str, said: str) -> str:
    """Lay out one row of the help; where what is typed is long, its help goes below it."""
    name, usage = written.split(" ", 1) if written.startswith("/") and " " in written else (written, "")
    row = _filled(said, state.width, indent=_NAME_CELLS + 2)
    gap = _NAME_CELLS - len(written)
    head = f"{_bold(state, name)} {usage}" if usage else _bold(state, name)
    return f"{head}{' ' * gap}{row[_NAME_CELLS:]}" if gap >= 0 else f"{head}\n{row}"


def _filled(text: str, width: int, *, indent: int) -> str:
    blanks = " " * indent
    return fill(text, max(width, indent + 20), initial_indent=blanks, subsequent_indent=blanks) + "\n"


def _bold(state: ReplState, text: str) -> str:
    return state.theme.styled(text, state.theme.styles.strong)


def _exists(word: str) -> bool:
    path = word.rstrip(".,:;!?")
    try:
        return path != "/" and Path(path).exists()
    except (OSError, ValueError):  # too long, or no path at all
        return False
