"""A fresh store for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lmchat.store.store import Store
from tests.support.conversation import fresh


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with fresh(tmp_path / "data") as store:
        yield store
