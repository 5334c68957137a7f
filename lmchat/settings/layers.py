"""The settings of one run: the highest layer that gives a setting wins, and each value has its source."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from lmchat.chat.values import Options
from lmchat.dataclass import dataclass, field, replace
from lmchat.errors import SettingsError
from lmchat.settings.file import (
    McpServer,
    SettingsFile,
    file_text,
    parse_toml,
    read_file,
    settings_path,
    unknown_profile,
)
from lmchat.settings.keys import BY_NAME, KEYS, OPTIONS, SECRET_VARIABLES, TOKEN_VARIABLE, Key, Value
from lmchat.settings.shapes import misfit, without_password
from lmchat.world import World

HIDDEN = "(hidden)"
_PORTS = 65536


@dataclass(frozen=True, slots=True)
class Row:
    """One line of `lmchat settings`; `value` is None if nothing is set, and never a secret."""

    name: str
    value: Value | None
    source: str

    @property
    def shown(self) -> str:
        """Return the value as text, empty if nothing is set."""
        match self.value:
            case None:
                return ""
            case bool():
                return "true" if self.value else "false"
            case _:
                return str(self.value)


def _setting_row(key: Key, value: Value | None, source: str) -> Row:
    """Return the line of a setting, with only the program of a command and without the password of an address."""
    if key.name == "token_command" and isinstance(value, str):
        program, _, arguments = value.strip().partition(" ")
        value = f"{program} …" if arguments else program
    if key.name == "url" and isinstance(value, str):
        value = without_password(value)
    return Row(key.name, value, source)


def _server_rows(servers: Iterable[McpServer], source: str) -> Iterator[Row]:
    """Yield the lines of the MCP servers in the file."""
    for server in servers:
        table = f"mcp.{server.label}"
        if server.url:
            yield Row(f"{table}.url", without_password(server.url), source)
        if server.tools:
            yield Row(f"{table}.tools", ", ".join(server.tools), source)
        for header in server.headers:
            yield Row(f"{table}.headers.{header}", HIDDEN, source)


DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Setting:
    """A value and its source, in words."""

    value: Value
    source: str


Layer = Mapping[str, Setting]


@dataclass(frozen=True, slots=True)
class Settings:
    """Every layer of the settings, the highest first.

    An empty text in a layer takes a setting back to its default, whatever the layers below say. `secret_variables`
    are the environment variables with a token, which no program that lmchat starts inherits.
    """

    path: Path
    flags: Layer = field(default_factory=dict, repr=False)
    environment: Layer = field(default_factory=dict, repr=False)
    of_profile: Layer = field(default_factory=dict, repr=False)
    file: Layer = field(default_factory=dict, repr=False)
    servers: Mapping[str, McpServer] = field(default_factory=dict, repr=False)
    has_token: bool = False
    secret_variables: frozenset[str] = SECRET_VARIABLES

    def value(self, name: str) -> Value | None:
        """Return the value of a setting, None if it is unset; raise KeyError if there is no such setting."""
        default = BY_NAME[name].default
        given = self._given(name)
        return default if given is None or given.value == "" else given.value

    def text(self, name: str) -> str:
        """Return a setting as text, empty if it is unset."""
        value = self.value(name)
        return "" if value is None else str(value)

    def flag(self, name: str) -> bool:
        """Tell whether a switch is on; an unset one is not."""
        return self.value(name) is True

    def number(self, name: str) -> float | None:
        """Return a setting that is a number, None if it is unset."""
        value = self.value(name)
        return value if isinstance(value, int | float) else None

    def source(self, name: str) -> str:
        """Return where a setting was given, such as `--model` or `profile 'work' in settings.toml`."""
        given = self._given(name)
        return given.source if given else DEFAULT

    def is_set(self, name: str) -> bool:
        """Tell whether a setting was given anywhere."""
        given = self._given(name)
        return given is not None and given.value != ""

    def usual_ports(self) -> list[int]:
        """Return the ports of this machine where servers are looked for if none is named."""
        ports = self.text("usual_ports")
        return [] if ports == "off" else [port for port in map(int, ports.split(",")) if 0 < port < _PORTS]

    @property
    def profile(self) -> str:
        """Return the name of the profile in use, empty if there is none."""
        return self.text("default_profile")

    def options(self) -> Options:
        """Return the options of a request that are set."""
        return Options(**{name: self.value(name) for name in OPTIONS})

    def without_secrets(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return the environment for a program that lmchat starts, without tokens."""
        return {name: value for name, value in environ.items() if name not in self.secret_variables}

    def mcp_headers(self, label: str, url: str) -> Mapping[str, str]:
        """Return the headers for an ephemeral MCP server: secrets, for the request only.

        They belong to the URL beside them in the file; for any other URL there are none.
        """
        server = self.servers.get(label)
        return server.headers if server is not None and _is_same(server.url, url) else {}

    def withheld_headers(self, label: str, url: str) -> str:
        """Return a sentence that says why headers of that label are not sent to a URL, empty if all are sent."""
        server = self.servers.get(label)
        if server is None or not server.headers or _is_same(server.url, url):
            return ""
        names = f"names {without_password(server.url)}" if server.url else "has no url beside them"
        return f"The headers of [mcp.{label}] are not sent to {without_password(url)}: {self.path.name} {names}."

    def rows(self, token_source: str = "") -> tuple[Row, ...]:
        """Return every setting with its value and its source, with secrets hidden.

        `token_source` says where the token comes from, empty if there is none.
        """
        settings = (_setting_row(key, self.value(key.name), self.source(key.name)) for key in KEYS)
        token = Row("token", HIDDEN, token_source) if token_source else Row("token", None, DEFAULT)
        return (*settings, token, *_server_rows(self.servers.values(), self.path.name))

    def _given(self, name: str) -> Setting | None:
        # A profile that the command line names was chosen later than a variable of the environment.
        middle = (self.environment, self.of_profile)
        layers = (self.flags, *(middle[::-1] if "default_profile" in self.flags else middle), self.file)
        return next((each[name] for each in layers if name in each), None)


