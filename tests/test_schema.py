"""The form of a reply: schemas as people give them, and replies that fit or do not."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from lmchat.errors import BadUseError, UnfitReplyError
from lmchat.schema import check_reply, read_schema

CITY: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "inhabitants": {"type": "integer"}},
    "required": ["name"],
}


def test_a_schema_is_given_as_json_or_as_a_file(tmp_path: Path) -> None:
    file = tmp_path / "city.json"
    file.write_text("\ufeff" + json.dumps(CITY), encoding="utf-8")

    assert read_schema(json.dumps(CITY)) == read_schema(f" {json.dumps(CITY)}") == read_schema(str(file)) == CITY


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ('{"type":', "is not JSON"),
        ('{"type": "thing"}', "cannot be used: type: 'thing' is not valid"),
        ('{"properties": []}', "cannot be used: properties: [] is not of type 'object'"),
        ("nowhere.json", "nowhere.json cannot be read: No such file"),
        (".", "cannot be read"),
        ("", "cannot be read"),
    ],
)
def test_what_is_no_schema_is_said(given: str, words: str) -> None:
    with pytest.raises(BadUseError) as refused:
        read_schema(given)

    assert words in refused.value.message
    assert "A schema is a JSON object such as" in refused.value.hint


@pytest.mark.parametrize(("content", "words"), [(b"[1]", "is not a JSON object"), (b"\xff\xfe", "not text in UTF-8")])
def test_a_file_that_is_no_schema_is_said(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "x.json").write_bytes(content)

    with pytest.raises(BadUseError, match=words):
        read_schema(str(tmp_path / "x.json"))


def test_a_schema_without_end_is_not_read_to_it() -> None:
    with pytest.raises(BadUseError, match="has more than 32 MB"):
        read_schema("/dev/zero")


@pytest.mark.parametrize("depth", [200, 900, 100_000])
def test_a_schema_may_be_nested_too_deeply(depth: int) -> None:
    with pytest.raises(BadUseError, match=r"nested too deeply|recursion"):
        read_schema('{"not":' * depth + "{}" + "}" * depth)


def test_a_schema_may_refer_to_itself_without_end() -> None:
    with pytest.raises(BadUseError, match="refers to itself without end"):
        check_reply({"$ref": "#"}, "{}")


@pytest.mark.parametrize("reply", ['{"name": "京都"}', ' {"name": "Kyoto", "inhabitants": 1400000}\n'])
def test_a_reply_that_fits_is_silent(reply: str) -> None:
    check_reply(CITY, reply)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ('{"name": 5}', "name: 5 is not of type 'string'"),
        ("{}", "'name' is a required property"),
        ("[]", r"\[\] is not of type 'object'"),
        ('{"name": "Kyo', "is not JSON"),
        ("Kyoto", "is not JSON"),
        ("```json\n{}\n```", "is not JSON"),
        ("", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        (json.dumps(["x" * 5000]), "…"),
    ],
)
def test_a_reply_that_does_not_fit_says_where(reply: str, words: str) -> None:
    with pytest.raises(UnfitReplyError, match=words):
        check_reply(CITY, reply)


def test_the_place_of_a_flaw_is_named() -> None:
    schema = {"properties": {"cities": {"items": CITY}}}

    with pytest.raises(UnfitReplyError, match=r"cities\[1\]\.inhabitants: 'many' is not of type 'integer'"):
        check_reply(schema, '{"cities": [{"name": "a"}, {"name": "b", "inhabitants": "many"}]}')


def test_an_older_draft_is_read_by_its_own_rules() -> None:
    old = {"$schema": "http://json-schema.org/draft-04/schema#", "maximum": 5, "exclusiveMaximum": True}

    with pytest.raises(UnfitReplyError):
        check_reply(read_schema(json.dumps(old)), "5")


def test_nothing_is_fetched_for_a_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)

    with pytest.raises(BadUseError, match=r"refers to http://example\.com/city\.json, which is not in it"):
        check_reply({"$ref": "http://example.com/city.json"}, "{}")


def test_a_reference_within_the_schema_is_followed() -> None:
    with pytest.raises(UnfitReplyError):
        check_reply({"$defs": {"city": CITY}, "$ref": "#/$defs/city"}, "{}")
