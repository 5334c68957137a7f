"""Whatever a server sends, and however much: lmchat's memory stays bounded, and the exit code is the right one."""

import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from lmchat.errors import ExitStatus
from tests.trust.hostile import GZIP, MEGABYTE, ZLIB, Hostile, ask, bomb, hostile_server

HOSTILE_PEAK = 150 * MEGABYTE
SLOW_PEAK = 80 * MEGABYTE
"""A reply of 5 MB, measured 73 to 79 MB, 36 of them before it begins: most is taken by SQLite at the very end."""

SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
FAILED = b"HTTP/1.1 500 No\r\nContent-Type: application/json\r\n\r\n"
HI = b'data: {"type":"chat.start","model_instance_id":"m"}\n\ndata: {"type":"message.delta","content":"Hi."}\n\n'
LUMP = b"x" * 65536


def endless_line(server: Hostile, connection: socket.socket) -> None:
    connection.sendall(SSE + HI + b'data: {"type":"message.delta","content":"')
    server.flood(connection, LUMP)


def endless_event(server: Hostile, connection: socket.socket) -> None:
    connection.sendall(SSE + HI)
    server.flood(connection, b"data: x\n" * 8192)


def endless_comment(server: Hostile, connection: socket.socket) -> None:
    connection.sendall(SSE + HI + b":")
    server.flood(connection, LUMP)


def endless_text(server: Hostile, connection: socket.socket) -> None:
    connection.sendall(SSE + HI)
    server.flood(connection, b'data: {"type":"message.delta","content":"%s"}\n\n' % (b"word " * 40) * 100)


def endless_tools(server: Hostile, connection: socket.socket) -> None:
    connection.sendall(SSE + HI)
    server.flood(connection, b'data: {"type":"tool_call.success","tool":"t","arguments":{},"output":"o"}\n\n' * 1000)


def endless_json(server: Hostile, connection: socket.socket) -> None:
    connection.sendall(JSON + b'{"output":[{"type":"message","content":"')
    server.flood(connection, LUMP)


def json_of_lists(server: Hostile, connection: socket.socket) -> None:
    connection.sendall(SSE + HI + b'data: {"type":"x","y":[' + b"[]," * 4_000_000 + b"[]]}\n\n")
    server.flood(connection, LUMP)


def endless_error(server: Hostile, connection: socket.socket) -> None:
    connection.sendall(FAILED + b'{"error":{"message":"')
    server.flood(connection, LUMP)


def endless_headers(server: Hostile, connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    server.flood(connection, b"X-Header: something\r\n" * 1000)


def endless_status(server: Hostile, connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 ")
    server.flood(connection, LUMP)


def endless_provisional_heads(server: Hostile, connection: socket.socket) -> None:
    server.flood(connection, b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)


def gzip_bomb(server: Hostile, connection: socket.socket) -> None:
    packed = bomb(b'{"output":"', 300, GZIP)
    connection.sendall(JSON.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n") + packed)


def gzip_bomb_in_a_stream(server: Hostile, connection: socket.socket) -> None:
    packed = bomb(HI + b"data: ", 300, ZLIB)
    connection.sendall(SSE.replace(b"\r\n\r\n", b"\r\nContent-Encoding: deflate\r\n\r\n") + packed)


BROKEN, REFUSED, UNREACHABLE = ExitStatus.STREAM_BROKEN, ExitStatus.REFUSED, ExitStatus.UNREACHABLE


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (endless_line, BROKEN),
        (endless_event, BROKEN),
        (endless_comment, BROKEN),
        (endless_text, BROKEN),
        (endless_tools, BROKEN),
        (endless_json, BROKEN),
        (json_of_lists, BROKEN),
        (endless_error, REFUSED),
        (endless_headers, UNREACHABLE),
        (endless_status, UNREACHABLE),
        (endless_provisional_heads, UNREACHABLE),
        (gzip_bomb, BROKEN),
        (gzip_bomb_in_a_stream, BROKEN),
    ],
)
def test_a_flood_takes_bounded_memory_and_ends_with_its_own_code(
    answer: Callable[[Hostile, socket.socket], None], status: ExitStatus, tmp_path: Path
) -> None:
    with hostile_server(answer) as server:
        run = ask(server, tmp_path)
    assert (run.status, "bug" in run.stderr) == (status, False), run.stderr
    assert run.peak < HOSTILE_PEAK, f"{run.peak / MEGABYTE:.0f} MB"


@pytest.mark.parametrize("answer", [endless_line, endless_event, endless_comment, gzip_bomb_in_a_stream])
def test_what_came_before_a_flood_is_shown(answer: Callable[[Hostile, socket.socket], None], tmp_path: Path) -> None:
    with hostile_server(answer) as server:
        assert ask(server, tmp_path).stdout == b"Hi.\n"


TOKENS = 1_000_000


def million_tokens(server: Hostile, connection: socket.socket) -> None:
    delta = b'data: {"type":"message.delta","content":"word "}\n\n'
    text = "word " * TOKENS
    connection.sendall(SSE)
    server.flood(connection, delta * 1000, total=len(delta) * TOKENS)
    result = {"model_instance_id": "m", "output": [{"type": "message", "content": text}], "response_id": "resp_1"}
    connection.sendall(b"data: " + json.dumps({"type": "chat.end", "result": result}).encode() + b"\n\n")


def test_a_million_tokens_into_a_slow_pipe_take_bounded_memory(tmp_path: Path) -> None:
    with hostile_server(million_tokens) as server:
        run = ask(server, tmp_path, read_every=0.02, seconds=110)
    assert run.status == 0, run.stderr
    assert len(run.stdout) == 5 * TOKENS + 1
    assert run.peak < SLOW_PEAK, f"{run.peak / MEGABYTE:.0f} MB"


def test_a_pipe_that_is_not_read_holds_the_server_back(tmp_path: Path) -> None:
    with hostile_server(endless_text) as server:
        run = ask(server, tmp_path, read_every=3, seconds=3.5)
    # 64 KB of text in the pipe are some 700 KB of events; the rest is in the buffers of the two sockets.
    assert 0 < run.sent < 12 * MEGABYTE
