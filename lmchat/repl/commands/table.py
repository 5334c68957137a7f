"""The one table of slash commands: from it come dispatch, `/help`, completion and README's rows."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from lmchat.dataclass import replace
from lmchat.errors import BadUseError, nearest
from lmchat.repl.commands import attachments, conversation, models, output, sessions, tree
from lmchat.repl.commands.command import Command, nothing
from lmchat.repl.commands.elsewhere import MEANT, OURS, ordinary_slash
from lmchat.repl.commands.overview import Group, explained, key_rows, overview, whole_help
from lmchat.repl.commands.prompts import prompt_command, prompt_commands
from lmchat.repl.line import slash_command
from lmchat.repl.matching import Offer
from lmchat.repl.offers import one_word
from lmchat.repl.state import ReplState
from lmchat.settings.keys import OPTIONS

_ALL = "all"
NONE: Mapping[str, Command] = {}


def show_help(state: ReplState, text: str) -> ReplState:
    """Name the commands in groups, or say more of one of them, of a group, or of all."""
    wanted = ordinary_slash(text).removeprefix("/").lower()
    own = prompt_commands(state, BY_NAME)
    known = (*GROUPS, Group("Prompts", own)) if own else GROUPS
    groups = [group for group in known if wanted in {_ALL, group.title.lower()}]
    if not wanted:
        state.write(overview(state, known))
    elif groups and wanted not in BY_NAME:
        state.write(explained(state, groups))
    else:
        state.write(whole_help(state, command_named(wanted, {each.name: each for each in own})))
    return state


def show_keys(state: ReplState, text: str) -> ReplState:
    """List the keys."""
    nothing(text)
    state.write(key_rows(state))
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


def _named(state: ReplState) -> Iterable[Offer]:
    return [*((each.name, each.help) for each in commands(state)), (_ALL, "Every command in a line.")]


GROUPS = (
    Group("Turns", (*tree.COMMANDS, *conversation.TURN_COMMANDS)),
    Group("Sessions", sessions.COMMANDS),
    Group("Models", models.COMMANDS),
    Group("Options", conversation.OPTION_COMMANDS),
    Group("Attachments", attachments.COMMANDS),
    Group("Replies", output.COMMANDS),
    Group(
        "Talk",
        (
            Command("help", "[command]", "Name the commands, or say more of one.", show_help, one_word(_named)),
            Command("keys", "", "List the keys.", show_keys),
            Command("editor", "[TEXT]", "Write the next prompt in your editor (also Ctrl-X Ctrl-E).", editor),
            Command("clear", "", "Clear the screen; /new begins a new conversation.", clear),
            Command("quit", "", "Leave (also Ctrl-D).", leave, aliases=("exit",)),
        ),
    ),
)
COMMANDS: tuple[Command, ...] = tuple(each for group in GROUPS for each in group.commands)
BY_NAME = {name: command for command in COMMANDS for name in (command.name, *command.aliases)}


def commands(state: ReplState) -> tuple[Command, ...]:
    """Return all commands: lmchat's own, and the prompts of the person."""
    return (*COMMANDS, *prompt_commands(state, BY_NAME))


def command_named(name: str, own: Mapping[str, Command] = NONE) -> Command:
    """Find a command, one of `own`, or the one another program has that name for.

    Raise BadUseError, with what is near, for none.
    """
    wanted = name.lower()
    if found := BY_NAME.get(wanted) or own.get(wanted) or BY_NAME.get(OURS.get(wanted, "")):
        return found
    option = wanted.replace("-", "_")
    if option in OPTIONS:
        hint = f"Like this: /set {option} {OPTIONS[option].example}"
    else:
        hint = MEANT.get(wanted) or nearest(wanted, [*BY_NAME, *own])
    raise BadUseError(
        f"There is no command /{name}.", hint=hint or "/help lists them; //text sends text that begins with a slash."
    )


def command_in(text: str, state: ReplState | None = None) -> tuple[Command, str] | None:
    """Read a line as a command and what follows it, or return None for text that is to be sent.

    With a state, the prompts of the person are commands, too.

    Raise BadUseError for a command that does not exist, unless its word is a path that does.
    """
    if text.strip() in {"exit", "quit"}:
        return BY_NAME["quit"], ""
    found = slash_command(text)
    if found is None:
        return None
    word, arguments = found
    if word.lower() not in BY_NAME:
        if state is not None and (own := prompt_command(state, word)):
            return own, arguments.strip()
        if _exists(f"/{word}"):
            return None
    prompts = {each.name: each for each in prompt_commands(state, BY_NAME)} if state is not None else NONE
    return command_named(word, prompts), arguments.strip()


def is_command(line: str, state: ReplState) -> bool:
    """Tell whether a line begins with a command that there is, or a prompt of the person."""
    found = slash_command(line)
    if found is None:
        return False
    return found[0].lower() in {*BY_NAME, *OURS} or prompt_command(state, found[0]) is not None


def readme_rows() -> list[tuple[str, str]]:
    """Return what README's table says of each command: how it is written, and its help."""
    return [(each.written, each.help) for each in COMMANDS]


def _exists(word: str) -> bool:
    path = word.rstrip(".,:;!?")
    try:
        return path != "/" and Path(path).exists()
    except (OSError, ValueError):  # too long, or no path at all
        return False