def _is_same(url: str, other: str) -> bool:
    """Tell whether two URLs are those of one MCP server, however written; a URL that cannot be used matches none."""
    try:
        return _regular(url) == _regular(other)
    except ValueError:
        return False


def _regular(url: str) -> tuple[object, ...]:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return parts.scheme, parts.hostname, port, parts.path.rstrip("/"), parts.query


def layer(values: Mapping[str, object], sources: Mapping[str, str]) -> Layer:
    """Pair each value but None with its source; raise SettingsError for one that does not fit."""
    given = {}
    for name, value in values.items():
        if value is None:
            continue
        if wrong := misfit(BY_NAME[name].shape, value):
            raise SettingsError(f"{_called(BY_NAME[name], value, sources[name])} {wrong}.")
        given[name] = Setting(value, sources[name])  # type: ignore[arg-type]  # it fits its shape
    return given


def _called(key: Key, value: object, source: str) -> str:
    """Return the name of a setting as it was given: its option or variable, or its name with its source."""
    return source if source in {key.variable, key.option_for(value)} else f"'{key.name}' of {source}"


NO_FLAGS: Mapping[str, object] = {}


def read_settings(world: World, *, flags: Mapping[str, object] = NO_FLAGS, profile: str | None = None) -> Settings:
    """Read the settings of this run; the keys of `flags` are the names of settings, and None means not given.

    `profile` is the value of `--profile`. Raise SettingsError for a broken file, a value that does not fit or a profile
    that does not exist, KeyError for a flag that is not a setting.
    """
    source = read_file(settings_path(world))
    file_name = source.path.name
    given = {name: value for name, value in {**flags, "default_profile": profile}.items() if _is_given(name, value)}
    variables = {key.name: key.variable for key in KEYS if world.environ.get(key.variable)}
    typed = {name: BY_NAME[name].shape.read(world.environ[variable]) for name, variable in variables.items()}
    settings = Settings(
        source.path,
        flags=layer(given, {name: BY_NAME[name].option_for(value) for name, value in given.items()}),
        environment=layer(typed, variables),
        file=layer(source.values, dict.fromkeys(source.values, file_name)),
        servers=source.servers,
        has_token=bool(world.environ.get(TOKEN_VARIABLE)),
        secret_variables=SECRET_VARIABLES.union(_token_variables(source)),
    )
    name = settings.profile
    if not name:
        return settings
    if name not in source.profiles:
        raise unknown_profile(name, settings.source("default_profile"), tuple(source.profiles))
    values = source.profiles[name]
    return replace(settings, of_profile=layer(values, dict.fromkeys(values, f"profile '{name}' in {file_name}")))


def profile_names(world: World) -> tuple[str, ...]:
    """Return the names of all profiles in the file; raise SettingsError for a broken one."""
    return tuple(read_file(settings_path(world)).profiles)


def _token_variables(source: SettingsFile) -> Iterator[str]:
    """Yield the environment variables that the file or one of its profiles names for a token."""
    return (str(table["token_env"]) for table in (source.values, *source.profiles.values()) if "token_env" in table)


def _is_given(name: str, value: object) -> bool:
    """Tell whether a flag was given; an empty value is none, since scripts pass empty variables, but for `system`."""
    return value is not None and (value != "" or name == "system")


_KEY = BY_NAME["accessible"]


def made_accessible(world: World) -> World:
    """Return the world, with the variable set to `true` where the variable or the settings file asks for it.

    A file that cannot be read is ignored here; the error is raised where settings are read.
    """
    wanted: object = None
    if typed := world.environ.get(_KEY.variable):
        wanted = _KEY.shape.read(typed)
    else:
        path = settings_path(world)
        with suppress(SettingsError):
            text = file_text(path) or ""
            # Most files do not have it, and need not be parsed twice.
            wanted = parse_toml(text, path).get(_KEY.name) if _KEY.name in text else None
    return replace(world, environ={**world.environ, _KEY.variable: "true"}) if wanted is True else world
