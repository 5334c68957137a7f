"""The options that several commands share, each with its help, written once.

`ask` and `talk` take all of `chat_flags`, and a flag for every option of a request in the settings' table.
"""

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from lmchat.app.invocation import ChatFlags
from lmchat.chat.values import Options
from lmchat.settings.keys import LOAD_OPTIONS, OPTIONS, Key
from lmchat.world import path_of

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, for scripts.")]

Force = Annotated[bool, typer.Option("--force", help="Replace a file that is there, without a question.")]

At = Annotated[
    int | None, typer.Option("--at", metavar="TURN", help="Continue from that turn, such as 3 (starts a branch).")
]


def _flag(key: Key) -> Any:
    """Make the flag of an option of the tables; its help is the table's, with the example."""
    if key.shape.kind is bool:
        flag = key.option_for(None)
        return typer.Option(f"{flag}/--no-{flag.removeprefix('--')}", help=key.help)
    example = key.example.strip('"')
    return typer.Option(key.option_for(None), metavar=key.metavar, help=f"{key.help[:-1]}, such as {example}.")


_KEYWORD = inspect.Parameter.KEYWORD_ONLY


def chat_flags(
    resume: Annotated[bool, typer.Option("--continue", "-c", help="Go on with the session used last.")] = False,
    at: At = None,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", "-m", metavar="KEY", help="The model, or a part of its key: -m gemma-3-1b."),
    ] = None,
    system: Annotated[
        str | None,
        typer.Option(
            "--system",
            "-S",
            metavar="TEXT|@FILE|:ROLE",
            help="The system prompt, a file or a role of yours: -S @role.txt, -S :terse.",
        ),
    ] = None,
    image: Annotated[
        list[Path] | None,
        typer.Option(
            "--image",
            "-i",
            metavar="FILE",
            parser=path_of,
            help="Send a picture along; repeatable: -i a.png; -: a pipe.",
        ),
    ] = None,
    file: Annotated[
        list[Path] | None,
        typer.Option(
            "--file", "-f", metavar="FILE", parser=path_of, help="Quote a text file; repeatable: -f notes.md."
        ),
    ] = None,
    mcp: Annotated[
        list[str] | None,
        typer.Option(
            "--mcp", metavar="SPEC", help="Tools: mcp/label[:tool,tool] or label=https://url[:tool,tool]; repeatable."
        ),
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="Keep nothing, here or on the server.")] = False,
    stats: Annotated[
        bool | None, typer.Option("--stats/--no-stats", help="Tokens, speed and context used, on stderr.")
    ] = None,
    show_reasoning: Annotated[
        bool | None,
        typer.Option("--show-reasoning/--hide-reasoning", help="What the model thinks: all, or nothing."),
    ] = None,
    plain: Annotated[bool | None, typer.Option("--plain/--markdown", help="The reply's own text, or rendered.")] = None,
    no_stream: Annotated[bool, typer.Option("--no-stream", help="One JSON answer instead of a stream.")] = False,
    no_stdin: Annotated[bool, typer.Option("--no-stdin", help="Leave standard input alone, as in a loop.")] = False,
    encoding: Annotated[
        str | None, typer.Option("--encoding", metavar="NAME", help="Read files and pipes as that, such as shift_jis.")
    ] = None,
    **options: Any,
) -> ChatFlags:
    """Make one value of the flags that `ask` and `talk` share; `options` are those of the table."""
    return ChatFlags(
        resume=resume, at=at, models=tuple(model or ()), system=system, images=tuple(image or ()),
        files=tuple(file or ()), options=Options(**options), mcp=tuple(mcp or ()), private=private, stats=stats,
        show_reasoning=show_reasoning, plain=plain, stream=not no_stream, stdin=not no_stdin, encoding=encoding,
    )  # fmt: skip


def with_chat_flags(command: Callable[..., Any]) -> Callable[..., Any]:
    """Let typer parse the flags of a chat in place of the parameter `flags`, which then gets them as one value."""
    return _expanded(command, "flags", _shared_parameters(), chat_flags)


def with_load_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Let typer parse a flag for each option of a load in place of `options`, which gets those that were given."""

    def options(**given: Any) -> dict[str, Any]:
        return {name: value for name, value in given.items() if value is not None}

    return _expanded(command, "options", [_parameter(key) for key in LOAD_OPTIONS.values()], options)


def _expanded(
    command: Callable[..., Any], place: str, shared: list[inspect.Parameter], make: Callable[..., Any]
) -> Callable[..., Any]:
    """Put `shared` in the place of a command's parameter, which gets what `make` makes of their values."""
    parameters = []
    for parameter in inspect.signature(command).parameters.values():
        parameters += shared if parameter.name == place else [parameter.replace(kind=_KEYWORD)]
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


def _shared_parameters() -> list[inspect.Parameter]:
    """Return the parameters of `chat_flags`, with one for each option of the table where it takes any."""
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(chat_flags).parameters.values():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            parameters += [_parameter(key) for key in OPTIONS.values()]
        else:
            parameters.append(parameter.replace(kind=_KEYWORD))
    return parameters


def _parameter(key: Key) -> inspect.Parameter:
    annotation = Annotated[key.shape.kind | None, _flag(key)]  # type: ignore[name-defined]  # a type of the table
    return inspect.Parameter(key.name, _KEYWORD, default=None, annotation=annotation)
