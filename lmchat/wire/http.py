"""HTTP: one call to a server, the head of its answer, and the two ways in which they travel.

Over a plain socket h11 reads and writes HTTP/1.1. Encrypted connections, proxies and unusual URLs are left to httpx, of
which h11 is a part: most servers are on this machine or in its network, where `import httpx` takes longer than the
exchange.
"""

import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lmchat import __version__
from lmchat.dataclass import dataclass, field
from lmchat.wire.address import Address, load_httpx, proxy_for, tls_context
from lmchat.wire.body import HEAD_LIMIT, PIECE
from lmchat.wire.reading import json_bytes

if TYPE_CHECKING:
    import h11

CHAT = "/api/v1/chat"
MODELS = "/api/v1/models"
GREETING = "/lmstudio-greeting"

_HOST = r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d+)?"
_PATH = r"(/(?!\.)([\w.~-]|%[0-9A-Fa-f]{2})+)+"
_PLAIN_URL = re.compile(f"http://{_HOST}{_PATH}", re.ASCII)
"""URLs that go over the network as they are written; httpx knows how to write others."""

_ONE_HEAD = 100 * 1024
"""Bytes of one head, or of the line before a chunk, as httpx has it."""


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked of a server; `read_seconds` is how long it may be silent (None: for ever).

    A `built_in` one is lmchat's own, which starts again by itself.
    """

    address: Address
    method: str
    path: str
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    connect_seconds: float = 5.0
    read_seconds: float | None = None
    built_in: bool = False

    @property
    def url(self) -> str:
        """Return the whole URL."""
        return self.address.url + self.path

    @property
    def content(self) -> bytes | None:
        """Return the body's bytes; raise BadUseError for a number that JSON does not have."""
        return None if self.body is None else json_bytes(self.body)

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers, the secret one among them."""
        headers = {
            "Accept": "*/*",
            "User-Agent": f"lmchat/{__version__}",
            # Compressed events arrive late, several together.
            "Accept-Encoding": "identity",
            "Connection": "close",
        }
        if self.body is not None:
            headers["Content-Type"] = "application/json"
        if self.address.authorization:
            headers["Authorization"] = self.address.authorization
        return headers

    @property
    def chats(self) -> bool:
        """Tell whether this asks for a reply, and not for a list or an action."""
        return self.method == "POST" and self.read_seconds is None and not self.path.startswith(MODELS)

    @property
    def native(self) -> bool:
        """Tell whether this is a route of LM Studio's own API."""
        return self.path in {CHAT, GREETING} or self.path.startswith(MODELS)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return everything that must not be shown: the token, and the headers of MCP servers."""
        integrations = (self.body or {}).get("integrations", ())
        headers = [each.get("headers", {}) for each in integrations if isinstance(each, dict)]
        # "Bearer" is not a secret, and what follows it is one also where a server repeats it alone.
        words = (value.partition(" ")[2] or value for each in headers for value in each.values())
        return (*self.address.secrets, *words)


@dataclass(frozen=True, slots=True)
class Head:
    """The first part of an answer: the status, and the headers that matter, each empty where it was not sent."""

    status: int
    content_type: str = ""
    location: str = ""
    encoding: str = ""

    @classmethod
    def of(cls, status: int, headers: Sequence[tuple[bytes, bytes]]) -> "Head":
        """Read the headers as they were sent."""

        def value(name: bytes) -> str:
            return b", ".join(value for each, value in headers if each.lower() == name).decode("utf-8", "replace")

        return cls(status, value(b"content-type"), value(b"location"), value(b"content-encoding"))

    @property
    def good(self) -> bool:
        """Tell whether the status is one of success; the body may still be a refusal."""
        return 200 <= self.status < 300

    @property
    def streams(self) -> bool:
        """Tell whether events follow."""
        return self.good and self.content_type.lower().startswith("text/event-stream")


@dataclass(slots=True)
class Connection:
    """A connection while it is used: the host it goes to, its socket, and how the answer begins."""

    host: str = ""
    sock: socket.socket | None = None
    first_bytes: bytes = b""
    headed: bool = False
    closed: bool = False
    _head_size: int = 0

    def opened(self, sock: socket.socket) -> None:
        """Note the socket, by which another thread can stop the reading."""
        self.sock = sock
        if self.closed:
            self.close()

    def received(self, data: bytes) -> bytes:
        """Note how the answer begins, and return the data; raise h11.RemoteProtocolError for a head without end.

        A server may send any number of provisional heads before the real one.
        """
        self.first_bytes = self.first_bytes or data[:5]
        self._head_size += 0 if self.headed else len(data)
        if self._head_size > HEAD_LIMIT:
            import h11

            raise h11.RemoteProtocolError("a head without end")
        return data

    def close(self) -> None:
        """End the reading at once; it may be called again."""
        self.closed = True
        if self.sock is not None:
            with suppress(OSError):
                # The plain socket's own way: that of a TLS socket takes its state from under the reader.
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)


@contextmanager
def answered(call: Call, content: bytes | None, connection: Connection) -> Iterator[tuple[Head, Iterator[bytes]]]:
    """Send a call with its body, yield the head of the answer and its body in pieces, and close the connection.

    Raise what h11, httpx or the system raises, and UnreachableError for a malformed proxy.
    """
    proxy = proxy_for(call.address)
    plain = proxy is None and _PLAIN_URL.fullmatch(call.url)
    way = _over_socket(call, content, connection) if plain else _over_httpx(call, content, connection, proxy)
    with way as (head, chunks):
        connection.headed = True
        yield head, chunks


@contextmanager
def _over_socket(call: Call, content: bytes | None, connection: Connection) -> Iterator[tuple[Head, Iterator[bytes]]]:
    import h11

    parts = urlsplit(call.url)
    headers = [("Host", parts.netloc), *call.headers.items()]
    if content is not None:
        headers.append(("Content-Length", str(len(content))))
    protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=_ONE_HEAD)
    request = h11.Request(method=call.method, target=parts.path, headers=headers)
    sent = [protocol.send(each) or b"" for each in (request, h11.Data(content or b""), h11.EndOfMessage())]

    connection.host = parts.hostname or ""
    with socket.create_connection((connection.host, parts.port or 80), call.connect_seconds) as sock:
        connection.opened(sock)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(call.read_seconds)
        events = _events(protocol, sock, connection, memoryview(b"".join(sent)))
        head = next(event for event in events if event.status_code >= 200)
        yield Head.of(head.status_code, list(head.headers)), (bytes(event.data) for event in events)


def _events(
    protocol: "h11.Connection", sock: socket.socket, connection: Connection, request: memoryview
) -> Iterator[Any]:
    """Send a request; yield the heads of its answer, each an h11.InformationalResponse but the last, and its data."""
    import h11

    while True:
        event = protocol.next_event()
        if event is h11.NEED_DATA:
            if request:
                request = _sent(sock, request)
            data = connection.received(sock.recv(PIECE))
            if not data and not connection.headed:
                raise ConnectionError("The server disconnected.")
            protocol.receive_data(data)
        elif isinstance(event, h11.EndOfMessage):
            return
        else:
            yield event


def _sent(sock: socket.socket, rest: memoryview) -> memoryview:
    """Send what is left of a request until the server answers, and return what is left then.

    A server may answer before it has read all, and then read no more, or hang up. Raise TimeoutError where it neither
    reads nor answers within the socket's time.
    """
    seconds = sock.gettimeout()
    sock.settimeout(0)
    try:
        while rest:
            try:
                rest = rest[sock.send(rest) :]
            except BlockingIOError:
                if _answers(sock, seconds):
                    break
    except TimeoutError:
        raise
    except OSError:
        # The answer may have come all the same.
        rest = rest[:0]
    finally:
        sock.settimeout(seconds)
    return rest


def _answers(sock: socket.socket, seconds: float | None) -> bool:
    """Wait until something can be sent or has come, and tell whether something has come."""
    from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector

    with DefaultSelector() as selector:
        selector.register(sock, EVENT_READ | EVENT_WRITE)
        ready = selector.select(seconds)
    if not ready:
        raise TimeoutError("timed out")
    return bool(ready[0][1] & EVENT_READ)


@contextmanager
def _over_httpx(
    call: Call, content: bytes | None, connection: Connection, proxy: str | None
) -> Iterator[tuple[Head, Iterator[bytes]]]:
    load_httpx()
    import httpx

    def trace(event: str, info: Mapping[str, Any]) -> None:
        """Note host and socket, which httpx itself does not give before the answer has begun."""
        if event == "connection.connect_tcp.started":
            connection.host = info["host"]
        stream: Any = info.get("return_value")
        if hasattr(stream, "get_extra_info"):
            read = stream.read
            stream.read = lambda *arguments, **more: connection.received(read(*arguments, **more))
            connection.opened(stream.get_extra_info("socket"))

    # A TLS context costs 20 ms, and plain HTTP never uses it: no redirect is followed.
    verify = tls_context(trust_env=not call.address.loopback) if call.address.encrypted else False
    silent = call.read_seconds
    timeout = httpx.Timeout(connect=call.connect_seconds, read=silent, write=silent, pool=None)
    try:
        client = httpx.Client(verify=verify, trust_env=False, proxy=proxy, timeout=timeout, follow_redirects=False)
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        raise httpx.ProxyError(str(error)) from error
    headers, extensions = call.headers, {"trace": trace}
    with (
        client,
        client.stream(call.method, call.url, content=content, headers=headers, extensions=extensions) as response,
    ):
        yield Head.of(response.status_code, response.headers.raw), response.iter_raw()
