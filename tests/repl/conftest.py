"""A talk for each test: a home of its own, a small LM Studio, keys through a pipe."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.repl.lmstudio import Studio
from tests.repl.talking import Talk, opened_talk


@pytest.fixture
def studio() -> Iterator[Studio]:
    studio = Studio()
    with studio.server:
        yield studio


@pytest.fixture
def talk(tmp_path: Path, studio: Studio) -> Iterator[Talk]:
    with opened_talk(tmp_path, studio) as opened:
        yield opened
