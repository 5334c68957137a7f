"""One HTTP exchange whose reader never blocks the caller: Ctrl-C works at once, and screens can tick.

A thread of its own does the waiting; the caller takes from a queue.
"""

import socket
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING, Any

from lmchat import __version__
from lmchat.wire.faults import connection_fault, unconnected
from lmchat.wire.request import Call, Head
from lmchat.wire.writing import json_bytes


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


if TYPE_CHECKING:
    import httpx

TICK = 0.1
"""Seconds of silence after which the caller gets a turn."""

_REFUSAL_LIMIT = 8 * 1024 * 1024
"""Bytes of an error's body that are read; more than any server has to say."""

Piece = Head | bytes | None
Log = Callable[[str], None]


def exchange(call: Call, log: Log | None = None) -> Generator[Piece, None, None]:
    """Send one request; yield the head of the answer, then its bytes as they come, and None after each silent moment.

    Closing it closes the connection, wherever the exchange stands. Each exchange has a connection of its own:
    a kept one may be dead (PROTOCOL.md section 1), and a chat must not be sent twice.
    Raise ServerError where the server cannot be reached or breaks off.
    """
    load_httpx()
    line = _Line(_content(call))
    reader = Thread(target=_read, args=(call, line), name="lmchat-wire", daemon=True)
    told = _Told(log)
    told.say(call.told)
    try:
        reader.start()
        yield from _pieces(call, line, told)
    finally:
        try:
            line.hang_up()
        finally:
            # A second Ctrl-C may have come before the first try did anything.
            line.hang_up()
        told.say(lambda: f"{told.bytes} bytes in {told.seconds:.3f} s")
        if line.connection is not None:
            # Not while it connects: nothing can cut that short, and it ends by itself.
            reader.join(timeout=1)


def _pieces(call: Call, line: "_Line", told: "_Told") -> Generator[Piece, None, None]:
    headed = False
    while True:
        try:
            piece = line.queue.get(timeout=TICK)
        except Empty:
            # Looking up a name knows no timeout, and each of a host's addresses has one of its own.
            if line.connection is None and told.seconds > 2 * call.connect_seconds:
                raise unconnected(call) from None
            yield None
            continue
        match piece:
            case None:
                return
            case Exception():
                fault = connection_fault(piece, call, headed=headed, by_proxy=line.by_proxy(call))
                if fault is None:
                    raise piece
                raise fault from piece
            case Head(status, content_type):
                headed = True
                told.say(lambda: f"{status} {content_type} after {told.seconds:.3f} s")
            case bytes():
                told.bytes += len(piece)
        yield piece


@dataclass(slots=True)
class _Line:
    """Stand between the two threads: what was read, and the socket by which the caller can stop the reading."""

    content: bytes | None
    queue: SimpleQueue[Head | bytes | Exception | None] = field(default_factory=SimpleQueue)
    connection: socket.socket | None = None
    host: str = ""
    ended: bool = False

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Note host and socket, which httpx itself does not hand out before the answer has begun."""
        if event == "connection.connect_tcp.started":
            self.host = info["host"]
        extra = getattr(info.get("return_value"), "get_extra_info", None)
        if extra is not None:
            self.connection = extra("socket")
            if self.ended:
                self.hang_up()

    def by_proxy(self, call: Call) -> bool:
        """Tell whether the connection goes to another host than the one that is called."""
        # A name that is not ASCII is connected to by another spelling.
        return call.address.host.isascii() and self.host not in {"", call.address.host}

    def hang_up(self) -> None:
        """End the reading at once; it may be called again."""
        self.ended = True
        if self.connection is not None:
            with suppress(OSError):
                # The plain socket's own way: that of a TLS socket takes its state from under the reader.
                socket.socket.shutdown(self.connection, socket.SHUT_RDWR)


@dataclass(slots=True)
class _Told:
    """Say to the debug log how an exchange goes."""

    log: Log | None
    since: float = field(default_factory=monotonic)
    bytes: int = 0

    @property
    def seconds(self) -> float:
        return monotonic() - self.since

    def say(self, text: Callable[[], str]) -> None:
        if self.log is not None:
            self.log(text())


def _read(call: Call, line: _Line) -> None:
    """Do the exchange and put all that comes into the queue, at last None or what went wrong."""
    try:
        with (
            _client(call) as client,
            client.stream(
                call.method, call.url, content=line.content, headers=_headers(call), extensions={"trace": line.trace}
            ) as response,
        ):
            headers = response.headers
            head = Head(response.status_code, headers.get("content-type", ""), headers.get("location", ""))
            line.queue.put(head)
            size = 0
            for chunk in response.iter_bytes():
                line.queue.put(chunk)
                size += len(chunk)
                if line.ended or (size > _REFUSAL_LIMIT and not head.good):
                    break
        line.queue.put(None)
    except Exception as error:  # noqa: BLE001 - whatever it is, the caller's thread raises it
        line.queue.put(error)


def _client(call: Call) -> "httpx.Client":
    import httpx

    # A proxy from the environment knows nothing of this machine's own ports.
    trust_env = not call.address.loopback
    # A TLS context costs 20 ms, and plain HTTP never uses it: no redirect is followed.
    verify = _tls(trust_env) if call.address.encrypted else False
    silent = call.read_seconds
    timeout = httpx.Timeout(connect=call.connect_seconds, read=silent, write=silent, pool=None)
    try:
        return httpx.Client(verify=verify, trust_env=trust_env, timeout=timeout, follow_redirects=False)
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        raise httpx.ProxyError(str(error)) from error


def _tls(trust_env: bool) -> Any:
    import httpx

    context = httpx.create_ssl_context(trust_env=trust_env)
    # Beside httpx's own list: certificates that this machine's owner trusts.
    context.load_default_certs()
    return context


def _content(call: Call) -> bytes | None:
    return None if call.body is None else json_bytes(call.body)


def _headers(call: Call) -> dict[str, str]:
    headers = {
        "User-Agent": f"lmchat/{__version__}",
        # A compressed stream comes in lumps.
        "Accept-Encoding": "identity",
        "Connection": "close",
    }
    if call.body is not None:
        headers["Content-Type"] = "application/json"
    if call.address.authorization:
        headers["Authorization"] = call.address.authorization
    return headers
