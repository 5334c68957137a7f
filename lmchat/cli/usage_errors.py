"""What typer says of a command line that cannot be used, as an error of lmchat's own; and how errors are wanted."""

import re
from collections.abc import Sequence
from typing import Any

import typer

from lmchat.cli.command_line import parsed
from lmchat.dataclass import dataclass
from lmchat.errors import BadUseError

_PLAINER = (
    (r"Got unexpected extra argument\(s\) \((.*)\)", r"Unexpected argument '\1'"),
    (r"a valid int\b( range)?", "a whole number"),
    (r"a valid float\b( range)?", "a number"),
    (r"in the range (-?\d+)<=x<=(-?\d+)", r"from \1 to \2"),
    (r"in the range x>=(-?\d+)", r"\1 or more"),
)
"""What in typer's sentences is written for programmers, and what it says to others."""


def explained(error: typer.TyperException, path: Sequence[str]) -> BadUseError:
    """Return typer's usage error as one sentence; its hint says where to read on about the command at `path`."""
    message = error.format_message()
    for theirs, plainer in _PLAINER:
        message = re.sub(theirs, plainer, message)
    message = message if message.endswith((".", "?")) else f"{message}."
    return BadUseError(message, hint=f"`{' '.join(('lmchat', *path))} --help` shows how it is used.")


@dataclass(frozen=True, slots=True)
class ErrorStyle:
    """How the errors of a command line are wanted: as JSON on stdout or as text, and in which colours."""

    as_json: bool = False
    color: str = ""
    debug: bool = False


def error_style(root: Any, arguments: Sequence[str]) -> ErrorStyle:
    """Find out how the errors of a command line are wanted, whatever is wrong with the rest of it."""
    line = parsed(root, arguments)
    given = {name: option.value for option in (*line.general, *line.own) for name in option.names}
    return ErrorStyle(bool(given.keys() & {"--json", "--jsonl"}), given.get("--color", ""), "--debug" in given)
