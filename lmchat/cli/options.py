"""The options that several commands share, each with its help, written once.

`ask` and `talk` take all of `CHAT_FLAGS`, and a flag for every option of a request in the settings' table.
"""

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from lmchat.world import path_of

if TYPE_CHECKING:
    from lmchat.settings.keys import Key

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, for scripts.")]

Force = Annotated[bool, typer.Option("--force", help="Replace a file that is there, without a question.")]

At = Annotated[
    int | None, typer.Option("--at", metavar="TURN", help="Continue from that turn, such as 3 (starts a branch).")
]


def _flag(kind: Any, names: str, help: str, metavar: str | None = None) -> Any:  # noqa: A002 - typer's name
    parser = path_of if kind == list[Path] | None else None
    return Annotated[kind, typer.Option(*names.split(), metavar=metavar, help=help, parser=parser)]


CHAT_FLAGS: Mapping[str, Any] = {
    "resume": _flag(bool, "--continue -c", "Go on with the session used last."),
    "at": At,
    "models": _flag(list[str] | None, "--model -m", "The model, or a part of its key: -m gemma-3-1b.", "KEY"),
    "system": _flag(
        str | None,
        "--system -S",
        "The system prompt, a file or a role of yours: -S @role.txt, -S :terse.",
        "TEXT|@FILE|:ROLE",
    ),
    "images": _flag(list[Path] | None, "--image -i", "Send a picture along; repeatable: -i a.png; -: a pipe.", "FILE"),
    "files": _flag(list[Path] | None, "--file -f", "Quote a text file; repeatable: -f notes.md.", "FILE"),
    "mcp": _flag(
        list[str] | None, "--mcp", "Tools: mcp/label[:tool,tool] or label=https://url[:tool,tool]; repeatable.", "SPEC"
    ),
    "private": _flag(bool, "--private", "Keep nothing, here or on the server."),
    "stats": _flag(bool | None, "--stats/--no-stats", "Tokens, speed and context used, on stderr."),
    "show_reasoning": _flag(
        bool | None, "--show-reasoning/--hide-reasoning", "What the model thinks: all, or nothing."
    ),
    "plain": _flag(bool | None, "--plain/--markdown", "The reply's own text, or rendered."),
    "no_stream": _flag(bool, "--no-stream", "One JSON answer instead of a stream."),
    "no_stdin": _flag(bool, "--no-stdin", "Leave standard input alone, as in a loop."),
    "encoding": _flag(str | None, "--encoding", "Read files and pipes as that, such as shift_jis.", "NAME"),
}
"""The flags that `ask` and `talk` share, by the fields of ChatFlags (or their opposites)."""


def with_chat_flags(command: Callable[..., Any]) -> Callable[..., Any]:
    """Let typer parse the flags of a chat in place of the parameter `flags`, which then gets them as one value.

    A command without that parameter stays as it is.
    """
    if "flags" not in inspect.signature(command).parameters:
        return command
    from lmchat.app.invocation import ChatFlags
    from lmchat.chat.values import Options
    from lmchat.settings.keys import OPTIONS

    def chat_flags(*, no_stream: bool, no_stdin: bool, **given: Any) -> ChatFlags:
        options = Options(**{name: given.pop(name) for name in OPTIONS})
        fields: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        fields |= {name: tuple(value) for name, value in fields.items() if isinstance(value, list)}
        return ChatFlags(options=options, stream=not no_stream, stdin=not no_stdin, **fields)

    shared = [_parameter(name, annotation) for name, annotation in CHAT_FLAGS.items()]
    return _expanded(command, "flags", [*shared, *map(_of_table, OPTIONS.values())], chat_flags)


def with_load_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Let typer parse a flag for each option of a load in place of `options`, which gets those that were given."""
    from lmchat.settings.keys import LOAD_OPTIONS

    def options(**given: Any) -> dict[str, Any]:
        return {name: value for name, value in given.items() if value is not None}

    return _expanded(command, "options", [_of_table(key) for key in LOAD_OPTIONS.values()], options)


def _expanded(
    command: Callable[..., Any], place: str, shared: list[inspect.Parameter], make: Callable[..., Any]
) -> Callable[..., Any]:
    """Put `shared` in the place of a command's parameter, which gets what `make` makes of their values."""
    parameters = []
    for parameter in inspect.signature(command).parameters.values():
        parameters += shared if parameter.name == place else [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)]
    names = {parameter.name for parameter in shared}

    @wraps(command)
    def run(**given: Any) -> Any:
        value = make(**{name: value for name, value in given.items() if name in names})
        own = {name: value for name, value in given.items() if name not in names}
        return command(**own, **{place: value})

    # Typer reads what it parses from these two.
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # wraps() hides the function's type
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _parameter(name: str, annotation: Any) -> inspect.Parameter:
    default = False if get_args(annotation)[0] is bool else None
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _of_table(key: "Key") -> inspect.Parameter:
    """Make the flag of an option of the tables; its help is the table's, with the example."""
    flag, kind = key.option_for(None), key.shape.kind
    if kind is bool:
        return _parameter(key.name, _flag(bool | None, f"{flag}/--no-{flag.removeprefix('--')}", key.help))
    example = key.example.strip('"')
    return _parameter(key.name, _flag(kind | None, flag, f"{key.help[:-1]}, such as {example}.", key.metavar))
