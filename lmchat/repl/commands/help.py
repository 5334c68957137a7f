"""What `/help` and `/keys` show, and the names that other programs have for our slash commands."""

import unicodedata
from collections.abc import Iterable, Sequence
from textwrap import fill

from lmchat.dataclass import dataclass
from lmchat.repl.commands.command import Command
from lmchat.repl.state import ReplState

KEYS = (
    ("Enter", "Send; after a trailing \\ it begins a new line."),
    ("Alt-Enter, Ctrl-J", "Begin a new line; so does Shift-Enter where the terminal distinguishes it from Enter."),
    ("Tab", "Complete commands, sessions, models, options and files."),
    ("@path, @*.py", "Quote files in this prompt; a picture is attached. \\@ sends the character."),
    ("!command", "Run it in your shell, and quote what it prints in the next prompt. \\! sends the character."),
    ("Right, Ctrl-E", "Take what is suggested in grey from earlier prompts."),
    ("Up, Down, Ctrl-R", "Earlier prompts, of all sessions; a line that begins with a space is not kept."),
    ("Ctrl-O", "Pick another session, or a turn of one; what is in the line stays."),
    ("Ctrl-C", "Stop the reply, or clear the line; twice within 2 seconds on an empty line it leaves."),
    ("Ctrl-D", "Leave, on an empty line."),
    ("Ctrl-Z", "Suspend; fg comes back."),
    ("Ctrl-X Ctrl-E", "Open the line in your editor."),
    ("Backspace, Ctrl-U", "While a reply runs: take back what waits for the next prompt."),
    ("Ctrl-A, Ctrl-E", "To the beginning, or the end, of the line."),
    ("Alt-B, Alt-F", "One word back, or on."),
    ("Ctrl-W, Ctrl-U, Ctrl-K", "Cut the word before the cursor, all before it, all after it; Ctrl-Y puts it back."),
    ("Ctrl-L", "Clear the screen."),
)
_MOST_NEEDED = 2
"""How many of the keys `/help` names."""
_NAME_CELLS, _NARROW = 22, 60
_MORE = (
    ("/help COMMAND", "Say more of one command, such as /help retry; /help all says something of every one."),
    ("@path, !command", "Quote a file in a prompt; run a command in your shell and quote what it prints."),
    ("/keys", "List the keys. //text sends text that begins with a slash."),
)


@dataclass(frozen=True, slots=True)
class Group:
    """Commands that belong together."""

    title: str
    commands: tuple[Command, ...]


def overview(state: ReplState, groups: Sequence[Group]) -> str:
    """Name every command, a line or two for each group, and the keys that are needed most: one screen."""
    indent = max(len(group.title) for group in groups) + 2
    lines = [
        _hanging(state, group.title, " ".join(f"/{each.name}" for each in group.commands), indent) for group in groups
    ]
    most = [_row(state, *each) for each in (*KEYS[:_MOST_NEEDED], *_MORE)]
    return "".join([*lines, "\n", *most])


def explained(state: ReplState, groups: Iterable[Group]) -> str:
    """Say in a line what each command does."""
    parts = []
    for group in groups:
        rows = "".join(_row(state, each.written, each.help) for each in group.commands)
        parts.append(f"{_bold(state, group.title)}\n{rows}")
    return "\n".join(parts)


def whole_help(state: ReplState, command: Command) -> str:
    """Say all there is to say of one command."""
    names = "".join(f", /{alias}" for alias in command.aliases)
    said = " ".join(filter(None, (command.help, command.more)))
    return f"{_bold(state, command.written + names)}\n{_filled(said, state.width, indent=2)}"


def key_rows(state: ReplState) -> str:
    """List the keys, and where others can be had."""
    rows = "".join(_row(state, key, said) for key, said in KEYS)
    where = "`lmchat settings set keys vi` gives vi's keys, `emacs` these."
    return f"{rows}\n{_filled(where, state.width, indent=0)}"


def _row(state: ReplState, written: str, said: str) -> str:
    """Lay out one row; where what is typed is long, its help goes below it."""
    name, usage = written.split(" ", 1) if written.startswith("/") and " " in written else (written, "")
    narrow = state.width < _NARROW
    row = _filled(said, state.width, indent=4 if narrow else _NAME_CELLS + 2)
    gap = -1 if narrow else _NAME_CELLS - len(written)
    head = f"{_bold(state, name)} {usage}" if usage else _bold(state, name)
    return f"{head}{' ' * gap}{row[_NAME_CELLS:]}" if gap >= 0 else f"{head}\n{row}"


def _hanging(state: ReplState, title: str, text: str, indent: int) -> str:
    return _bold(state, title) + _filled(text, state.width, indent=indent)[len(title) :]


def _filled(text: str, width: int, *, indent: int) -> str:
    blanks = " " * indent
    return fill(text, max(width, indent + 20), initial_indent=blanks, subsequent_indent=blanks) + "\n"


def _bold(state: ReplState, text: str) -> str:
    return state.theme.styled(text, state.theme.styles.strong)


OURS = {
    "?": "help", "h": "help", "commands": "help",
    "q": "quit", "bye": "quit",
    "regen": "retry", "regenerate": "retry", "again": "retry",
    "log": "history", "jump": "goto", "branches": "tree", "branch": "fork",
    "summarize": "compact", "summarise": "compact", "compress": "compact",
    "reset": "new", "chat": "new",
    "resume": "switch", "open": "switch",
    "ls": "sessions", "chats": "sessions", "find": "search",
    "title": "rename", "name": "rename", "rm": "delete",
    "pull": "download", "ps": "models",
    "config": "set", "settings": "set", "options": "set", "params": "set",
    "effort": "reasoning", "tools": "mcp",
    "add": "file", "read": "file", "attach": "file", "fragment": "file", "img": "image", "picture": "image",
    "write": "save", "info": "stats", "usage": "stats", "cost": "stats", "tokens": "context",
    "multi": "editor", "cls": "clear",
}  # fmt: skip
"""Names that other programs have, and the command that does the same here."""

MEANT = {
    "list": "/sessions lists the sessions, /models the models.",
    "show": "/models shows the models, /set the options and /system the system prompt.",
    "session": "/switch picks a session, /new begins one and /rename gives it another name.",
    "drop": "/file off and /image off drop what is attached.",
    "role": "/system TEXT, /system @FILE or /system :ROLE changes the system prompt.",
    "prompt": "/system changes the system prompt; prompts of your own are commands by their names.",
    "run": "!COMMAND runs a command in your shell, and quotes what it prints in the next prompt.",
    "web": "Pages are not fetched here; /file FILE quotes a file.",
    "voice": "lmchat reads and writes text only.",
}
"""What to do instead of commands of other programs that are none of ours."""

_WIDE_SLASH = "\uff0f"


def ordinary_slash(text: str) -> str:
    """Return a line whose command was typed with an input method's wide letters as it is meant; others as they are."""
    if not text.startswith(_WIDE_SLASH):
        return text
    word, *_ = text.split(maxsplit=1)
    return unicodedata.normalize("NFKC", word) + text[len(word) :]
