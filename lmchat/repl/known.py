"""The server's models as the REPL knows them: fetched in the background, so that no key ever waits for the network."""

import threading
from collections.abc import Callable
from contextlib import suppress

from lmchat.chat.models import Model
from lmchat.errors import LmchatError


class ModelList:
    """The models that were listed last; `fetch` asks the server, `news` is called after every answer."""

    def __init__(self, fetch: Callable[[], tuple[Model, ...]], news: Callable[[], None] = lambda: None) -> None:
        self._fetch = fetch
        self._news = news
        self._models: tuple[Model, ...] = ()
        self._fetching: threading.Thread | None = None

    def now(self) -> tuple[Model, ...]:
        """Return what is known, without waiting; empty before the first answer."""
        return self._models

    def fetched(self) -> tuple[Model, ...]:
        """Ask the server and wait for the answer; raise LmchatError where it gives none."""
        self._models = self._fetch()
        self._news()
        return self._models

    def refresh(self) -> None:
        """Ask the server in the background, unless that is going on already."""
        if self._fetching is None or not self._fetching.is_alive():
            self._fetching = threading.Thread(target=self._refreshed, daemon=True, name="models")
            self._fetching.start()

    def settled(self, seconds: float) -> bool:
        """Wait at most so long for what is asked in the background, and tell whether that is over."""
        if self._fetching is not None:
            self._fetching.join(seconds)
        return self._fetching is None or not self._fetching.is_alive()

    def _refreshed(self) -> None:
        # What was known stays; the next prompt says what is wrong with the server.
        with suppress(LmchatError):
            self.fetched()
