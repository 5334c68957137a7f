"""The completion script of each shell: its own lines with the table in their middle."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lmchat.app.invocation import Invocation
from lmchat.errors import BadUseError

_BY_METAVAR = {
    "NAME": "ask sessions",
    "OLD": "ask sessions",
    "KEY": "ask models",
    "KEY|INSTANCE": "ask loaded",
    "TURN": "ask turns",
    "LEVEL": "ask levels",
    "PROFILE": "ask profiles",
    "SETTING": "ask settings",
    "VALUE": "ask values",
    "URL": "words local",
    "FILE": "file",
    "TEXT|@FILE|:ROLE": "system",
    "PROMPT-NAME": "ask prompts",
}
_CHOICES = re.compile(r"[a-z]+(\|[a-z]+)+")


_ANYWHERE = ("*",)
"""The place of options that may stand anywhere."""


def table(root: Any) -> str:
    """Describe the command line that `root`, the app's outermost command, can take."""
    return "".join(f"{line}\n" for line in [*_command((), root), *_help(("help",), root), *_anywhere(root)])


def _anywhere(root: Any) -> Iterator[str]:
    for parameter in root.params:
        yield from _parameter(_ANYWHERE, parameter)
    yield _line(_ANYWHERE, "flag", "--help", "", "Show this help.")


def _command(path: tuple[str, ...], command: Any) -> Iterator[str]:
    # Without a command, the options are those of `talk`.
    for parameter in command.params if path else command.commands["talk"].params:
        if path or parameter.param_type_name == "option":
            yield from _parameter(path, parameter)
    children = getattr(command, "commands", {})
    for name, child in children.items():
        yield _line(path, "command", name, "", child.get_short_help_str(80))
    for name, child in children.items():
        if (*path, name) != ("help",):
            yield from _command((*path, name), child)


def _help(path: tuple[str, ...], command: Any) -> Iterator[str]:
    """Let the names of commands follow `help`."""
    for name, child in getattr(command, "commands", {}).items():
        if name != "help":
            yield _line(path, "command", name, "", child.get_short_help_str(80))
            yield from _help((*path, name), child)


def _parameter(path: tuple[str, ...], parameter: Any) -> Iterator[str]:
    metavar = parameter.metavar or ""
    values = _values(path, metavar.rstrip("…"))
    if parameter.param_type_name == "argument":
        kind = "arguments" if parameter.nargs == -1 else "argument"
        yield _line(path, kind, metavar, values, parameter.help)
        return
    kind = "flag" if parameter.is_flag else "option"
    for name in (*parameter.opts, *parameter.secondary_opts):
        yield _line(path, kind, name, "" if kind == "flag" else values, parameter.help)


def _values(path: tuple[str, ...], metavar: str) -> str:
    if path == ("models", "load"):  # an embedding model can be loaded, but cannot chat
        return "ask loadable" if metavar == "KEY" else ""
    if _CHOICES.fullmatch(metavar):
        return f"words {metavar.replace('|', ' ')}"
    return _BY_METAVAR.get(metavar, "")


def _line(path: tuple[str, ...], kind: str, name: str, values: str, help: str | None) -> str:  # noqa: A002 - its name
    cells = (" ".join(path), kind, name, values, help or "")
    return "|".join(" ".join(cell.replace("|", "/").split()) for cell in cells)


FILES = {"bash": "lmchat.bash", "zsh": "_lmchat", "fish": "lmchat.fish", "powershell": "lmchat.ps1"}
"""Under which name each script lies in `completions/`."""

_TABLE = "@TABLE@\n"


def script(shell: str, root: Any) -> str:
    """Return the script of a shell for the app's outermost command; raise KeyError for a shell there is none for."""
    lines = table(root)
    if shell == "fish":
        lines = lines.replace("\\", "\\\\").replace("'", "\\'")
    template = Path(__file__).with_name(f"template.{shell}").read_text(encoding="utf-8")
    return template.replace(_TABLE, lines)


def print_script(invocation: Invocation, shell: str, root: Any) -> None:
    """Write the script to stdout; raise BadUseError for a shell there is none for."""
    if shell not in FILES:
        raise BadUseError(f"There is no completion for '{shell}'.", hint=f"There is for: {', '.join(FILES)}.")
    invocation.world.stdout.write(script(shell, root))
