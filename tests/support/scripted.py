"""A server that plays bytes written by hand: the fake at the edge of the wire.

    with ScriptedServer(stream(b"...frames..."), answer(404, '{"error": ...}')) as server:
        ... talk to server.url ...
        server.requests[0].json["model"]

Each connection gets the next answer; the last one is played again and again. An answer is a sequence of steps:
bytes are sent, numbers are seconds to wait, an event is waited for, `HOLD` waits until the client hangs up, `RESET`
breaks the connection.
After the last step the connection is closed properly. An answer may also be a function of the request.
"""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType
from typing import Any, Self


class Step(Enum):
    """What a server can do besides sending and waiting."""

    HOLD = "wait until the client hangs up"
    RESET = "break the connection"


HOLD, RESET = Step.HOLD, Step.RESET


@dataclass(frozen=True)
class Request:
    """A request as it came; header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self) -> Any:
        """Return the body's JSON value."""
        return json.loads(self.body)


Move = bytes | float | Step | threading.Event
Steps = Sequence[Move]
Answer = Steps | Callable[[Request], Steps]

STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nX-Powered-By: Express\r\nContent-Type: text/event-stream\r\n"
    b"Cache-Control: no-cache\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n"
)


def chunk(data: bytes) -> bytes:
    """Return one chunk of a chunked body; an empty one ends it."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def stream(*steps: Move, end: bool = True) -> Steps:
    """Answer with server-sent events: bytes become chunks, the body ends properly unless `end` is False."""
    last: Steps = [chunk(b"")] if end else []
    return [STREAM_HEAD, *(chunk(each) if isinstance(each, bytes) else each for each in steps), *last]


def answer(status: int, body: str | bytes, content_type: str = "application/json; charset=utf-8") -> Steps:
    """Answer at once, with a connection that is said to be kept and then closed."""
    data = body.encode() if isinstance(body, str) else body
    head = (
        f"HTTP/1.1 {status} Whatever\r\nX-Powered-By: Express\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(data)}\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\n"
    )
    return [head.encode(), data]


class ScriptedServer:
    """Listen on a free port and play `answers`; use it as a context."""

    def __init__(self, *answers: Answer, host: str = "127.0.0.1") -> None:
        self.requests: list[Request] = []
        self.hung_up = threading.Event()
        self._answers = list(answers)
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listening = socket.create_server((host, 0), family=family)
        self.port: int = self._listening.getsockname()[1]
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    def __enter__(self) -> Self:
        self._begin(self._accept)
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for each in list(self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join(timeout=5)

    def _begin(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True, name="scripted-server")
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self._open.append(connection)
            self._begin(lambda connection=connection: self._serve(connection))  # type: ignore[misc]  # mypy knows no default here

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            request = _read_request(connection)
            if request is None:
                return
            self.requests.append(request)
            given = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
            for step in given(request) if callable(given) else given:
                self._play(connection, step)

    def _play(self, connection: socket.socket, step: Move) -> None:
        match step:
            case bytes():
                connection.sendall(step)
            case threading.Event():
                step.wait(60)
            case Step.HOLD:
                with suppress(ConnectionError):
                    while connection.recv(4096):
                        pass
                self.hung_up.set()
            case Step.RESET:
                # Lingering for no time at all makes `close` send a reset.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.close()
            case _:
                time.sleep(step)


def _read_request(connection: socket.socket) -> Request | None:
    received = b""
    while b"\r\n\r\n" not in received:
        more = connection.recv(65536)
        if not more:
            return None
        received += more
        if received.startswith(b"\x16"):
            # The first byte of a TLS greeting, which this server does not understand.
            return Request("TLS", "", body=received)
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(65536)
    return Request(method, path, headers, body)
