"""The conversations on disk: the only room that knows the database."""

from lmchat.store.store import Store, open_store

__all__ = ["Store", "open_store"]
