"""What requests pass before they reach the routes: who may ask, how much, how slowly, and over how many connections.

Loopback is open to every program of this machine and, through a browser, to every page: so what is not surely meant
for this server is refused.
"""

import asyncio
import hmac
import re
from collections.abc import Callable, Sequence
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lmchat.local import refusals
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


def guarded(app: ASGIApp, token: str, answer: Answer) -> ASGIApp:
    """Let through only requests that were made for this server (with its token, where there is one).

    Raises Refusal into the application where a body grows too large while it is read.
    """

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        refusal = _refusal(scope["headers"], token) if scope["type"] == "http" else None
        if refusal is None:
            await app(scope, bounded(receive), send)
        else:
            await answer(refusal)(scope, receive, send)

    return guard


def bounded(receive: Receive) -> Receive:
    """Return `receive` with an end: beyond the largest body it raises Refusal, whatever length was announced."""
    size = 0

    async def receive_bounded() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > LARGEST_BODY:
            raise refusals.too_large(LARGEST_BODY)
        return message

    return receive_bounded


def _refusal(headers: Sequence[tuple[bytes, bytes]], token: str) -> Refusal | None:
    """Judge the raw headers: a framework that repairs them would let through what it has repaired."""
    hosts, origins = _values(headers, b"host"), _values(headers, b"origin")
    # A browser lets any page send a POST to loopback, and one whose name is made to point here read the answer, too.
    if len(hosts) != 1 or not _loopback(_HOST, hosts[0]) or not all(_loopback(_ORIGIN, each) for each in origins):
        return refusals.foreign()
    if any(not length.isdecimal() or int(length) > LARGEST_BODY for length in _values(headers, b"content-length")):
        return refusals.too_large(LARGEST_BODY)
    if not token:
        return None
    scheme, _, given = (_values(headers, b"authorization") or [""])[0].partition(" ")
    if scheme.lower() != "bearer" or not given.strip():
        return refusals.no_token()
    if not hmac.compare_digest(given.strip().encode(), token.encode()):
        return refusals.wrong_token(given.strip())
    return None


def _values(headers: Sequence[tuple[bytes, bytes]], name: bytes) -> list[str]:
    return [value.decode("latin-1") for each, value in headers if each.lower() == name]


def _loopback(pattern: re.Pattern[str], value: str) -> bool:
    found = pattern.fullmatch(value)
    return found is not None and (found[1] is None or 0 < int(found[1]) <= _LARGEST_PORT)


class PatientProtocol:
    """One connection, closed where the head of a request takes too long or where there are too many connections.

    uvicorn bounds neither. It wraps uvicorn's own protocol and hands everything on to it.
    """

    def __init__(self, inner: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._inner = inner
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Take the connection, or close it where there are too many."""
        self._transport = transport
        full = len(self._inner.connections) >= MOST_CONNECTIONS
        self._inner.connection_made(transport)
        if full:
            transport.abort()
        else:
            self._watch()

    def data_received(self, data: bytes) -> None:
        """Hand on what came."""
        self._inner.data_received(data)
        self._watch()

    def eof_received(self) -> Any:
        """Hand on that the client sends no more."""
        return self._inner.eof_received()

    def connection_lost(self, problem: Exception | None) -> None:
        """Hand on that the connection is gone."""
        self._forget()
        self._inner.connection_lost(problem)

    def pause_writing(self) -> None:
        """Hand on that the client reads too slowly."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Hand on that the client has caught up."""
        self._inner.resume_writing()

    def _watch(self) -> None:
        """Give the head of the next request its time; one that is whole, or not begun after an answer, has no limit."""
        import h11

        waiting = self._inner.conn.their_state is h11.IDLE
        if not waiting:
            self._forget()
        elif self._deadline is None:
            self._deadline = self._loop.call_later(HEAD_SECONDS, self._close)

    def _forget(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def patient_protocol(**arguments: Any) -> Any:
    """Make the protocol of one connection, as uvicorn asks for it."""
    from uvicorn.protocols.http.h11_impl import H11Protocol

    return PatientProtocol(H11Protocol(**arguments), asyncio.get_running_loop())
