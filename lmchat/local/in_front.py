"""The server in front of another one: conversations are kept here, and what that has by itself goes on as it comes."""

import contextlib
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, closing
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lmchat.errors import LmchatError
from lmchat.local import checks
from lmchat.local.answers import Stream, event_frame, openai_error
from lmchat.local.history import History
from lmchat.local.llama import Cancel
from lmchat.local.refusals import Refusal
from lmchat.local.run import HISTORY, address
from lmchat.local.server import ServerState, application
from lmchat.local.serving import serve_application
from lmchat.local.upstream import Passed, Upstream, broken_off, refused
from lmchat.local.worker import Worker
from lmchat.world import World


def serve_in_front(world: World, listening: socket.socket, upstream: Upstream, *, name: str, token: str = "") -> None:
    """Serve in front of another server, whose `name` is said, until Ctrl-C or SIGTERM."""
    world.stderr.write(f"lmchat: serving at {address(listening)}, in front of {name} (Ctrl-C stops it)\n")
    world.stderr.flush()
    worker = Worker(at_once=True)
    state = ServerState(upstream, History(world.directories.data.absolute() / HISTORY), worker)
    app = application(state, upstream_routes(upstream, worker), token)
    with contextlib.suppress(KeyboardInterrupt):
        serve_application(app, listening)


def upstream_routes(upstream: Upstream, worker: Worker) -> list[Route]:
    """Return the routes that only a server with another one behind it has.

    `/v1/chat/completions`, `/v1/models`, `/v1/embeddings` and whatever else there is are that one's own.
    """

    async def own(request: Request) -> Response | Stream:
        data = await request.body()
        body = checks.json_object(data) if data else None
        items: AsyncGenerator[Passed | bytes | Refusal] = worker.items(
            request, _passing(upstream, request.method, _target(request), body)
        )
        head = await anext(items, None)
        if isinstance(head, Passed):
            return Stream((), _rest(items, head.content_type), status=head.status, content_type=head.content_type)
        await items.aclose()
        raise head if isinstance(head, Refusal) else broken_off()

    return [
        *(Route(f"/api/v1/models/{name}", _unmanaged, methods=["POST"]) for name in ("load", "unload", "download")),
        Route("/v1/{path:path}", own, methods=["GET", "POST"]),
    ]


async def _unmanaged(_request: Request) -> Response:
    message = "The server behind this one cannot load, unload or download models; the program that runs it can."
    raise Refusal(message, status=501, kind="not_implemented", code=None, param=None)


def _target(request: Request) -> str:
    path: bytes = request.scope["raw_path"]
    query: bytes = request.scope["query_string"]
    return (path + (b"?" + query if query else b"")).decode("ascii", "replace")


def _passing(
    upstream: Upstream, method: str, target: str, body: dict[str, Any] | None
) -> Callable[[Callable[[Passed | bytes | Refusal], None], Cancel], None]:
    def job(send: Callable[[Passed | bytes | Refusal], None], cancel: Cancel) -> None:
        try:
            with closing(upstream.pass_on(method, target, body)) as pieces:
                for piece in pieces:
                    cancel.check()
                    if piece:
                        send(piece)
        except LmchatError as problem:
            raise refused(problem) from problem

    return job


async def _rest(items: AsyncGenerator[Passed | bytes | Refusal], content_type: str) -> AsyncGenerator[bytes]:
    """Yield what comes after the head."""
    async with aclosing(items):
        async for item in items:
            if isinstance(item, bytes):
                yield item
            elif isinstance(item, Refusal):
                if not content_type.startswith("text/event-stream"):
                    raise item  # breaks the connection: half an answer must not look whole
                yield event_frame({"error": openai_error(item)}, "error")
