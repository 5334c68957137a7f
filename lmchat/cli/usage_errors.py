"""What typer says of a command line that cannot be used, in lmchat's own words: what is wrong, and what was meant."""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

import typer

from lmchat.errors import BadUseError

_CLOSE = 0.6


def explained(error: typer.TyperException) -> BadUseError:
    """Turn one of typer's usage errors into one sentence, with the nearest name where one is close, and a hint."""
    # The classes of these errors are typer's private ones; what they hold is all that tells them apart.
    context: Any = getattr(error, "ctx", None)
    where = context.command_path if context is not None else "lmchat"
    lists = "commands and options" if _commands(context) else "the options"
    hint = f"`{where} --help` lists {lists}."
    parameter = getattr(error, "param", None)
    if (option := getattr(error, "option_name", None)) is not None and hasattr(error, "possibilities"):
        return _unknown_option(option, context, hint)
    if hasattr(error, "param_type"):
        return BadUseError(f"{_named(parameter)} is missing.", hint=f"Usage: {_usage(context)}")
    if parameter is not None:
        return BadUseError(f"{_named(parameter)}: {_sentence(_plainer(error.message))}", hint=hint)
    if option is not None:
        message = error.message.replace("Option ", "").replace("requires an argument", "needs a value")
        return BadUseError(_sentence(message), hint="`--help` behind the command lists its options.")
    return _plain(error.message, where, context, hint)


def _plain(message: str, where: str, context: Any, hint: str) -> BadUseError:
    if message.startswith("No such command") and where == "lmchat" and "Did you mean" not in message:
        return BadUseError(_sentence(message), hint='`lmchat --help` lists them. To ask something: lmchat ask "…"')
    if "extra argument" in message:
        surplus = message.partition("(s) (")[2].removesuffix(")")
        return BadUseError(f"Unexpected argument '{surplus}'.", hint=f"Usage: {_usage(context)}")
    return BadUseError(_sentence(message), hint=hint)


def _unknown_option(option: str, context: Any, hint: str) -> BadUseError:
    """Name the option that was meant; one of another place is told where it belongs."""
    names = _options(context)
    outer = context.find_root()
    if option in _options(outer):
        command = context.command_path.removeprefix("lmchat ")
        return BadUseError(
            f"{option} stands before the command.", hint=f"Write it there: lmchat {option} … {command} …"
        )
    close = get_close_matches(option, names, n=1, cutoff=_CLOSE)
    meant = f" Did you mean {close[0]}?" if close else ""
    return BadUseError(f"No such option: {option}.{meant}", hint=hint)


def _options(context: Any) -> list[str]:
    """Return the long options of a command."""
    names = [name for each in context.command.get_params(context) for name in (*each.opts, *each.secondary_opts)]
    return [name for name in names if name.startswith("--")]


def _plainer(message: str) -> str:
    """Say what a value must be without the names of Python's types and without formulas."""
    message = re.sub(r"in the range (-?\d+)<=x<=(-?\d+)", r"from \1 to \2", message)
    message = re.sub(r"in the range x>=(-?\d+)", r"\1 or more", message)
    return re.sub(r"a valid int\b( range)?", "a whole number", message).replace("a valid float", "a number")


def _commands(context: Any) -> bool:
    return bool(getattr(getattr(context, "command", None), "commands", None))


def _named(parameter: Any) -> str:
    if parameter is None:
        return "Something"
    return str(max(parameter.opts, key=len)) if parameter.param_type_name == "option" else parameter.human_readable_name


def _usage(context: Any) -> str:
    return str(context.get_usage().removeprefix("Usage: ").replace("\n", " "))


def _sentence(message: str) -> str:
    return message if message.endswith((".", "?")) else f"{message}."


def wants_json(root: Any, arguments: Sequence[str]) -> bool:
    """Tell whether a command line asks for JSON, as its own parser reads it, whatever else is wrong with it."""
    context = root.make_context("lmchat", list(arguments), resilient_parsing=True)
    while True:
        if context.params.get("as_json") or context.params.get("as_jsonl"):
            return True
        commands = getattr(context.command, "commands", {})
        # The words of a subcommand are kept under a private name.
        words = [*getattr(context, "_protected_args", ()), *context.args]
        if not words or words[0] not in commands:
            return False
        context = commands[words[0]].make_context(words[0], words[1:], parent=context, resilient_parsing=True)
