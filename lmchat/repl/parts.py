"""What the REPL is handed: everything it needs of the world, put together by the command line."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from lmchat.chat.session import Session
from lmchat.chat.talk import Exchange, Show
from lmchat.chat.values import Prompt
from lmchat.render.views import View
from lmchat.settings import Settings
from lmchat.store.store import Store
from lmchat.wire.client import Client
from lmchat.world import World


class Speak(Protocol):
    """Ask a prompt in a session and keep what comes (see `lmchat.chat.talk.talk`)."""

    def __call__(
        self, session: Session, prompt: Prompt, show: Show, *, growing: Session | None = None, summary: bool = False
    ) -> Exchange:
        """Ask; a session that is not on disk yet (its name may be empty) is written first, named after the prompt.

        `growing` is the session with its head where the turn should grow, if that is not its end; `summary` marks
        the reply as one that stands for everything above it.
        """


@dataclass(frozen=True, slots=True)
class Parts:
    """Hold the parts of the program that the REPL works with.

    `view_for` makes what shows one turn, for a model that holds so many tokens (None where that is not known);
    `with_model` fills in the model where none is chosen, or raises NotFoundError. `private` says that nothing may be
    written anywhere.
    """

    world: World
    settings: Settings
    store: Store
    client: Client
    server: str
    speak: Speak
    view_for: Callable[[int | None], View]
    with_model: Callable[[Session], Session]
    private: bool = False
    debug: bool = False
