"""What tests of several rooms share: the built-in model, fetched once per machine."""

from pathlib import Path

import pytest
from platformdirs import user_cache_path

from lmchat.local.catalogue import BUILT_IN
from lmchat.local.fetch import fetch
from lmchat.world import this_world


@pytest.fixture(scope="session")
def model_cache() -> Path:
    """Return a directory, outside of the checkout, that has the built-in model; it is fetched once per machine."""
    named = this_world().environ.get("LMCHAT_MODEL_CACHE")
    cache = Path(named) if named else user_cache_path("lmchat", appauthor=False) / "models"
    fetch(BUILT_IN, cache, lambda _done: None)
    return cache
