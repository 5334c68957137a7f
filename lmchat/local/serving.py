"""An application on a loopback socket, run by uvicorn, with what requests pass before they reach it.

Loopback is open to every program of this machine and, through a browser, to every web page: so a request that is not
clearly meant for this server is refused, and size, time and number of connections are bounded.
"""

import asyncio
import hmac
import re
import signal
import socket
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lmchat.local.refusals import Refusal

LARGEST_BODY = 32 << 20
"""The bytes a request's body may have, pictures included."""
HEAD_SECONDS = 10.0
"""How long the head of a request may take to arrive."""
MOST_CONNECTIONS = 64

_AUTHORITY = r"(?:(?:[a-z0-9_-]+\.)*localhost|127\.0\.0\.1|\[::1\])(?::0*([0-9]{1,5}))?"
_HOST = re.compile(_AUTHORITY, re.IGNORECASE | re.ASCII)
_ORIGIN = re.compile(rf"[a-z][a-z0-9+.-]*://{_AUTHORITY}", re.IGNORECASE | re.ASCII)
_LARGEST_PORT = 65535

Answer = Callable[[Refusal], ASGIApp]
"""Takes a refusal and returns the application that sends it."""


def serve_application(app: ASGIApp, listening: socket.socket) -> None:
    """Serve on the socket until SIGINT (raises KeyboardInterrupt) or SIGTERM, unless that is ignored."""
    server = uvicorn.Server(configured(app))
    ignored = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) is signal.SIG_IGN]
    leave = server.handle_exit

    def handle(number: int, frame: FrameType | None) -> None:
        if number not in ignored:
            leave(number, frame)

    server.handle_exit = handle  # type: ignore[method-assign, assignment]  # uvicorn has no other way to leave a signal alone
    server.run(sockets=[listening])


async def serve_quietly(listening: socket.socket, build: Callable[[Callable[[], object]], ASGIApp]) -> None:
    """Serve until SIGINT, SIGTERM or a call of the function that `build` receives, without waking while idle.

    `uvicorn.Server.run` wakes ten times a second to look whether it should end.
    """
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, over.set)
    config = configured(build(lambda: loop.call_soon_threadsafe(over.set)))
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listening])
    await over.wait()
    await server.shutdown(sockets=[listening])


def configured(app: ASGIApp) -> uvicorn.Config:
    """Return how uvicorn runs the application: silently, and the same whatever else is installed."""
    return uvicorn.Config(
        app,
        loop="asyncio",
        http=_patient_protocol,  # type: ignore[arg-type]  # it is called as the class would be
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=1,
    )


async def disconnected(receive: Receive) -> None:
    """Return when the client has gone away; the request's body must have been read."""
    while (await receive())["type"] != "http.disconnect":
        pass


def guarded(app: ASGIApp, token: str, answer: Answer) -> ASGIApp:
    """Let through only requests that were made for this server (with its token, where there is one).

    Raise Refusal into the application where a body grows too large while it is read.
    """

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        refusal = _refusal(scope["headers"], token) if scope["type"] == "http" else None
        if refusal is None:
            await app(scope, _bounded(receive), send)
        else:
            await answer(refusal)(scope, receive, send)

    return guard


def _bounded(receive: Receive) -> Receive:
    """Return a `receive` that raises Refusal beyond the largest body, whatever length was announced."""
    size = 0

    async def receive_bounded() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > LARGEST_BODY:
            raise _too_large()
        return message

    return receive_bounded


def _refusal(headers: Sequence[tuple[bytes, bytes]], token: str) -> Refusal | None:
    """Judge the raw headers: a framework that repairs them would let through what it has repaired."""
    hosts, origins = _values(headers, b"host"), _values(headers, b"origin")
    # A browser lets any page send a POST to loopback, and a page whose name resolves to loopback read the answer too.
    if len(hosts) != 1 or not _loopback(_HOST, hosts[0]) or not all(_loopback(_ORIGIN, each) for each in origins):
        return Refusal("Requests from web pages of other sites are not served.", status=403)
    if any(not length.isdecimal() or int(length) > LARGEST_BODY for length in _values(headers, b"content-length")):
        return _too_large()
    if not token:
        return None
    scheme, _, given = (_values(headers, b"authorization") or [""])[0].partition(" ")
    if scheme.lower() != "bearer" or not given.strip():
        message = (
            "An LM Studio API token is required to make requests to this server, but none was provided using the "
            "Authorization header using the 'Bearer' scheme (i.e., 'Authorization: Bearer $LM_API_TOKEN')."
        )
        return Refusal(message, status=401, code="invalid_api_key")
    if not hmac.compare_digest(given.strip().encode(), token.encode()):
        # LM Studio, too, repeats the first ten characters.
        message = f"Malformed LM Studio API token provided: {given.strip()[:10]}... Ensure you are using a valid token."
        return Refusal(message, status=401, code="invalid_api_key")
    return None


def _too_large() -> Refusal:
    message = f"The request is larger than {LARGEST_BODY >> 20} MB."
    return Refusal(message, status=413, code="request_too_large", param=None)


def _values(headers: Sequence[tuple[bytes, bytes]], name: bytes) -> list[str]:
    return [value.decode("latin-1") for each, value in headers if each.lower() == name]


def _loopback(pattern: re.Pattern[str], value: str) -> bool:
    found = pattern.fullmatch(value)
    return found is not None and (found[1] is None or 0 < int(found[1]) <= _LARGEST_PORT)


class PatientProtocol:
    """One connection, closed where the head of a request takes too long or where there are too many connections.

    uvicorn bounds neither. This wraps uvicorn's own protocol and passes everything on to it.
    """

    def __init__(self, inner: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._inner = inner
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Accept the connection, or close it where there are too many."""
        self._transport = transport
        full = len(self._inner.connections) >= MOST_CONNECTIONS
        self._inner.connection_made(transport)
        if full:
            transport.abort()
        else:
            self._watch()

    def data_received(self, data: bytes) -> None:
        """Pass on what came."""
        self._inner.data_received(data)
        self._watch()

    def eof_received(self) -> Any:
        """Pass on that the client sends no more."""
        return self._inner.eof_received()

    def connection_lost(self, problem: Exception | None) -> None:
        """Pass on that the connection is gone."""
        self._stop_watching()
        self._inner.connection_lost(problem)

    def pause_writing(self) -> None:
        """Pass on that the client reads too slowly."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Pass on that the client has caught up."""
        self._inner.resume_writing()

    def _watch(self) -> None:
        """Bound the time of a request's head; one that is complete, or not begun after an answer, has no limit."""
        import h11

        waiting = self._inner.conn.their_state is h11.IDLE
        if not waiting:
            self._stop_watching()
        elif self._deadline is None:
            self._deadline = self._loop.call_later(HEAD_SECONDS, self._close)

    def _stop_watching(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def _patient_protocol(**arguments: Any) -> Any:
    """Make the protocol of one connection, as uvicorn asks for it."""
    from uvicorn.protocols.http.h11_impl import H11Protocol

    return PatientProtocol(H11Protocol(**arguments), asyncio.get_running_loop())
