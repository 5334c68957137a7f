"""What a slash command is: its names, its help, what it takes and what it does."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from lmchat.repl.desk import Desk

Handler = Callable[[Desk, str], Desk]
"""Does the command, with what was typed behind its name, and returns the desk after it."""


class Takes(Enum):
    """Name what can be completed behind a command."""

    NOTHING = auto()
    SESSION = auto()
    MODEL = auto()
    LOAD = auto()
    LOADED = auto()
    TURN = auto()
    OPTION = auto()
    SET_OPTION = auto()
    RETRY = auto()
    REASONING = auto()
    INTEGRATION = auto()
    FILE = auto()
    ATTACHED = auto()
    SYSTEM = auto()
    COPY = auto()
    COMMAND = auto()


@dataclass(frozen=True, slots=True)
class Command:
    """Hold a command; `usage` is what stands behind the name, `more` is told by `/help NAME` only."""

    name: str
    usage: str
    help: str
    handler: Handler
    takes: Takes = Takes.NOTHING
    aliases: tuple[str, ...] = ()
    more: str = ""

    @property
    def written(self) -> str:
        """Write the command as one types it."""
        return f"/{self.name} {self.usage}".rstrip()
