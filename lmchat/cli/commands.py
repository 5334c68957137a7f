"""The typer app. Each command parses its words, calls one function and shows what it returns."""

import platform
import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import redirect_stdout
from copy import copy
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from lmchat import __version__
from lmchat.app.invocation import ChatFlags, Invocation
from lmchat.cli import options as given
from lmchat.cli.command_line import arranged, explained, parsed
from lmchat.cli.options import with_chat_flags
from lmchat.dataclass import replace
from lmchat.errors import BadUseError, nearest
from lmchat.settings.keys import BY_NAME
from lmchat.settings.layers import made_accessible
from lmchat.world import World, path_of

app = typer.Typer(
    name="lmchat",
    help="""Chat with the models of LM Studio, or a small built-in one, in the terminal.

    \b
    lmchat                          talk; Ctrl-D leaves
    lmchat -c                       continue the session used last
    lmchat ask "What is a monad?"   one answer
    lmchat help ask                 all about a command

    Without a command, the options of talk may be given: lmchat -m KEY -S "Be brief."
    The options below may be anywhere in a line.
    """,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 80},
)


COMMANDS: Mapping[str, tuple[str, str]] = {
    "ask": ("commands", "ask"),
    "talk": ("commands", "talk"),
    "prompts": ("settings", "prompts"),
    "serve": ("servers", "serve"),
    "servers": ("servers", "servers"),
    "help": ("commands", "help_"),
    "completion": ("commands", "completion"),
    "sessions": ("sessions", "sessions"),
    "models": ("servers", "models"),
    "settings": ("settings", "settings"),
    "local": ("servers", "local"),
}
"""Every command, with the module that has it and its name there: each is imported and made when it is named."""

_WHOLE = frozenset({"--help", "-h", "help", "completion"})
"""Words that may ask about any command."""


@cache
def command() -> Any:
    """Return the app as one command that parses and runs; it is made once, since that takes time."""
    return _with_commands(None)


def _with_commands(words: Collection[str] | None) -> Any:
    """Return the app with the commands among `words`, or with all of them."""
    part = copy(app)
    part.registered_commands, part.registered_groups = [], []
    for name, (module, attribute) in COMMANDS.items():
        if words is None or name in words:
            made = getattr(import_module(f"lmchat.cli.{module}"), attribute)
            if isinstance(made, typer.Typer):
                part.add_typer(_part_of(made, None if words is None else {*words} - {name}), name=name)
            else:
                part.command(name)(with_chat_flags(made))
    return typer.main.get_command(part)


def _part_of(group: typer.Typer, words: Collection[str] | None) -> typer.Typer:
    """Return a group with only the commands among `words`; with all of them where there are words and none is one."""
    every = group.registered_commands
    named = [each for each in every if (each.name or getattr(each.callback, "__name__", "")) in (words or ())]
    if words is None or (words and not named):
        return group
    part = copy(group)
    part.registered_commands = named
    return part


def _command_of(arguments: Sequence[str]) -> Any:
    """Return the app with the commands that are named in a command line; with all of them where more may be needed."""
    words = {word for word in arguments if not word.startswith("-")}
    if COMMANDS.keys() & words and _WHOLE.isdisjoint(arguments):
        part = _with_commands(words)
        if parsed(part, arguments).path:
            return part
    return command()


