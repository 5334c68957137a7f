"""The command line as one plain table, the same in every shell's completion script.

Each line is `PATH|KIND|NAME|VALUES|HELP`: at PATH (the words of a command, empty at the top) stands NAME. KIND is
`command`, `flag` (an option without a value), `option`, `argument` or `arguments` (one that is repeated). VALUES says
what may stand there: `words A B`, `ask KIND` (see cli/completing), `file`, `@file`, or nothing that could be offered.
"""

import re
from collections.abc import Iterator
from typing import Any

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
    "TEXT|@FILE": "@file",
}
_CHOICES = re.compile(r"[a-z]+(\|[a-z]+)+")


def table(root: Any) -> str:
    """Describe the command line that `root`, the app's outermost command, can take."""
    return "".join(f"{line}\n" for line in [*_command((), root), *_help(("help",), root)])


def _command(path: tuple[str, ...], command: Any) -> Iterator[str]:
    for parameter in command.params:
        yield from _parameter(path, parameter)
    yield _line(path, "flag", "--help", "", "Show this help.")
    children = getattr(command, "commands", {})
    for name, child in children.items():
        yield _line(path, "command", name, "", child.get_short_help_str(80))
    for name, child in children.items():
        if (*path, name) != ("help",):
            yield from _command((*path, name), child)


def _help(path: tuple[str, ...], command: Any) -> Iterator[str]:
    """Let the names of commands stand behind `help`."""
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
    if path == ("models", "load"):  # an embedding model can be loaded, but nobody chats with it
        return "ask loadable" if metavar == "KEY" else ""
    if _CHOICES.fullmatch(metavar):
        return f"words {metavar.replace('|', ' ')}"
    return _BY_METAVAR.get(metavar, "")


def _line(path: tuple[str, ...], kind: str, name: str, values: str, help: str | None) -> str:  # noqa: A002 - its name
    cells = (" ".join(path), kind, name, values, help or "")
    return "|".join(" ".join(cell.replace("|", "/").split()) for cell in cells)
