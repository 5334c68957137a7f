"""The one table of slash commands: from it come dispatch, `/help`, completion and README's rows."""

from pathlib import Path

from lmchat.errors import BadUseError, nearest
from lmchat.render.tables import pairs
from lmchat.repl.commands import attachments, models, output, program, sessions, talking, tree
from lmchat.repl.commands.command import Command, Takes
from lmchat.repl.desk import Desk

_KEYS = (
    ("Enter", "Send; Alt-Enter, Ctrl-J or a trailing \\ begin a new line."),
    ("Ctrl-C", "Stop the reply, or clear the line; twice on an empty line it leaves, like Ctrl-D."),
    ("Up, Down, Ctrl-R", "Earlier prompts, of all sessions; a line that begins with a space is not kept."),
    ("Tab", "Complete commands, sessions, models, options and files."),
    ("Ctrl-X Ctrl-E", "Open the line in your editor."),
    ("//text", "Send text that begins with a slash."),
)


def show_help(desk: Desk, text: str) -> Desk:
    """Show the commands, or one of them."""
    if text:
        found = command_named(text.removeprefix("/"))
        names = "".join(f", /{alias}" for alias in found.aliases)
        desk.write(pairs([(f"{found.written}{names}", found.help)], desk.theme))
        if found.more:
            desk.write(f"{found.more}\n")
        return desk
    desk.write(pairs([(each.written, each.help) for each in COMMANDS], desk.theme) + "\n")
    desk.write(pairs(_KEYS, desk.theme))
    return desk


COMMANDS = (
    Command("help", "[command]", "Show this, or more of one command.", show_help, Takes.COMMAND),
    *tree.COMMANDS,
    *sessions.COMMANDS,
    *models.COMMANDS,
    *talking.COMMANDS,
    *attachments.COMMANDS,
    *output.COMMANDS,
    *program.COMMANDS,
)
BY_NAME = {name: command for command in COMMANDS for name in (command.name, *command.aliases)}


def command_named(name: str) -> Command:
    """Find a command; raise BadUseError, with the nearest names, for none."""
    if found := BY_NAME.get(name.lower()):
        return found
    near = nearest(name.lower(), list(BY_NAME)).replace("'", "").replace(" or ", " or /").replace("mean ", "mean /")
    raise BadUseError(
        f"There is no command /{name}.", hint=near or "/help lists them; //text sends text that begins with a slash."
    )


def command_in(text: str) -> tuple[Command, str] | None:
    """Read a line as a command and what stands behind it, or return None for text that is to be sent.

    Raise BadUseError for a command that does not exist, unless its word is a path that does.
    """
    if text.strip() in {"exit", "quit"}:
        return BY_NAME["quit"], ""
    if not text.startswith("/") or text.startswith("//"):
        return None
    word, *rest = text.split(maxsplit=1)
    if word[1:].lower() not in BY_NAME and _exists(word):
        return None
    return command_named(word[1:]), rest[0].strip() if rest else ""


def sent_text(text: str) -> str:
    """Return what a line that is no command sends: one slash of `//text` only made that clear."""
    slashed = text.startswith("//") and len(text) > len("//") and not text[2].isspace()
    return text[1:] if slashed else text


def readme_rows() -> list[tuple[str, str]]:
    """Return what README's table says of each command: how it is written, and its help."""
    return [(each.written, each.help) for each in COMMANDS]


def _exists(word: str) -> bool:
    try:
        return Path(word.rstrip(".,:;!?")).exists()
    except (OSError, ValueError):  # too long, or no path at all
        return False
