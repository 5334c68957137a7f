"""The shared server as a program that ends when it is no longer used, and `lmchat serve`, which passes requests to it.

The program is a child of no other and has no terminal, so neither Ctrl-C nor the end of the program that started it
reaches it. `serve` is open to programs that do not know the server's secret: requests are passed on as they are,
answers come back as they grow, and a server that has ended is started by the next request.
"""

import asyncio
import contextlib
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from lmchat import __version__
from lmchat.errors import LmchatError
from lmchat.local.answers import json_response, refusal_response, unexpected_response
from lmchat.local.child_process import announce, close_streams, detach, read_settings
from lmchat.local.embedded import Embedded
from lmchat.local.refusals import Refusal, engine_failed
from lmchat.local.run import address, bound, run, server_settings
from lmchat.local.serving import disconnected, guarded, serve_application
from lmchat.local.shared import POSSIBLE, STATUS, SharedServer, Spot, shared_server
from lmchat.world import World, try_lock

_LOCK_SECONDS = 3.0
_LINGER_SECONDS = 0.5
"""How long it still answers after it can no longer be found, for a program that has just found it."""

Locate = Callable[[], SharedServer]
_OWN = {b"host", b"authorization", b"connection", b"content-length", b"transfer-encoding", b"expect", b"origin"}
"""Headers of a request that are about this connection, or were checked here."""
_HOP = {b"connection", b"date"}
_CHUNK = 1 << 16
_TRIES, _PAUSE = 20, 0.1
"""How often, and after how many seconds, to look for a server again: one that was killed is found a moment longer."""


def main() -> None:
    """Serve until idle for as long as the settings say; print the server, or the one that runs already."""
    settings = read_settings()
    detach()
    spot = Spot(Path(settings["record"]).parent, settings["identity"])
    lock = spot.open_lock()
    if not _first(spot, lock):
        return
    listening = bound(0)
    server = SharedServer(address(listening), secrets.token_hex(32), os.getpid(), __version__)
    spot.write(server)
    announce(server.record())
    close_streams()
    activity = Activity(settings["keep_seconds"])

    def leave() -> None:
        spot.forget(server.pid)
        os.close(lock)

    def around(app: ASGIApp, models: Embedded, end: Callable[[], object]) -> ASGIApp:
        keeper = threading.Thread(target=_keep, args=(activity, models, leave, end), name="keeper", daemon=True)
        keeper.start()
        return _with_status(app, models, activity)

    try:
        run(listening, {**settings, "token": server.secret}, around)
    finally:
        spot.forget(server.pid)


