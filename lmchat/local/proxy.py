"""What `lmchat serve` is in front of the shared server: an open door for programs that do not know the secret.

Requests go on as they are, answers come back as they grow. A server that has ended is started by the next request.
"""

import asyncio
import contextlib
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from lmchat.errors import LmchatError
from lmchat.local import refusals
from lmchat.local.answers import refusal_response, unexpected_response
from lmchat.local.guard import guarded
from lmchat.local.refusals import Refusal
from lmchat.local.shared import STATUS, SharedServer

Locate = Callable[[], SharedServer]
_OWN = {b"host", b"authorization", b"connection", b"content-length", b"transfer-encoding", b"expect", b"origin"}
"""Headers that are about this connection, or were judged here."""
_HOP = {b"connection", b"date"}
_CHUNK = 1 << 16
_TRIES, _PAUSE = 20, 0.1
"""How often, and after how many seconds, a server is looked for again: one that was killed is found a moment longer."""


def proxy(token: str, locate: Locate) -> ASGIApp:
    """Make the application; with a `token`, every request needs it. `locate` starts the shared server if it must."""
    return guarded(_proxy(locate), token, refusal_response)


def _proxy(locate: Locate) -> ASGIApp:
    async def proxy(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if scope["path"] == STATUS:  # not for those who do not know the secret
            await unexpected_response(request)(scope, receive, send)
            return
        try:
            body = await request.body()
            server, reader, writer = await _connected(locate)
        except Refusal as refusal:
            await refusal_response(refusal)(scope, receive, send)
            return
        except (LmchatError, OSError) as problem:
            await refusal_response(refusals.engine_failed(str(problem)))(scope, receive, send)
            return
        gone = asyncio.ensure_future(_gone(request))
        answer = asyncio.ensure_future(_pass_on(reader, writer, _outgoing(scope, server, body), send))
        try:
            await asyncio.wait({gone, answer}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            writer.close()  # tells the shared server that this request is over
            if not answer.done():
                answer.cancel()
        if answer.done() and not answer.cancelled() and not answer.result():
            failed = refusals.engine_failed("The built-in model's server ended before it answered.")
            await refusal_response(failed)(scope, receive, send)

    return proxy


async def _connected(locate: Locate) -> tuple[SharedServer, asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to the shared server; raise OSError where none can be connected to.

    An engine belongs to that server: this program may end without it.
    """
    for _ in range(_TRIES):
        server = await asyncio.to_thread(locate)
        with contextlib.suppress(ConnectionRefusedError):
            return server, *await asyncio.open_connection(*_place(server))
        await asyncio.sleep(_PAUSE)
    raise ConnectionRefusedError("The built-in model's server cannot be reached.")


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _place(server: SharedServer) -> tuple[str, int]:
    address = urlsplit(server.url)
    return address.hostname or "", address.port or 0


def _outgoing(scope: Scope, server: SharedServer, body: bytes) -> bytes:
    """Write the request again, in version 1.0, so that the answer's end is the connection's."""
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


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, outgoing: bytes, send: Send) -> bool:
    """Send the request on and its answer back; tell whether there was one."""
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
