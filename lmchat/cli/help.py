"""`lmchat help …`: the help of a command, found by its name."""

from collections.abc import Sequence

import typer

from lmchat.errors import BadUseError, nearest


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
