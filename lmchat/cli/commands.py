"""The typer app: what can be typed. Each command parses, calls one thing and shows it."""

from collections.abc import Collection, Sequence
from contextlib import redirect_stdout
from copy import copy
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from lmchat.app.invocation import ChatFlags, Invocation
from lmchat.cli import options as given
from lmchat.cli.command_line import arranged, parsed
from lmchat.cli.options import AsJson, with_chat_flags
from lmchat.dataclass import replace
from lmchat.errors import BadUseError
from lmchat.settings.keys import BY_NAME
from lmchat.settings.layers import made_accessible
from lmchat.world import World, path_of

app = typer.Typer(
    name="lmchat",
    help="""Chat with the models of LM Studio, or a small built-in one, in the terminal.

    \b
    lmchat                          talk; Ctrl-D leaves
    lmchat -c                       talk on in the session used last
    lmchat ask "What is a monad?"   one answer
    lmchat help ask                 all about a command

    Without a command, the options of talk may be given: lmchat -m KEY -S "Be brief."
    The options below may stand anywhere in a line.
    """,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 80},
)


_GROUPS = ("sessions", "models", "settings", "local")
"""Commands with commands below them, each in the module of its name."""

_WHOLE = frozenset({"--help", "-h", "help", "completion"})
"""Words that may ask about any command."""


def command(only: Collection[str] | None = None) -> Any:
    """Return the app as one command that parses and runs; `only` some of its commands, since each takes time."""
    part = copy(app)
    part.registered_commands = [each for each in app.registered_commands if only is None or each.name in only]
    part.registered_groups = []
    for name in _GROUPS:
        if only is None or name in only:
            part.add_typer(getattr(import_module(f"lmchat.cli.{name}"), name), name=name)
    return typer.main.get_command(part)


def _command_of(arguments: Sequence[str]) -> Any:
    """Return the app with the commands that are named in a command line; with all of them where that may not do."""
    names = {*_GROUPS, *(each.name for each in app.registered_commands if each.name)}
    if (named := names.intersection(arguments)) and _WHOLE.isdisjoint(arguments):
        part = command(named)
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
        from lmchat.cli.usage_errors import explained

        raise explained(error, parsed(root, arguments).path) from None


@app.callback(invoke_without_command=True)
def lmchat(
    context: typer.Context,
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="The server, such as http://10.0.0.2:1234, or local.")
    ] = None,
    api: Annotated[
        str | None,
        typer.Option(metavar="|".join(BY_NAME["api"].shape.choices), help="The server's API; auto finds it out."),
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
        from lmchat.cli.help import version_text

        world.stdout.write(version_text(debug=debug))
        raise typer.Exit
    if context.invoked_subcommand is None:
        if not (world.stdin.isatty() and world.stdout.isatty()):
            from lmchat.cli.prompts import sends

            world.stdout.write(context.get_help() + "\n")
            if sends(world.stdin):
                context.obj.say("lmchat: standard input was not read: `lmchat ask` asks what is piped.")
            raise typer.Exit
        from lmchat.cli.talk import talk_on

        talk_on(context.obj, ChatFlags())


@app.command("ask")
@with_chat_flags
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
    as_json: AsJson = False,
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
    from lmchat.cli.ask import ask_once

    flags = replace(flags, name=session, as_json=as_json, as_jsonl=as_jsonl, quiet=quiet, output=output, force=force)
    flags = replace(flags, schema=schema, saved=saved)
    return ask_once(context.obj, prompt or (), flags)


@app.command("talk")
@with_chat_flags
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
    from lmchat.cli.talk import talk_on

    if name is not None and session not in {None, name}:
        raise BadUseError(f"Two sessions are named: '{name}' and '{session}'.", hint="Name one.")
    talk_on(context.obj, replace(flags, name=session if name is None else name, pick=pick))


@app.command("prompts")
def prompts(context: typer.Context, as_json: AsJson = False) -> None:
    """List your prompts and roles.

    A prompt is a file like prompts/commit.md beside the settings file: /commit in talk, `ask -p commit`. A role is a
    system prompt like roles/terse.md: `-S :terse`, /system :terse.

    \b
    lmchat prompts
    """
    from lmchat.app.prompts import list_prompts

    list_prompts(context.obj, as_json=as_json)


@app.command("serve")
def serve(
    context: typer.Context,
    port: Annotated[int, typer.Option(metavar="PORT", min=0, max=65535, help="Listen there; 0: any.")] = 1234,
    token: Annotated[
        str,
        typer.Option(metavar="TOKEN", help="Require this token from clients; also LMCHAT_SERVE_TOKEN."),
    ] = "",
    upstream: Annotated[
        str, typer.Option(metavar="URL", help="Answer with that server's models; conversations are kept here.")
    ] = "",
    upstream_token_env: Annotated[
        str, typer.Option(metavar="NAME", help="The environment variable with that server's token.")
    ] = "",
) -> None:
    """Serve LM Studio's API to programs on this machine.

    What answers is the built-in model, or another server behind it.

    \b
    lmchat serve --port 1234
    lmchat serve --upstream http://10.0.0.2:8000
    """
    invocation: Invocation = context.obj
    token = token or invocation.world.environ.get("LMCHAT_SERVE_TOKEN", "")
    if upstream:
        from lmchat.app.upstream import serve_upstream

        serve_upstream(invocation, upstream, port=port, token=token, token_variable=upstream_token_env)
    else:
        from lmchat.app.local import serve_model

        serve_model(invocation, port=port, token=token)


@app.command("servers")
def servers(context: typer.Context, as_json: AsJson = False) -> None:
    """Show which servers answer, and which one lmchat talks to.

    Those that are named, those on this machine's usual ports, and the built-in one.

    \b
    lmchat servers
    lmchat servers --json | jq -r '.[] | select(.state == "ready").url'
    """
    from lmchat.app.display import theme_of, width_of
    from lmchat.app.servers import show_servers

    show_servers(context.obj, theme_of(context.obj), width_of(context.obj), as_json=as_json)


@app.command("help")
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
    from lmchat.cli.help import help_text

    invocation: Invocation = context.obj
    invocation.world.stdout.write(help_text(context, command or ()))


@app.command("completion")
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
    from lmchat.cli.completion.scripts import print_script

    print_script(context.obj, shell, context.find_root().command)
