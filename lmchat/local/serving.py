"""An application on a socket, run by uvicorn until a signal or a function ends it."""

import asyncio
import signal
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from lmchat.local.guard import patient_protocol


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
    """Serve until SIGINT, SIGTERM or the function that `build` is handed; asleep while nothing is asked.

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
    """Say how uvicorn runs the application: silently, and the same whatever else is installed."""
    return uvicorn.Config(
        app,
        loop="asyncio",
        http=patient_protocol,  # type: ignore[arg-type]  # it is called as the class would be
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=1,
    )
