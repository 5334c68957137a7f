"""`lmchat help …`: the help of a command, found by its name; and what `--version` shows."""

import platform
import sys
from collections.abc import Sequence

import typer

from lmchat import __version__
from lmchat.errors import BadUseError, nearest

_LIBRARIES = ("typer", "h11", "httpx", "rich", "prompt_toolkit", "xllamacpp", "starlette", "uvicorn")


def help_text(context: typer.Context, words: Sequence[str]) -> str:
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


def version_text(*, debug: bool) -> str:
    """Say the version, and where bugs may come from as well."""
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
