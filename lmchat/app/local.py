"""The built-in model's server as people see it: serve it to other programs, show its state, end it."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lmchat.app.connect import builtin_world, fetch_once, keep_seconds
from lmchat.app.conversation import settings_of
from lmchat.app.invocation import Invocation
from lmchat.local.shared import SharedServer, running_servers, server_status, stop_server
from lmchat.render.json_output import write_document
from lmchat.render.notes import duration
from lmchat.render.tables import size_words


def serve_model(invocation: Invocation, *, port: int, token: str) -> None:
    """Serve the built-in model to programs on this machine until Ctrl-C, fetching it first where it is not here."""
    from lmchat.local.run import bound, server_settings

    settings = settings_of(invocation)
    world = builtin_world(invocation, settings)
    with bound(port) as listening:  # a port that is taken is said before anything is fetched
        fetch_once(invocation, server_settings(world))
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
    servers = running_servers(invocation.world)
    for server in servers:
        stop_server(server)
    invocation.say("The built-in model has left memory." if servers else "The built-in model is not in memory.")


def _state(server: SharedServer) -> dict[str, Any]:
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
