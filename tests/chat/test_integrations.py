"""The three ways to write an integration."""

import pytest

from lmchat.chat.integrations import parse_integration, write_integration
from lmchat.chat.values import EphemeralMcp, Integration, Plugin
from lmchat.errors import BadUseError


@pytest.mark.parametrize(
    ("spec", "integration"),
    [
        ("mcp/playwright", Plugin("mcp/playwright")),
        ("mcp/files:read,write", Plugin("mcp/files", ("read", "write"))),
        ("hub=https://example.com/mcp", EphemeralMcp("hub", "https://example.com/mcp")),
        ("hub=http://localhost:8080/mcp", EphemeralMcp("hub", "http://localhost:8080/mcp")),
        ("hub=http://localhost:8080", EphemeralMcp("hub", "http://localhost:8080")),
        ("hub=https://example.com/mcp:search", EphemeralMcp("hub", "https://example.com/mcp", ("search",))),
        ("hub=http://h:80/m:a-b,c", EphemeralMcp("hub", "http://h:80/m", ("a-b", "c"))),
    ],
)
def test_every_form_is_read_and_written_back(spec: str, integration: Integration) -> None:
    assert parse_integration(spec) == integration
    assert write_integration(integration) == spec


@pytest.mark.parametrize("spec", ["", "playwright", "hub=ftp://x", "mcp/x:", "=https://x"])
def test_anything_else_is_refused(spec: str) -> None:
    with pytest.raises(BadUseError, match="names no integration"):
        parse_integration(spec)


@pytest.mark.parametrize(
    "spec", ["http://me:PASS@", "a=http//me:PASS@host", "https://me:PASS@host/mcp", "a b=https://me:PASS@host"]
)
def test_a_complaint_shows_no_password(spec: str) -> None:
    with pytest.raises(BadUseError) as caught:
        parse_integration(spec)
    assert "PASS" not in caught.value.message
