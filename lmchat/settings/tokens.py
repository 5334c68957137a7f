"""Where the API token comes from, and which server it belongs to.

A `token_command` or `token_env` belongs to the server whose address the settings file gives beside it, LM_API_TOKEN to
LM Studio on its usual address, to a server that is named on this machine and to an address that the command line or
the environment gives. No other server gets one. The token is never shown, and neither is anything that a program
printed: it may be the token.
"""

from collections.abc import Callable, Iterator, Mapping

from lmchat.dataclass import dataclass
from lmchat.errors import SettingsError
from lmchat.settings.keys import BY_NAME, TOKEN_VARIABLE
from lmchat.settings.layers import Setting, Settings
from lmchat.settings.shapes import without_password
from lmchat.world import World

COMMAND_SECONDS = 60.0
"""A password manager may ask for a fingerprint or a passphrase first."""


@dataclass(frozen=True, slots=True)
class Server:
    """The server in use: its name, whether an address `is_at` it, and whether it is on this machine.

    `found` says that it was not named: it was the first that answered on this machine.
    """

    name: str
    is_at: Callable[[str], bool]
    loopback: bool
    found: bool = False


@dataclass(frozen=True, slots=True)
class TokenSource:
    """A place a token comes from: `token_command`, `token_env` or LM_API_TOKEN (whose setting is None)."""

    name: str
    setting: Setting | None = None

    def __str__(self) -> str:
        """Return its name and where it was set."""
        return f"{self.name} of {self.setting.source}" if self.setting else self.name


def token_source(settings: Settings, server: Server) -> TokenSource | None:
    """Return where the token for a server comes from, None if it gets none.

    The profile's two settings come before the file's, and both before LM_API_TOKEN. An empty setting means that this
    server needs no token of the file.
    """
    written = next((source for url, source in _written(settings) if server.is_at(url)), None)
    if written:
        return written
    return TokenSource(TOKEN_VARIABLE) if settings.has_token and _is_general(settings, server) else None


def withheld(settings: Settings, server: Server) -> str:
    """Return a sentence that says which token is not sent to a server, empty if there is none."""
    if token_source(settings, server):
        return ""
    for url, source in _written(settings):
        if source and not server.is_at(url):
            return f"The {source} is not sent to {server.name}: it belongs to {without_password(url)}."
    if settings.has_token and not _is_general(settings, server):
        return (
            f"{TOKEN_VARIABLE} is not sent to {server.name}, which {settings.source('url')} names; "
            f'token_env = "{TOKEN_VARIABLE}" beside that address sends it.'
        )
    return ""


def _written(settings: Settings) -> Iterator[tuple[str, TokenSource | None]]:
    """Yield the address beside each token of the profile and the file, and its source, None if the setting is empty."""
    usual = str(BY_NAME["url"].default)
    layers = (settings.of_profile, settings.file)
    for index, layer in enumerate(layers):
        names = [name for name in ("token_command", "token_env") if name in layer]
        if names:
            url = next((str(each["url"].value) for each in layers[index:] if "url" in each), "")
            named = next((TokenSource(name, layer[name]) for name in names if layer[name].value), None)
            yield url or usual, named


def _is_general(settings: Settings, server: Server) -> bool:
    """Tell whether LM_API_TOKEN goes to a server."""
    given = settings.flags.get("url") or settings.environment.get("url")
    named_now = given is not None and server.is_at(str(given.value))
    return (server.loopback and not server.found) or named_now or server.is_at(str(BY_NAME["url"].default))


def read_token(world: World, source: TokenSource | None) -> str:
    """Return the API token, empty if there is none; raise SettingsError if it cannot be read or used."""
    match source:
        case None:
            return ""
        case TokenSource("token_command", Setting() as given):
            token, whence = _printed(given, world.environ), str(source)
        case TokenSource("token_env", Setting() as given):
            token, whence = _variable(given, world.environ), f"{given.value}"
        case _:
            token, whence = world.environ.get(TOKEN_VARIABLE, ""), TOKEN_VARIABLE
    token = token.strip()
    if not all("!" <= character <= "~" for character in token):
        raise SettingsError(
            f"The API token from {whence} contains characters that no token has.",
            hint="A token is one word of letters, digits and punctuation, such as sk-lm-…:….",
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
    import shlex
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
