"""What the tests of `wire` share."""

import re

import pytest

from lmchat.wire import http


@pytest.fixture(params=["socket", "httpx"])
def each_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a test once with a plain socket and once with httpx, which must not differ."""
    if request.param == "httpx":
        monkeypatch.setattr(http, "_PLAIN_URL", re.compile("(?!)"))
