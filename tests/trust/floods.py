"""Answers without end or of the worst form, for every question and dialect: memory stays bounded, and each ends."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.trust.forking import Lmchat
from tests.trust.hostile import GZIP, HOSTILE_BYTES, MEGABYTE, bomb
from tests.trust.section import Section

MOST_MEMORY = 150 * MEGABYTE

_JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
_FAILED = _JSON.replace(b"200 OK", b"500 No")
_STREAM = _JSON.replace(b"application/json", b"text/event-stream")
_CHUNKED = _JSON.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n")
_GZIP = _JSON.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")


def _event(value: object) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


_CALLED = {"name": "x", "arguments": "{}"}
Bytes = Callable[[], Iterator[bytes]]


def _endless(beginning: bytes, piece: bytes) -> Bytes:
    def made() -> Iterator[bytes]:
        yield beginning
        lump = piece * max(1, 65536 // len(piece))
        for _ in range(HOSTILE_BYTES // len(lump)):
            yield lump

    return made


def _numbered(*, event: Callable[[int], object]) -> Bytes:
    def made() -> Iterator[bytes]:
        yield _STREAM
        for first in range(0, 700_000, 1000):
            yield b"".join(_event(event(number)) for number in range(first, first + 1000))

    return made


def _once(*parts: bytes) -> Bytes:
    return lambda: iter(parts)


def first(size: int, made: Bytes) -> Bytes:
    """Make the first `size` bytes of an answer, more or less."""

    def begun() -> Iterator[bytes]:
        sent = 0
        for piece in made():
            yield piece
            sent += len(piece)
            if sent > size:
                return

    return begun


ANSWERS: dict[str, Bytes] = {
    "provisional heads": _endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "headers": _endless(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
    "chunks of one byte": _endless(_CHUNKED, b"1\r\n[\r\n"),
    "an extension of a chunk": _endless(_CHUNKED + b"1;", b"x"),
    "digits of a chunk": _endless(_CHUNKED, b"0"),
    "trailers": _endless(_CHUNKED + b"2\r\n{}\r\n0\r\n", b"X: y\r\n"),
    "JSON": _endless(_JSON + b'{"models":"', b"x"),
    "lists in JSON": _endless(_JSON + b'{"models":[', b"[],"),
    "models": _endless(_JSON + b'{"models":[', b'{"key":"a"},'),
    "models of 14 MB": _once(_JSON, b'{"models":[', b'{"key":"%s"},' % (b"k" * 1000) * 14_000, b'{"key":"b"}]}'),
    "a name of 15 MB": _once(_JSON, b'{"models":[{"key":"', b"k" * 15_000_000, b'"}]}'),
    "an error": _endless(_FAILED + b'{"error":{"message":"', b"x"),
    "an error of 8 MB": _once(_FAILED, b'{"error":{"message":"', b"m " * 4_000_000, b'"}}'),
    "depth": _once(_JSON, b"[" * 5_000_000),
    "a number": _once(_JSON, b'{"models":', b"9" * 5_000_000, b"}"),
    "a bomb": _once(_GZIP, bomb(b'{"models":"', 200, GZIP)),
    "a bomb as an error": _once(_GZIP.replace(b"200 OK", b"500 No"), bomb(b'"', 200, GZIP)),
}
"""For every question."""

EVENTS: dict[str, Bytes] = {
    name: _endless(_STREAM, _event(event))
    for name, event in {
        "starts": {"type": "chat.start", "model_instance_id": "m"},
        "words": {"type": "message.delta", "content": "x"},
        "thoughts": {"type": "reasoning.delta", "content": "x"},
        "tags": {"type": "message.delta", "content": "<think>" * 30},
        "tables": {"type": "message.delta", "content": "|a|b|\n|-|-|\n" + "|x|y|\n" * 50},
        "halves": {"type": "message.delta", "content": "\ud83d"},
        "tools": {"type": "tool_call.start", "tool": "t"},
        "arguments": {"type": "tool_call.arguments", "tool": "t", "arguments": {"a": "b"}},
        "unknown events": {"type": "zzz", "content": "x"},
        "errors": {"type": "error", "error": {"message": "no"}},
        "choices": {"choices": [{"delta": {"content": "x"}}]},
        "calls": {"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]}}]},
        "output": {"type": "response.output_text.delta", "delta": "x"},
        "call deltas": {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": "xxxxxxxxxx"},
    }.items()
} | {
    "numbered calls": _numbered(
        event=lambda n: {"choices": [{"delta": {"tool_calls": [{"index": n, "function": _CALLED}]}}]}
    ),
    "numbered items": _numbered(
        event=lambda n: {
            "type": "response.output_item.added", "output_index": n,
            "item": {"type": "function_call", "name": "x", "id": f"{n}"},
        }
    ),
    "numbered kinds": _numbered(event=lambda n: {"type": f"kind-{n}"}),
    "items at the end": _once(
        _STREAM, b'data: {"type":"chat.end","result":{"output":[', b'{"type":"message","content":"a"},' * 60_000,
        b'{"type":"message","content":"b"}],"response_id":"r"}}\n\n',
    ),
}  # fmt: skip
"""For a prompt, in each dialect."""

_PROMPT = ("ask", "-m", "m", "hi")
_QUESTIONS = (
    _PROMPT, ("ask", "-m", "m", "--no-stream", "--json", "hi"), ("models",), ("models", "load", "m"), ("models",
    "unload", "m"),
    ("models", "download", "m"),
)  # fmt: skip
Case = tuple[str, Bytes, str, tuple[str, ...]]


def cases() -> list[Case]:
    """Return every answer with every question it is for."""
    plain: list[Case] = [
        (name, made, "lmstudio", question) for name, made in ANSWERS.items() for question in _QUESTIONS
    ]
    apis = ("lmstudio", "completions", "responses")
    return plain + [(name, made, api, _PROMPT) for name, made in EVENTS.items() for api in apis]


def run_floods(lmchat: Lmchat, chosen: list[Case], seconds: float = 120) -> Section:
    """Answer without end, and look at the peak of memory."""
    section = Section("floods")
    for name, made, api, question in chosen:
        with _answering(made) as url, TemporaryDirectory() as home:
            ended = lmchat("--url", url, "--api", api, *question, home=Path(home), seconds=seconds)
        fault = "" if ended.in_order else f"status {ended.status}: {ended.stderr[-200:]}"
        if ended.peak > MOST_MEMORY:
            fault = f"{ended.peak // MEGABYTE} MB"
        section.saw(ended.peak, f"{name}, {api}, {question}: {fault}" if fault else "")
    return section


@contextmanager
def _answering(made: Bytes) -> Iterator[str]:
    """Answer every request with what is made, as long as the client takes it."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError, ValueError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(65536)
                if not head:
                    return
            head, _, body = head.partition(b"\r\n\r\n")
            lengths = [
                line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
            ]
            while len(body) < int(lengths[0] if lengths else 0):
                body += connection.recv(65536)
            for piece in made():
                connection.sendall(piece)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
