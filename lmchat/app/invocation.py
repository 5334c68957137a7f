"""What the command line says: the world and the options every command shares, those of a chat; and what they open."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lmchat.advice import COMMAND_LINE, Advice, worded
from lmchat.chat.values import Options
from lmchat.dataclass import dataclass, field
from lmchat.world import World

if TYPE_CHECKING:
    from lmchat.settings import Settings
    from lmchat.store.store import Store

STDIN = Path("-")
"""Standard input, where a file is named."""

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

    @property
    def log(self) -> Callable[[str], None] | None:
        """Return what writes one line of `--debug`; None without that."""
        return (lambda line: self.say(f"debug: {line}")) if self.debug else None

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


def settings_of(invocation: Invocation, flags: ChatFlags | None = None) -> "Settings":
    """Read the settings under the flags of the command line; raise SettingsError for one that does not fit."""
    from lmchat.settings import read_settings

    values: dict[str, object] = {"url": invocation.url, "api": invocation.api, "color": invocation.color}
    if flags is not None:
        markdown = None if flags.plain is None else "never" if flags.plain else "always"
        values |= {"stats": flags.stats, "show_reasoning": flags.show_reasoning, "markdown": markdown}
        values |= flags.options.given()
    return read_settings(invocation.world, flags=values, profile=invocation.profile)


@contextmanager
def open_kept_store(invocation: Invocation, *, apart: bool = False, private: bool = False) -> "Iterator[Store]":
    """Open the saved conversations, or (`apart`) an empty store that is gone afterwards and touches none of them.

    For a `private` conversation none are begun where there are none.
    """
    from lmchat.store.store import has_store, open_store

    with ExitStack() as stack:
        kept = invocation.world.directories.data
        apart = apart or (private and not has_store(kept))
        if apart:
            from tempfile import TemporaryDirectory

            kept = Path(stack.enter_context(TemporaryDirectory(prefix="lmchat-")))
        store = stack.enter_context(open_store(kept, now=invocation.world.now))
        yield store
        if store.unreadable:
            left_out = ", ".join(dict.fromkeys(store.unreadable))
            invocation.say(f"Left out, since it cannot be read: {left_out}. `lmchat sessions check` says more.")