def run(world: World, arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code; errors are raised, not shown."""
    root = _command_of(arguments)
    try:
        words = arranged(root, arguments)
    except BadUseError:
        root = command()  # which knows all that may have been meant
        words = arranged(root, arguments)
    try:
        # Typer prints the help it is asked for by itself.
        with redirect_stdout(world.stdout), root.make_context("lmchat", words, obj=world) as context:
            status = root.invoke(context)
            return int(status or 0)
    except typer.Exit as leaving:
        return leaving.exit_code
    except typer.TyperException as error:
        raise explained(error, parsed(root, arguments).path) from None


@app.callback(invoke_without_command=True)
def lmchat(
    context: typer.Context,
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="The server, such as http://10.0.0.2:1234, or local.")
    ] = None,
    api: Annotated[
        str | None,
        typer.Option(metavar="|".join(BY_NAME["api"].shape.choices), help="The server's API; auto detects it."),
    ] = None,
    profile: Annotated[
        str | None, typer.Option(metavar="PROFILE", help="Use this profile of the settings, such as work.")
    ] = None,
    color: Annotated[str | None, typer.Option(metavar="auto|always|never", help="When to use colours.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Requests and timings on stderr; no secrets.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    """Take the options before the command; without a command, talk on a terminal and help elsewhere."""
    world = made_accessible(context.obj)
    context.obj = Invocation(world, url=url, api=api, profile=profile, color=color, debug=debug)
    if version:
        world.stdout.write(_version_text(debug=debug))
        raise typer.Exit
    if context.invoked_subcommand is None:
        if not (world.stdin.isatty() and world.stdout.isatty()):
            from lmchat.app.asking import sends

            world.stdout.write(context.get_help() + "\n")
            if sends(world.stdin):
                context.obj.say("lmchat: standard input was not read: `lmchat ask` asks what is piped.")
            raise typer.Exit
        from lmchat.cli.chat import talk_on

        talk_on(context.obj, ChatFlags())


def ask(
    context: typer.Context,
    prompt: Annotated[
        list[str] | None, typer.Argument(metavar="PROMPT…", help="What to ask; - reads standard input.")
    ] = None,
    session: Annotated[
        str | None, typer.Option("--session", "-s", metavar="NAME", help="Add to that session, such as -s holidays.")
    ] = None,
    *,
    saved: Annotated[
        str | None,
        typer.Option(
            "--prompt",
            "-p",
            metavar="PROMPT-NAME",
            help="Ask a prompt of yours; words and pipes go into it: -p commit.",
        ),
    ] = None,
    flags: ChatFlags,
    as_json: given.AsJson = False,
    as_jsonl: Annotated[bool, typer.Option("--jsonl", help="The server's events, one JSON object a line.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing on stderr but errors.")] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", parser=path_of, help="Write the answer there: -o answer.md."),
    ] = None,
    force: given.Force = False,
    schema: Annotated[
        str | None,
        typer.Option("--schema", metavar="FILE|JSON", help="The answer is JSON that fits this schema: city.json."),
    ] = None,
) -> int:
    """Ask once and print the answer.

    Piped text is added after the prompt.

    \b
    lmchat ask "Why is the sky blue?"
    git diff | lmchat ask "Review this."
    git diff --staged | lmchat ask -p commit
    lmchat ask -s trip -f plan.md "What is missing here?"
    """
    from lmchat.cli.chat import ask_once

    flags = replace(flags, name=session, as_json=as_json, as_jsonl=as_jsonl, quiet=quiet, output=output, force=force)
    flags = replace(flags, schema=schema, saved=saved)
    return ask_once(context.obj, prompt or (), flags)


def talk(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="The session; created if it is new.")] = None,
    session: Annotated[
        str | None, typer.Option("--session", "-s", metavar="NAME", help="The same, such as -s holidays.")
    ] = None,
    *,
    pick: Annotated[
        bool, typer.Option("--pick", help="Pick the session, or a turn of it, from a list; NAME narrows it down.")
    ] = False,
    flags: ChatFlags,
) -> None:
    """Talk in a session; without a name a new one begins.

    \b
    lmchat talk
    lmchat talk holidays -m google/gemma-3-1b
    lmchat talk --pick
    """
    from lmchat.cli.chat import talk_on

    if name is not None and session not in {None, name}:
        raise BadUseError(f"Two sessions are named: '{name}' and '{session}'.", hint="Name one.")
    talk_on(context.obj, replace(flags, name=session if name is None else name, pick=pick))


def help_(
    context: typer.Context,
    command: Annotated[
        list[str] | None, typer.Argument(metavar="COMMAND…", help="Which, such as sessions fork.")
    ] = None,
) -> None:
    """Show help for a command.

    \b
    lmchat help ask
    lmchat help sessions fork
    """
    invocation: Invocation = context.obj
    invocation.world.stdout.write(_help_text(context, command or ()))


def completion(
    context: typer.Context,
    shell: Annotated[
        str, typer.Argument(metavar="bash|zsh|fish|powershell", help="The shell; its script goes to stdout.")
    ],
) -> None:
    """Print a script that completes commands with Tab.

    \b
    bash:        eval "$(lmchat completion bash)"         in ~/.bashrc
    zsh:         eval "$(lmchat completion zsh)"          in ~/.zshrc
    fish:        lmchat completion fish | source          in config.fish
    PowerShell:  lmchat completion powershell | Out-String | Invoke-Expression
    """
    from lmchat.cli.completion import print_script

    print_script(context.obj, shell, context.find_root().command)


_LIBRARIES = ("typer", "httpx", "rich", "prompt_toolkit", "xllamacpp", "starlette", "uvicorn")


def _help_text(context: typer.Context, words: Sequence[str]) -> str:
    """Return what `--help` says of the command that the words name; raise BadUseError where there is none."""
    place = context.find_root()
    for word in words:
        commands = getattr(place.command, "commands", {})
        if word not in commands:
            raise BadUseError(
                f"There is no command '{' '.join(words)}'.",
                hint=nearest(word, list(commands)) or f"`{place.command_path} --help` lists what there is.",
            )
        place = commands[word].make_context(word, [], parent=place, resilient_parsing=True)
    return f"{place.get_help()}\n"


def _version_text(*, debug: bool) -> str:
    """Say the version, and with `debug` those of the libraries, too."""
    lines = [f"lmchat {__version__}"]
    if debug:
        from importlib.metadata import PackageNotFoundError, version

        lines.append(f"Python {sys.version.split()[0]} on {platform.system()} {platform.machine()}")
        for library in _LIBRARIES:
            try:
                lines.append(f"{library} {version(library)}")
            except PackageNotFoundError:
                lines.append(f"{library} is not installed")
    return "\n".join(lines) + "\n"
