"""Which model a name means, which one answers where none is named, and the three ways to write an integration."""

import pytest

from lmchat.chat.models import (
    EphemeralMcp,
    Instance,
    Integration,
    Model,
    Plugin,
    meant_model,
    name_to_ask,
    parse_integration,
    pick_model,
    write_integration,
)
from lmchat.errors import BadUseError, NotFoundError

MODELS = (
    Model("google/gemma-3-1b", "llm", display_name="Gemma 3 1B"),
    Model("google/gemma-3-1b-it", "llm"),
    Model("qwen/qwen3-8b", "llm", variants=("qwen/qwen3-8b@q4",), instances=(Instance("work"),)),
    Model("acme/vectors", "embedding"),
)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("google/gemma-3-1b", "google/gemma-3-1b"),
        ("GOOGLE/Gemma-3-1B", "google/gemma-3-1b"),
        ("1b-it", "google/gemma-3-1b-it"),
        ("Qwen", "qwen/qwen3-8b"),
        ("q4", "qwen/qwen3-8b"),
        ("wor", "qwen/qwen3-8b"),
        ("vect", "acme/vectors"),
        ("zzz", None),
        (" ", None),
    ],
)
def test_a_part_of_a_key_that_fits_one_model_is_that_model(name: str, key: str | None) -> None:
    found = meant_model(MODELS, name)
    assert (found and found.key) == key


@pytest.mark.parametrize("name", ["gemma", "GEMMA-3", "google/"])
def test_a_part_that_fits_several_models_lists_them(name: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        meant_model(MODELS, name)
    assert caught.value.hint == "Name one: google/gemma-3-1b, google/gemma-3-1b-it."


def test_a_variant_or_a_loaded_copy_is_asked_for_by_its_own_name() -> None:
    names = ("work", "qwen/qwen3-8b@Q4", "QWEN/qwen3-8b", "qwen")
    assert [name_to_ask(MODELS[2], name) for name in names] == [
        "work",
        "qwen/qwen3-8b@Q4",
        "qwen/qwen3-8b",
        "qwen/qwen3-8b",
    ]


@pytest.mark.parametrize("kind", ["embedding", "tts", "reranker", "image"])
def test_only_a_language_model_is_chosen_where_none_is_named(kind: str) -> None:
    loaded = Model("other", kind, instances=(Instance("other"),))
    assert pick_model([loaded, Model("talker", "llm")]) == Model("talker", "llm")
    assert pick_model([loaded, Model("plain", "")]) == Model("plain", "")
    assert pick_model([loaded]) is None


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
