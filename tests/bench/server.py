"""A small server of LM Studio's API for benchmarks: it answers each request with the same bytes at once."""

import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

DELTA = b'event: message.delta\ndata: {"type":"message.delta","content":"word "}\n\n'
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
_MODEL = {"type": "llm", "key": "m", "display_name": "M", "size_bytes": 1 << 30, "max_context_length": 4096}
_MODELS = json.dumps({"models": [{**_MODEL, "loaded_instances": []}]}).encode()
_LISTING = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" + _MODELS


@dataclass
class Server:
    """A running server: its address, and when each request arrived (by the machine's monotonic clock)."""

    url: str
    arrived: list[float] = field(default_factory=list)


def reply(tokens: int) -> bytes:
    """Return the events of a reply of so many tokens."""
    result = {"output": [{"type": "message", "content": "word " * tokens}], "response_id": "resp_1", "stats": {}}
    start, end = (
        f"event: {kind}\ndata: {json.dumps({'type': kind, **more})}\n\n".encode()
        for kind, more in (("chat.start", {"model_instance_id": "m"}), ("chat.end", {"result": result}))
    )
    return start + DELTA * tokens + end


def _is_whole(request: bytes) -> bool:
    head, _, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: *(\d+)", head)
    return request.startswith(b"GET ") or (length is not None and len(body) >= int(length[1]))


@contextmanager
def serving(tokens: int) -> Iterator[Server]:
    """Serve replies of so many tokens for the time of a block."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = Server(f"http://127.0.0.1:{listening.getsockname()[1]}")
    events = _HEAD + reply(tokens)

    def answer(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            received = connection.recv(65536)
            server.arrived.append(time.monotonic())
            while not _is_whole(received) and (more := connection.recv(65536)):
                received += more
            connection.sendall(_LISTING if received.startswith(b"GET ") else events)

    def accept() -> None:
        with suppress(OSError):
            while True:
                answer(listening.accept()[0])

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield server
    finally:
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
