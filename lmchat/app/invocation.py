"""What the command line says: the world and the options every command shares, and those of one conversation."""

from collections.abc import Callable
from lmchat.dataclass import dataclass, field
from pathlib import Path

from lmchat.advice import COMMAND_LINE, Advice, worded
from lmchat.chat.values import Options
from lmchat.world import World

BUILT_IN = "local"
"""The URL people write for the built-in model, and the name its response ids are kept under."""


def usual_url(port: int) -> str:
    """Return the address of a port of this machine, and of no other whatever `localhost` may mean."""
    return f"http://127.0.0.1:{port}"


@dataclass(frozen=True, slots=True)
class Invocation:
    """The world and the options that every command shares."""

    world: World
    url: str | None = None
    api: str | None = None
    profile: str | None = None
    color: str | None = None
    debug: bool = False

    def log(self, line: str) -> None:
        """Write one line of `--debug`."""
        self.say(f"debug: {line}")

    def say(self, sentence: Advice) -> None:
        """Say on stderr what was done; stdout is for answers. A server's names may be in it."""
        from lmchat.render.messages import show_line

        show_line(self.world, worded(sentence, COMMAND_LINE))

    @property
    def asking(self) -> Callable[[str], bool] | None:
        """Return what asks the person a yes-or-no question on stderr; None where there is no terminal to ask at."""
        return self._confirmed if self.world.stdin.isatty() and self.world.stderr.isatty() else None

    def _confirmed(self, question: str) -> bool:
        from lmchat.render.text import sanitize_line

        self.world.stderr.write(f"{sanitize_line(question)} [y/N] ")
        self.world.stderr.flush()
        return self.world.stdin.readline().strip().lower() in {"y", "yes"}


@dataclass(frozen=True, slots=True)
class ChatFlags:
    """The options that `ask` and `talk` share."""

    name: str | None = None
    resume: bool = False
    at: int | None = None
    models: tuple[str, ...] = ()
    system: str | None = None
    images: tuple[Path, ...] = ()
    files: tuple[Path, ...] = ()
    options: Options = field(default_factory=Options)
    mcp: tuple[str, ...] = ()
    private: bool = False
    stats: bool | None = None
    show_reasoning: bool | None = None
    plain: bool | None = None
    stream: bool = True
    as_json: bool = False
    as_jsonl: bool = False
    quiet: bool = False
    saved: str | None = None
    output: Path | None = None
    force: bool = False
    stdin: bool = True
    encoding: str | None = None
    schema: str | None = None
    pick: bool = False

    @property
    def model(self) -> str | None:
        """Return the model that was named, the first of several."""
        return self.models[0] if self.models else None

    @property
    def apart(self) -> bool:
        """Tell whether the saved conversations have no part in this: it keeps nothing and names none of them."""
        return self.private and self.name is None and not self.resume
