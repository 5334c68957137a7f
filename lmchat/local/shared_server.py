"""The program of the shared server: the embedded server in a process of its own that ends when it is no longer used.

It is no one's child and has no terminal, so neither Ctrl-C nor the end of the program that started it reaches it.
"""

import json
import os
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from lmchat import __version__
from lmchat.local.answers import json_response
from lmchat.local.child_process import close_streams, detach, read_settings
from lmchat.local.embedded import Embedded
from lmchat.local.run import address, bound, run
from lmchat.local.shared import STATUS, SharedServer, Spot, try_lock

_LOCK_SECONDS = 3.0
_LINGER_SECONDS = 0.5
"""How long it goes on after it can no longer be found, for who has just found it."""


def main() -> None:
    """Serve until idle for as long as the settings say, and name the server on stdout, or the one there is already."""
    settings = read_settings()
    detach()
    spot = Spot(Path(settings["record"]).parent, settings["identity"])
    lock = spot.open_lock()
    if not _first(spot, lock):
        return
    listening = bound(0)
    server = SharedServer(address(listening), secrets.token_hex(32), os.getpid(), __version__)
    spot.write(server)
    _name(server)
    close_streams()
    activity = Activity(settings["keep_seconds"])

    def leave() -> None:
        spot.forget(server.pid)
        os.close(lock)

    def around(app: ASGIApp, models: Embedded, end: Callable[[], object]) -> ASGIApp:
        keeper = threading.Thread(target=_keep, args=(activity, models, leave, end), name="keeper", daemon=True)
        keeper.start()
        return _with_status(app, models, activity)

    try:
        run(listening, {**settings, "token": server.secret}, around)
    finally:
        spot.forget(server.pid)


class Activity:
    """What a server is doing: how many requests are under way, and since when there has been none."""

    def __init__(self, keep_seconds: float) -> None:
        self.keep_seconds = keep_seconds
        self.began = time.time()
        self.under_way = 0
        self.ending = threading.Event()
        self._rested = time.monotonic()

    @property
    def idle_seconds(self) -> float:
        """Return for how long nothing has been asked."""
        return 0.0 if self.under_way else time.monotonic() - self._rested

    async def counted(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        self.under_way += 1
        try:
            await app(scope, receive, send)
        finally:
            self._rested = time.monotonic()
            self.under_way -= 1


def _first(spot: Spot, lock: int) -> bool:
    """Take the lock; where another server has it, name that one instead."""
    until = time.monotonic() + _LOCK_SECONDS
    while not try_lock(lock):
        if (server := spot.server()) is not None:
            _name(server)
            return False
        if time.monotonic() > until:
            raise SystemExit(f"Another server has locked {spot.lock} and cannot be found.")
        time.sleep(0.01)  # a program that looks whether there is a server has it for an instant
    return True


def _name(server: SharedServer) -> None:
    content = {"url": server.url, "secret": server.secret, "pid": server.pid, "version": server.version}
    os.write(1, json.dumps(content).encode() + b"\n")


def _keep(activity: Activity, models: Embedded, leave: Callable[[], None], end: Callable[[], object]) -> None:
    """Wait until nothing has been asked for long enough, or the end is asked for; then leave, and end."""
    while (left := activity.keep_seconds - activity.idle_seconds) > 0 or models.downloads.running:
        if activity.ending.wait(max(left, 1.0)):
            break
    leave()
    until = time.monotonic() + _LINGER_SECONDS
    while not activity.ending.is_set() and (activity.under_way or time.monotonic() < until):
        time.sleep(0.05)
    end()


def _with_status(app: ASGIApp, models: Embedded, activity: Activity) -> ASGIApp:
    """Add the route of the server's own state; asking for it is no use of the server."""

    async def with_status(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != STATUS:
            await activity.counted(app, scope, receive, send)
            return
        await json_response(_status(models, activity))(scope, receive, send)
        if Request(scope).method == "DELETE":
            activity.ending.set()

    return with_status


def _status(models: Embedded, activity: Activity) -> dict[str, Any]:
    return {
        "since": activity.began,
        "idle_seconds": round(activity.idle_seconds, 1),
        "keep_seconds": activity.keep_seconds,
        "requests": activity.under_way,
        "models": [
            {"id": instance, "context_length": engine.context, "pid": engine.process.pid}
            for instance, engine in models.instances.running()
        ],
    }
