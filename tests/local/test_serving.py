"""What requests pass before the routes: hosts, origins, sizes, time and number, as raw bytes on a socket."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from lmchat.local import serving
from tests.local.conftest import KEY, Served


def connect(served: Served) -> socket.socket:
    address = urlsplit(str(served.http.base_url))
    assert address.hostname is not None
    return socket.create_connection((address.hostname, address.port or 0), timeout=20)


def everything(connection: socket.socket) -> bytes:
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while more := connection.recv(65536):
            data += more
    return data


def status(served: Served, *headers: bytes) -> int:
    """Return the status of a greeting that is asked for with these headers and no others."""
    with connect(served) as connection:
        connection.sendall(b"\r\n".join([b"GET /lmstudio-greeting HTTP/1.1", *headers, b"Connection: close", b"", b""]))
        return int(everything(connection).split()[1])


OURS = [
    b"localhost", b"localhost:1234", b"LOCALHOST:80", b"127.0.0.1", b"127.0.0.1:65535", b"[::1]", b"[::1]:1234",
    b"lmchat.localhost", b"a.b-c.localhost:8080",
]  # fmt: skip
FOREIGN = [
    b"", b"evil.com", b"a`b.evil.com", b"{a}.evil.com", b"evil.com:65536", b"localhost@evil.com", b"evil.com@localhost",
    b"localhost.evil.com", b"localhost.", b"127.0.0.1.", b"localhost:", b"localhost:0", b"localhost:65536",
    b"localhost:123456", b"localhost:-1", b"localhost:8a", b"localhost:80:80", b"localhost, evil.com", b"::1",
    b"[::1", b"[::1]x", b"[::ffff:7f00:1]", b"[::1%25lo]", b"127.1", b"2130706433", b"0.0.0.0", b"xlocalhost",
    b".localhost", b"a..localhost", b"localhost/x", b"localhost#", b"local\xc5\xbfhost", b"evil.com\\.localhost",
    b"loc\xe4lhost", b"\xef\xbd\x8cocalhost",
]  # fmt: skip


@pytest.mark.parametrize("host", OURS)
def test_this_machines_own_names_are_served(served: Served, host: bytes) -> None:
    assert status(served, b"Host: " + host) == 200


@pytest.mark.parametrize("host", FOREIGN)
def test_any_other_host_is_refused(served: Served, host: bytes) -> None:
    assert status(served, b"Host: " + host) in (400, 403)


@pytest.mark.parametrize("headers", [(), (b"Host: localhost", b"Host: evil.com"), (b"Host: localhost",) * 2])
def test_a_request_names_one_host(served: Served, headers: tuple[bytes, ...]) -> None:
    assert status(served, *headers) in (400, 403)


def test_without_a_host_old_http_is_refused_too(served: Served) -> None:
    with connect(served) as connection:
        connection.sendall(b"GET /lmstudio-greeting HTTP/1.0\r\n\r\n")
        assert everything(connection).split()[1] == b"403"


@pytest.mark.parametrize("origin", [b"http://localhost:3000", b"https://127.0.0.1", b"http://[::1]:80"])
def test_a_page_of_this_machine_is_served(served: Served, origin: bytes) -> None:
    assert status(served, b"Host: localhost", b"Origin: " + origin) == 200


@pytest.mark.parametrize(
    "origin",
    [
        b"", b"null", b"http://evil.com", b"http://[bad", b"http://[::1", b"localhost", b"http://localhost:99999",
        b"http://localhost@evil.com", b"http://localhost/path", b"http://a`b.evil.com", b"://localhost", b"\xff",
        b"http://localhost http://evil.com",
    ],
)  # fmt: skip
def test_an_origin_that_is_not_clearly_ours_is_refused(served: Served, origin: bytes) -> None:
    assert status(served, b"Host: localhost", b"Origin: " + origin) == 403


def chunks(size: int) -> Iterator[bytes]:
    for _ in range(size >> 20):
        yield b"x" * (1 << 20)


def test_a_body_is_bounded_while_it_is_read(served: Served) -> None:
    answer = served.http.post("/api/v1/chat", content=chunks(serving.LARGEST_BODY + (2 << 20)))

    assert answer.status_code == 413
    assert "32 MB" in answer.json()["error"]["message"]


def test_an_announced_length_beyond_the_bound_is_refused_before_anything_is_sent(served: Served) -> None:
    with connect(served) as connection:
        connection.sendall(b"POST /api/v1/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n")
        assert b" 413 " in connection.recv(65536)


def test_pictures_up_to_the_bound_arrive(served: Served) -> None:
    picture = {"type": "image", "data_url": "data:image/png;base64," + "A" * (serving.LARGEST_BODY - 1000)}

    answer = served.http.post("/api/v1/chat", json={"model": KEY, "input": [picture]})

    assert "does not support image inputs" in answer.json()["error"]["message"]


@pytest.mark.parametrize("begun", [b"", b"GET /api/v1/models HTTP/1.1\r\nHost: localhost\r\nX: "])
def test_a_head_that_takes_too_long_ends_the_connection(
    served: Served, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr(serving, "HEAD_SECONDS", 0.5)
    with connect(served) as connection:
        connection.sendall(begun)
        before = time.monotonic()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while time.monotonic() < before + 5 and not _ended(connection):
                connection.sendall(b"x" if begun else b"")
        assert time.monotonic() - before < 3


def _ended(connection: socket.socket) -> bool:
    connection.settimeout(0.05)
    try:
        return connection.recv(100) == b""
    except TimeoutError:
        return False


def test_a_head_that_takes_too_long_on_a_used_connection_ends_it(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "HEAD_SECONDS", 0.5)
    with connect(served) as connection:
        connection.sendall(b"GET /lmstudio-greeting HTTP/1.1\r\nHost: localhost\r\n\r\n")
        while b"}" not in connection.recv(65536):
            pass
        connection.sendall(b"GET / HTTP/1.1\r\nX")
        before = time.monotonic()
        assert everything(connection) == b""
        assert time.monotonic() - before < 3


def test_an_answer_may_take_longer_than_a_head(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "HEAD_SECONDS", 0.3)
    served.engine.hold.clear()
    served.engine.silent_answers = 1
    with connect(served) as connection:
        body = json.dumps({"model": KEY, "input": "Hello"}).encode()
        head = b"POST /api/v1/chat HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
        connection.sendall(head % len(body) + body)
        time.sleep(0.8)
        served.engine.hold.set()
        served.engine.awake.set()
        assert everything(connection).split()[1] == b"200"


def test_the_number_of_connections_is_bounded_and_the_next_is_served_when_they_are_closed(served: Served) -> None:
    many = [connect(served) for _ in range(serving.MOST_CONNECTIONS + 10)]
    time.sleep(0.3)

    assert sum(_ended(each) for each in many[-8:]) == 8

    for each in many:
        each.close()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        with contextlib.suppress(IndexError):
            assert status(served, b"Host: localhost") == 200
            return
    pytest.fail("the server never recovered")


def _nested(depth: int) -> str:
    return "[" * depth + "]" * depth


@pytest.mark.parametrize("depth", [50, 600, 900, 5000, 100_000])
@pytest.mark.parametrize("key", ["input", "integrations", "reasoning", "model"])
def test_deep_nesting_is_a_bad_request(served: Served, depth: int, key: str) -> None:
    values = {"model": f'"{KEY}"', "input": '"x"', key: _nested(depth)}
    body = "{" + ", ".join(f'"{name}": {value}' for name, value in values.items()) + "}"

    answer = served.http.post("/api/v1/chat", content=body.encode())

    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request")


def test_deep_nesting_in_an_integration_is_refused_by_its_kind(served: Served) -> None:
    label = json.loads(_nested(800))
    answer = served.chat(integrations=[{"type": "ephemeral_mcp", "server_label": label}])

    assert answer.status_code == 403
