"""A fresh store for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lmchat.store.store import Store
from tests.store.conversation import opened


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with opened(tmp_path / "data") as fresh:
        yield fresh
