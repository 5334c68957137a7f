"""The lines of `lmchat settings`: what may be seen of each setting, and nothing of a secret."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lmchat.settings.shapes import without_password
from lmchat.settings.source import McpServer
from lmchat.settings.table import Key, Value

HIDDEN = "(hidden)"


@dataclass(frozen=True, slots=True)
class Row:
    """Hold one line of `lmchat settings`; `value` is None where nothing is set, and never a secret."""

    name: str
    value: Value | None
    source: str

    @property
    def shown(self) -> str:
        """Return the value as text, empty where nothing is set."""
        match self.value:
            case None:
                return ""
            case bool():
                return "true" if self.value else "false"
            case _:
                return str(self.value)


def setting_row(key: Key, value: Value | None, source: str) -> Row:
    """Make the line of a setting: of a command only the program is seen, of an address no password."""
    if key.name == "token_command" and isinstance(value, str):
        program, _, arguments = value.strip().partition(" ")
        value = f"{program} …" if arguments else program
    if key.name == "url" and isinstance(value, str):
        value = without_password(value)
    return Row(key.name, value, source)


def server_rows(servers: Iterable[McpServer], source: str) -> Iterator[Row]:
    """Make the lines of the MCP servers in the file."""
    for server in servers:
        table = f"mcp.{server.label}"
        if server.url:
            yield Row(f"{table}.url", without_password(server.url), source)
        if server.tools:
            yield Row(f"{table}.tools", ", ".join(server.tools), source)
        for header in server.headers:
            yield Row(f"{table}.headers.{header}", HIDDEN, source)
