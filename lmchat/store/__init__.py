"""The conversations on disk: the only room that knows their database."""

from lmchat.store.search import Match
from lmchat.store.sessions import Summary
from lmchat.store.store import Store, open_store
from lmchat.store.trees import Twig

__all__ = ["Match", "Store", "Summary", "Twig", "open_store"]
