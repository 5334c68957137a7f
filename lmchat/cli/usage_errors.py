"""What typer says of a command line that cannot be used, as an error of lmchat's own; and how errors are wanted."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import typer

from lmchat.errors import BadUseError, nearest

_PLAINER = (
    (r" \(Possible options: .*\)", ""),
    (r"Got unexpected extra argument\(s\) \((.*)\)", r"Unexpected argument '\1'"),
    (r"a valid int\b( range)?", "a whole number"),
    (r"a valid float\b( range)?", "a number"),
    (r"in the range (-?\d+)<=x<=(-?\d+)", r"from \1 to \2"),
    (r"in the range x>=(-?\d+)", r"\1 or more"),
)
"""What in typer's sentences is written for programmers, and what it says to others."""


def explained(error: typer.TyperException) -> BadUseError:
    """Return typer's usage error as one sentence, with the nearest names or where to read on as its hint."""
    message = error.format_message()
    for theirs, plainer in _PLAINER:
        message = re.sub(theirs, plainer, message)
    message = message if message.endswith((".", "?")) else f"{message}."
    # The classes of these errors are private; what they carry is all that tells them apart.
    context: Any = getattr(error, "ctx", None)
    option = str(getattr(error, "option_name", None) or "")
    parent = getattr(context, "parent", None)
    if message.startswith("No such command") and parent is None:
        return BadUseError(message, hint='`lmchat --help` lists the commands. To ask something: lmchat ask "…"')
    if parent and any(option in each.opts for each in context.find_root().command.params):
        return BadUseError(message, hint=f"It belongs before the command: lmchat {option} … {context.info_name} …")
    where = context.command_path if context else "lmchat"
    near = nearest(option, list(getattr(error, "possibilities", None) or ()))
    return BadUseError(message, hint=near or f"`{where} --help` shows how it is used.")


@dataclass(frozen=True, slots=True)
class ErrorStyle:
    """How the errors of a command line are wanted: as JSON on stdout or as text, and in which colours."""

    as_json: bool = False
    color: str = ""
    debug: bool = False


def error_style(command: Any, arguments: Sequence[str]) -> ErrorStyle:
    """Ask typer's parsers how the errors of this command line are wanted, whatever is wrong with the rest of it."""
    values: dict[str, Any] = {}
    rest, context = list(arguments), None
    while command is not None:
        context = command.context_class(command, parent=context, ignore_unknown_options=True, resilient_parsing=True)
        options, rest = _parsed(command, context, rest)
        values |= options
        commands = getattr(command, "commands", {})
        name = next((word for word in rest if word in commands), "")
        command, rest = commands.get(name), rest[rest.index(name) + 1 :] if name else []
    return ErrorStyle(
        bool(values.get("as_json") or values.get("as_jsonl")), str(values.get("color") or ""), bool(values.get("debug"))
    )


def _parsed(command: Any, context: Any, arguments: list[str]) -> tuple[dict[str, Any], list[str]]:
    """Return the options and the words of a command; what has no value at the end is left out."""
    while arguments:
        try:
            options, words, _ = command.make_parser(context).parse_args(list(arguments))
        except typer.TyperException:
            arguments = arguments[:-1]
        else:
            return options, words
    return {}, []
