"""The two ways to a server: HTTP/1.1 by h11 over a plain socket, and httpx for encrypted connections and proxies.

Most servers are on this machine or in its network, where `import httpx` would cost more time than the exchange: h11 is
the part of httpx that reads and writes HTTP itself.
"""

import re
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lmchat.dataclass import dataclass
from lmchat.wire.address import proxy_for, tls_context
from lmchat.wire.body import HEAD_LIMIT, PIECE
from lmchat.wire.request import Call

if TYPE_CHECKING:
    import h11

_HOST = r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d+)?"
_PATH = r"(/(?!\.)([\w.~-]|%[0-9A-Fa-f]{2})+)+"
_PLAIN_URL = re.compile(f"http://{_HOST}{_PATH}", re.ASCII)
"""URLs that go over the network as they are written; httpx knows how to write others."""

_ONE_HEAD = 100 * 1024
"""Bytes of one head or of the line before a chunk, the same as with httpx."""

_OTHER_PROTOCOL = 101

Headers = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer whose head has come: status, headers as they were sent, and the body in pieces as they come."""

    status: int
    headers: Headers
    chunks: Iterator[bytes]

    def header(self, name: str) -> str:
        """Return the value of a header, empty where there is none."""
        values = [value for each, value in self.headers if each.decode("ascii", "replace").lower() == name]
        return b", ".join(values).decode("utf-8", "replace")


@dataclass(slots=True)
class Connection:
    """What is known of a connection while it is used: where it goes, its socket, how its answer begins."""

    host: str = ""
    sock: socket.socket | None = None
    first_bytes: bytes = b""
    headed: bool = False
    closed: bool = False
    _head_size: int = 0

    def opened(self, connection: socket.socket) -> None:
        """Note the socket, by which another thread can stop the reading."""
        self.sock = connection
        if self.closed:
            self.close()

    def heard(self, data: bytes) -> bytes:
        """Note how the answer begins, and return the data; raise h11.RemoteProtocolError for a head without end.

        Before its last head, a server may send any number of provisional ones.
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
def answered(call: Call, content: bytes | None, connection: Connection) -> Iterator[Answer]:
    """Send a call with its body, wait for the head of the answer, and close the connection in the end.

    Raise what h11, httpx or the system raises, and UnreachableError for a proxy that makes no sense.
    """
    proxy = proxy_for(call.address)
    plain = proxy is None and _PLAIN_URL.fullmatch(call.url)
    way = _over_socket(call, content, connection) if plain else _over_httpx(call, content, connection, proxy)
    with way as answer:
        connection.headed = True
        yield answer


@contextmanager
def _over_socket(call: Call, content: bytes | None, connection: Connection) -> Iterator[Answer]:
    import h11

    parts = urlsplit(call.url)
    headers = [("Host", parts.netloc), *call.headers.items()]
    if content is not None:
        headers.append(("Content-Length", str(len(content))))
    protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=_ONE_HEAD)
    request = protocol.send(h11.Request(method=call.method, target=parts.path, headers=headers))
    body = protocol.send(h11.Data(content)) if content else b""
    protocol.send(h11.EndOfMessage())

    connection.host = parts.hostname or ""
    with socket.create_connection((connection.host, parts.port or 80), call.connect_seconds) as to_server:
        connection.opened(to_server)
        to_server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        to_server.settimeout(call.read_seconds)
        _send(to_server, (request or b"") + (body or b""))
        events = _events(protocol, to_server, connection)
        head = _head(events)
        chunks = (bytes(event.data) for event in events if isinstance(event, h11.Data))
        yield Answer(head.status_code, list(head.headers), chunks)


def _head(events: "Iterator[h11.Event]") -> "h11.Response | h11.InformationalResponse":
    """Wait for the head of the answer, after whatever provisional ones; none comes after that of another protocol."""
    import h11

    for event in events:
        if isinstance(event, h11.Response) or (
            isinstance(event, h11.InformationalResponse) and event.status_code == _OTHER_PROTOCOL
        ):
            return event
    raise EOFError


def _send(to_server: socket.socket, data: bytes) -> None:
    """Send everything, each piece within the socket's time; a server may answer and hang up before it has read all."""
    rest = memoryview(data)
    with suppress(BrokenPipeError, ConnectionResetError, ConnectionAbortedError):
        while rest:
            rest = rest[to_server.send(rest) :]


def _events(protocol: "h11.Connection", to_server: socket.socket, connection: Connection) -> "Iterator[h11.Event]":
    """Yield what h11 reads up to the end of the answer."""
    import h11

    while True:
        event = protocol.next_event()
        if event is h11.NEED_DATA:
            data = connection.heard(to_server.recv(PIECE))
            if not data and not connection.headed:
                raise ConnectionError("The server disconnected.")
            protocol.receive_data(data)
        elif event is h11.PAUSED or isinstance(event, h11.EndOfMessage):
            return
        elif isinstance(event, h11.Event):
            yield event


@contextmanager
def _over_httpx(call: Call, content: bytes | None, connection: Connection, proxy: str | None) -> Iterator[Answer]:
    load_httpx()
    import httpx

    def trace(event: str, info: Mapping[str, Any]) -> None:
        """Note host and socket, which httpx itself does not hand out before the answer has begun."""
        if event == "connection.connect_tcp.started":
            connection.host = info["host"]
        extra = getattr(info.get("return_value"), "get_extra_info", None)
        if extra is not None:
            _listen(info["return_value"], connection)
            connection.opened(extra("socket"))

    # A TLS context costs 20 ms, and plain HTTP never uses it: no redirect is followed.
    verify = tls_context(trust_env=not call.address.loopback) if call.address.encrypted else False
    silent = call.read_seconds
    timeout = httpx.Timeout(connect=call.connect_seconds, read=silent, write=silent, pool=None)
    try:
        client = httpx.Client(verify=verify, trust_env=False, proxy=proxy, timeout=timeout, follow_redirects=False)
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        raise httpx.ProxyError(str(error)) from error
    extensions = {"trace": trace}
    with (
        client,
        client.stream(call.method, call.url, content=content, headers=call.headers, extensions=extensions) as response,
    ):
        yield Answer(response.status_code, response.headers.raw, response.iter_raw())


def _listen(stream: Any, connection: Connection) -> None:
    """Let the connection hear what is read: httpx says nothing of how an answer begins that is no HTTP."""
    read = stream.read

    def heard(*arguments: Any, **more: Any) -> bytes:
        return connection.heard(read(*arguments, **more))

    stream.read = heard


def load_httpx() -> None:
    """Import httpx, so that a plain `import httpx` costs nothing afterwards.

    httpx's own `__init__` tries to import its command line, which imports click and, through it, rich and more
    where click is installed: some 20 to 50 ms for nothing. httpx expects that click may be missing.
    """
    if "httpx" in sys.modules:
        return
    hide = "click" not in sys.modules
    if hide:
        sys.modules["click"] = None  # type: ignore[assignment]  # the documented way to make an import fail
    try:
        import httpx  # noqa: F401 - imported for those who import it next
    finally:
        if hide:
            del sys.modules["click"]
