"""A talk for each test: a home of its own, a small LM Studio, keys through a pipe."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from prompt_toolkit.key_binding.defaults import load_key_bindings

from tests.support.lmstudio import Studio
from tests.support.talking import Talk, opened_talk


@pytest.fixture(scope="session", autouse=True)
def keys_of_all() -> Iterator[None]:
    """Make the library's own key bindings once: they keep nothing of a program, and take a third of a short talk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("prompt_toolkit.application.application.load_key_bindings", cache(load_key_bindings))
        yield


@pytest.fixture
def studio() -> Iterator[Studio]:
    studio = Studio()
    with studio.server:
        yield studio


@pytest.fixture
def talk(tmp_path: Path, studio: Studio) -> Iterator[Talk]:
    with opened_talk(tmp_path, studio) as opened:
        yield opened
