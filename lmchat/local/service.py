"""Run the embedded server: gather what it needs, bind its socket, serve until told to end.

`main` is the program of the child process that `start` starts; `run` is the same in the foreground.
"""

import json
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmchat.errors import BadUseError
from lmchat.local import child_process

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp

HOST = "127.0.0.1"


def main() -> None:
    """Serve on a free port, name the address on stdout, and end with the lifeline."""
    settings = child_process.hold()
    listening = bound(0)
    # Named before the slow imports: whoever connects meanwhile waits in the socket's queue.
    os.write(1, json.dumps({"url": address(listening)}).encode() + b"\n")
    run(listening, settings)


def bound(port: int) -> socket.socket:
    """Return a socket that listens on a loopback port (0: any free one), or raise BadUseError."""
    # The protocol is named because asyncio turns off Nagle's delay (40 ms an answer) only where it is.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # elsewhere it would let two servers share the port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOST, port))
        listening.listen(128)
    except (OSError, OverflowError) as problem:
        listening.close()
        reason = problem.strerror if isinstance(problem, OSError) else "there is no such port"
        raise BadUseError(
            f"Port {port} cannot be used: {reason}.", hint="Choose another with --port; 0 takes any free one."
        ) from problem
    return listening


def address(listening: socket.socket) -> str:
    """Return the base URL of a listening socket."""
    return f"http://{HOST}:{listening.getsockname()[1]}"


def run(listening: socket.socket, settings: dict[str, Any]) -> None:
    """Serve on the socket until SIGINT (raises KeyboardInterrupt) or SIGTERM, then end every engine."""
    import uvicorn

    from lmchat.local.downloads import Downloads
    from lmchat.local.engines import Instances, load
    from lmchat.local.fetch import fetch
    from lmchat.local.history import History
    from lmchat.local.models import Places
    from lmchat.local.server import ServerState, application
    from lmchat.local.worker import Worker

    child_process.forget(settings["secret_variables"])
    chosen = settings["chosen"]
    places = Places(Path(settings["cache"]), Path(settings["lmstudio"]), Path(chosen) if chosen else None)
    instances = Instances(load)
    state = ServerState(
        places, History(Path(settings["data"]) / "local.db"), instances, Downloads(places, fetch), Worker()
    )
    try:
        uvicorn.Server(configured(application(state, settings["token"]))).run(sockets=[listening])
    finally:
        instances.stop_all()


def configured(app: "ASGIApp") -> "uvicorn.Config":
    """Say how uvicorn runs the application: silently, and the same whatever else is installed."""
    import uvicorn

    return uvicorn.Config(
        app,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=1,
    )