class Activity:
    """What a server is doing: how many requests are under way, and since when there has been none."""

    def __init__(self, keep_seconds: float) -> None:
        self.keep_seconds = keep_seconds
        self.began = time.time()
        self.under_way = 0
        self.ending = threading.Event()
        self._rested = time.monotonic()

    @property
    def idle_seconds(self) -> float:
        """Return for how long there has been no request."""
        return 0.0 if self.under_way else time.monotonic() - self._rested

    async def counted(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        self.under_way += 1
        try:
            await app(scope, receive, send)
        finally:
            self._rested = time.monotonic()
            self.under_way -= 1


def _first(spot: Spot, lock: int) -> bool:
    """Take the lock; where another server has it, print that one instead."""
    until = time.monotonic() + _LOCK_SECONDS
    while not try_lock(lock):
        if (server := spot.server()) is not None:
            announce(server.record())
            return False
        if time.monotonic() > until:
            raise SystemExit(f"Another server has locked {spot.lock} and cannot be found.")
        time.sleep(0.01)  # a program that looks for a server has the lock for an instant
    return True


def _keep(activity: Activity, models: Embedded, leave: Callable[[], None], end: Callable[[], object]) -> None:
    """Wait until there has been no request for long enough, or the server is to end; then leave, and end it."""
    while (left := activity.keep_seconds - activity.idle_seconds) > 0 or models.downloads.running:
        if activity.ending.wait(max(left, 1.0)):
            break
    leave()
    until = time.monotonic() + _LINGER_SECONDS
    while not activity.ending.is_set() and (activity.under_way or time.monotonic() < until):
        time.sleep(0.05)
    end()


def _with_status(app: ASGIApp, models: Embedded, activity: Activity) -> ASGIApp:
    """Add the route of the server's own state; a request for it does not count as use."""

    async def with_status(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != STATUS:
            await activity.counted(app, scope, receive, send)
            return
        await json_response(_status(models, activity))(scope, receive, send)
        if Request(scope).method == "DELETE":
            activity.ending.set()

    return with_status


def _status(models: Embedded, activity: Activity) -> dict[str, Any]:
    return {
        "since": activity.began,
        "idle_seconds": round(activity.idle_seconds, 1),
        "keep_seconds": activity.keep_seconds,
        "requests": activity.under_way,
        "models": [
            {"id": instance, "context_length": engine.context, "pid": engine.process.pid}
            for instance, engine in models.instances.running()
        ],
    }


def serve(
    world: World,
    listening: socket.socket,
    *,
    token: str = "",
    keep_seconds: float = 0.0,
    secret_variables: Iterable[str] = (),
) -> None:
    """Serve on a listening socket in the foreground until Ctrl-C or SIGTERM.

    With `keep_seconds`, requests are passed to the server that all programs share.
    """
    settings = server_settings(world, secret_variables)
    world.stderr.write(f"lmchat: serving at {address(listening)} (Ctrl-C stops it)\n")
    world.stderr.flush()
    with contextlib.suppress(KeyboardInterrupt):
        if keep_seconds and POSSIBLE:
            passing = _passing_on(lambda: shared_server(world, settings, keep_seconds))
            serve_application(guarded(passing, token, refusal_response), listening)
        else:
            run(listening, {**settings, "token": token})


def _passing_on(locate: Locate) -> ASGIApp:
    """Make the application; `locate` finds the shared server, or starts it."""

    async def pass_on(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if scope["path"] == STATUS:  # only for those who know the secret
            await unexpected_response(request)(scope, receive, send)
            return
        try:
            body = await request.body()
            server, reader, writer = await _connected(locate)
        except Refusal as refusal:
            await refusal_response(refusal)(scope, receive, send)
            return
        except (LmchatError, OSError) as problem:
            await refusal_response(engine_failed(str(problem)))(scope, receive, send)
            return
        gone = asyncio.ensure_future(disconnected(request.receive))
        answer = asyncio.ensure_future(_answered(reader, writer, _outgoing(scope, server, body), send))
        try:
            await asyncio.wait({gone, answer}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            writer.close()  # lets the shared server end this request's work
            if not answer.done():
                answer.cancel()
        if answer.done() and not answer.cancelled() and not answer.result():
            failed = engine_failed("The built-in model's server ended before it answered.")
            await refusal_response(failed)(scope, receive, send)

    return pass_on


async def _connected(locate: Locate) -> tuple[SharedServer, asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to the shared server; raise OSError where that is not possible."""
    for _ in range(_TRIES):
        server = await asyncio.to_thread(locate)
        place = urlsplit(server.url)
        with contextlib.suppress(ConnectionRefusedError):
            return server, *await asyncio.open_connection(place.hostname, place.port)
        await asyncio.sleep(_PAUSE)
    raise ConnectionRefusedError("The built-in model's server cannot be reached.")


def _outgoing(scope: Scope, server: SharedServer, body: bytes) -> bytes:
    """Write the request in HTTP 1.0, so that the end of the answer is the end of the connection."""
    target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
    headers = [
        (b"host", urlsplit(server.url).netloc.encode()),
        (b"authorization", f"Bearer {server.secret}".encode()),
        (b"content-length", str(len(body)).encode()),
        *((name, value) for name, value in scope["headers"] if name.lower() not in _OWN),
    ]
    lines = [
        scope["method"].encode() + b" " + target + b" HTTP/1.0",
        *(name + b": " + value for name, value in headers),
    ]
    return b"\r\n".join([*lines, b"", body])


async def _answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, outgoing: bytes, send: Send) -> bool:
    """Send the request on and its answer back; return whether there was an answer."""
    writer.write(outgoing)
    with contextlib.suppress(ConnectionError):
        await writer.drain()
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return False
    status, *lines = head.rstrip().split(b"\r\n")
    headers = [(name, value.strip()) for name, _, value in (line.partition(b":") for line in lines)]
    await send(
        {
            "type": "http.response.start",
            "status": int(status.split()[1]),
            "headers": [(name, value) for name, value in headers if name.lower() not in _HOP],
        }
    )
    while chunk := await reader.read(_CHUNK):
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body"})
    return True
