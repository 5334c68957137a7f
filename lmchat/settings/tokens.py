"""Where the API token comes from: a program, a variable of one's own, or LM_API_TOKEN.

The token is shown nowhere, and neither is anything a program printed: it may be the token.
"""

import shlex
from collections.abc import Mapping

from lmchat.errors import SettingsError
from lmchat.settings.keys import TOKEN_VARIABLE
from lmchat.settings.layers import Setting, Settings
from lmchat.world import World

COMMAND_SECONDS = 60.0
"""A password manager may ask for a fingerprint or a passphrase first."""


def read_token(world: World, settings: Settings) -> str:
    """Return the API token, empty where there is none; raise SettingsError where it cannot be had or used.

    A `token_command` or `token_env` of the profile or the file comes before LM_API_TOKEN: it was set for this server.
    """
    place = settings.token_place()
    match place:
        case ("token_command", given):
            token, whence = _printed(given, world.environ), f"token_command of {given.source}"
        case (_, given):
            token, whence = _variable(given, world.environ), f"{given.value}"
        case None:
            token, whence = world.environ.get(TOKEN_VARIABLE, ""), TOKEN_VARIABLE
    token = token.strip()
    if not all("!" <= character <= "~" for character in token):
        raise SettingsError(
            f"The API token from {whence} holds characters that no token has.",
            hint="A token is one word of letters, digits and signs, such as sk-lm-…:….",
        )
    return token


def _variable(given: Setting, environ: Mapping[str, str]) -> str:
    """Read the named variable; an unset one is an error, since LM_API_TOKEN belongs to another server."""
    try:
        return environ[str(given.value)]
    except KeyError:
        raise SettingsError(
            f"The environment variable {given.value}, named by token_env of {given.source}, is not set.",
            hint=f"Set {given.value}, or make it empty to go without a token.",
        ) from None


def _printed(given: Setting, environ: Mapping[str, str]) -> str:
    """Run the program and return the first line it prints."""
    import subprocess

    command = shlex.split(str(given.value))
    who = f"'{command[0]}' (token_command of {given.source})"
    try:
        done = subprocess.run(  # noqa: S603 - the person's own command, from their own settings file, without a shell
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=COMMAND_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise SettingsError(f"{who} was not found.", hint="`lmchat settings edit` opens the file.") from None
    except OSError as error:
        raise SettingsError(f"{who} cannot be run: {error.strerror}.") from None
    except subprocess.TimeoutExpired:
        raise SettingsError(f"{who} did not end within {COMMAND_SECONDS:.0f} seconds.") from None
    if done.returncode:
        ended = f"with status {done.returncode}" if done.returncode > 0 else f"by signal {-done.returncode}"
        raise SettingsError(f"{who} ended {ended}.", hint="Run it by hand to see what it says.")
    lines = done.stdout.decode("utf-8", "replace").split("\n", 1)
    if not lines[0].strip():
        raise SettingsError(f"{who} printed no token.", hint="The token must be on the first line of its output.")
    return lines[0]
