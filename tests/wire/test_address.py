"""An address is taken as people type or paste it, and gives no secret away."""

import pytest

from lmchat.errors import BadUseError
from lmchat.wire.address import Address


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("http://localhost:1234", "http://localhost:1234"),
        ("http://localhost:1234/", "http://localhost:1234"),
        ("localhost:1234", "http://localhost:1234"),
        ("  localhost:1234/  ", "http://localhost:1234"),
        ("localhost", "http://localhost:1234"),
        ("192.168.1.5", "http://192.168.1.5:1234"),
        ("http://localhost", "http://localhost"),
        ("http://localhost:80", "http://localhost"),
        ("https://models.example.com:443", "https://models.example.com"),
        ("HTTP://LocalHost:1234", "http://localhost:1234"),
        ("[::1]:1234", "http://[::1]:1234"),
        ("http://[::1]", "http://[::1]"),
        ("http://localhost:1234/api/v1", "http://localhost:1234"),
        ("http://localhost:1234/api/v1/", "http://localhost:1234"),
        ("http://localhost:1234/v1", "http://localhost:1234"),
        ("http://localhost:1234/v1/chat/completions", "http://localhost:1234"),
        ("http://localhost:1234/api/v1/chat", "http://localhost:1234"),
        ("https://example.com/lm/", "https://example.com/lm"),
        ("https://example.com/lm/api/v1", "https://example.com/lm"),
        ("https://example.com/myv1", "https://example.com/myv1"),
        ("http://me:pass@localhost:1234", "http://localhost:1234"),
    ],
)
def test_an_address_is_made_regular(typed: str, url: str) -> None:
    assert Address(typed).url == url


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "   ",
        "http://",
        "http://:1234",
        "ftp://localhost",
        "ws://localhost:1234",
        "localhost:port",
        "localhost:99999",
        "localhost:0",
        "http://local host",
        "http://[::1",
        "::1",
        "http://localhost:1234?x=1",
        "http://localhost:1234#x",
        "http://a..b",
        "http://localhost\\x",
        "http://local\nhost",
    ],
)
def test_an_address_that_is_none_is_bad_use(typed: str) -> None:
    with pytest.raises(BadUseError) as caught:
        Address(typed)
    assert "http://localhost:1234" in caught.value.hint


@pytest.mark.parametrize("typed", ["ftp://me:pass@host", "http://me:pass@host:port", "me:pass@host:port"])
def test_a_complaint_about_an_address_leaves_its_password_out(typed: str) -> None:
    with pytest.raises(BadUseError) as caught:
        Address(typed)
    assert "pass" not in caught.value.message


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "schlüssel", "\x00"])
def test_a_token_that_cannot_be_sent_is_bad_use_and_not_shown(token: str) -> None:
    with pytest.raises(BadUseError) as caught:
        Address("localhost", token)
    assert token not in f"{caught.value.message}{caught.value.hint}"


def test_white_space_around_a_token_is_not_part_of_it() -> None:
    assert Address("localhost", " sk-lm-a:b\n").authorization == "Bearer sk-lm-a:b"


def test_a_user_in_the_address_is_let_in_by_password() -> None:
    assert Address("http://me:p%40ss@localhost").authorization == "Basic bWU6cEBzcw=="


def test_a_token_goes_before_a_user_in_the_address() -> None:
    assert Address("http://me:pass@localhost", "sk-lm-a:b").authorization == "Bearer sk-lm-a:b"


def test_no_secret_stands_in_what_is_shown_of_an_address() -> None:
    shown = repr(Address("http://me:pass@localhost", "sk-lm-a:b"))
    assert "pass" not in shown
    assert "sk-lm" not in shown


@pytest.mark.parametrize(
    ("typed", "loopback"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.9.1:80", True),
        ("[::1]:1234", True),
        ("[::ffff:127.0.0.1]:1234", True),
        ("0.0.0.0:1234", True),
        ("lm.localhost", True),
        ("localhost.", True),
        ("127.0.0.1%.example.com", False),
        ("192.168.1.5", False),
        ("localhost.example.com", False),
    ],
)
def test_an_address_of_this_machine_is_known(typed: str, *, loopback: bool) -> None:
    assert Address(typed).loopback is loopback


@pytest.mark.parametrize(
    ("typed", "exposed"),
    [
        ("http://models.example.com", True),
        ("http://8.8.8.8", True),
        ("https://models.example.com", False),
        ("http://localhost", False),
        ("http://192.168.1.5", False),
        ("http://10.0.0.5", False),
        ("http://[fe80::1]", False),
        ("http://studio", False),
        ("http://studio.local", False),
    ],
)
def test_a_token_in_the_clear_on_a_public_network_is_noticed(typed: str, *, exposed: bool) -> None:
    assert Address(typed, "sk-lm-a:b").exposes_token is exposed


def test_without_a_token_nothing_is_exposed() -> None:
    assert not Address("http://models.example.com").exposes_token
