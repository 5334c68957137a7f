"""The server that all programs of one person share: found through a private file, started when it is needed.

For each kind of server (`_identity`), a directory that only this person can enter has a record (address, secret,
process) and a lock that the server has as long as it can be found: so a record is known to be stale when its server
has ended, however it ended. Programs that find none take turns at starting one, which ends by itself (`shared_server`).
"""

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lmchat import __version__
from lmchat.dataclass import dataclass
from lmchat.errors import LmchatError
from lmchat.world import World, try_lock

if TYPE_CHECKING:
    from lmchat.local.child_process import Child

STATUS = "/lmchat/server"
"""The route of the shared server's own state: GET shows it, DELETE ends the server."""

_PRIVATE_DIRECTORY, _PRIVATE_FILE = 0o700, 0o600
_STOP_SECONDS = 5.0

POSSIBLE = sys.platform != "win32"
"""Whether this system has what a shared server needs: locks that end with a process, and `fork`."""


@dataclass(frozen=True, slots=True)
class SharedServer:
    """A running server: its address, and the secret it asks for."""

    url: str
    secret: str
    pid: int
    version: str

    def record(self) -> dict[str, Any]:
        """Return the server as its record and its first line of output describe it."""
        return {"url": self.url, "secret": self.secret, "pid": self.pid, "version": self.version}


class Spot:
    """The place of one kind of server in the private directory."""

    def __init__(self, directory: Path, identity: str) -> None:
        self.record = directory / f"{identity}.json"
        self.lock = directory / f"{identity}.lock"

    def server(self) -> SharedServer | None:
        """Return the server that can be found here; a record without a running server does not count."""
        if not self._locked():  # asked first: a record that is read after this is not of an earlier server
            return None
        try:
            return SharedServer(**json.loads(self.record.read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, server: SharedServer) -> None:
        """Write the record, readable for this person only, completely or not at all."""
        new = self.record.with_suffix(f".{server.pid}.new")
        file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE_FILE)
        try:
            os.write(file, json.dumps(server.record()).encode())
        finally:
            os.close(file)
        new.replace(self.record)

    def forget(self, pid: int) -> None:
        """Remove the record if it is that of this process."""
        server = self.server()
        if server is not None and server.pid == pid:
            self.record.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove the record if its server has ended; one that has just taken the lock may be about to write it."""
        file = self.open_lock()
        try:
            if try_lock(file, shared=True):
                self.record.unlink(missing_ok=True)
        finally:
            os.close(file)

    def open_lock(self) -> int:
        """Open the file that is locked as long as the server can be found."""
        return os.open(self.lock, os.O_RDWR | os.O_CREAT, _PRIVATE_FILE)

    def _locked(self) -> bool:
        try:
            file = os.open(self.lock, os.O_RDWR)
        except OSError:
            return False
        try:
            return not try_lock(file, shared=True)
        finally:
            os.close(file)


def shared_server(world: World, settings: Mapping[str, Any], keep_seconds: float) -> SharedServer:
    """Return the server of this kind, starting it where there is none; raise LmchatError where that is not possible."""
    spot = Spot(_directory(world), _identity(settings))
    server = spot.server()
    if server is not None:
        return server
    try:
        _private(spot.record.parent)
        with _turn(spot.record.parent):
            return spot.server() or _started(spot, settings, keep_seconds)
    except OSError as problem:
        raise LmchatError(
            f"The built-in model's server cannot be started: {problem.strerror or problem}.",
            hint="`lmchat settings set local_keep 0` starts one for each program instead.",
        ) from problem


def running_servers(world: World) -> list[SharedServer]:
    """Return the shared servers that run, usually one; the records of ended ones are removed."""
    directory = _directory(world)
    if not directory.is_dir():
        return []
    spots = [Spot(directory, path.stem) for path in sorted(directory.glob("*.json"))]
    servers = [server for spot in spots if (server := spot.server()) is not None]
    if len(servers) < len(spots):
        with _turn(directory):
            for spot in spots:
                spot.clear()
    return servers


def server_status(server: SharedServer) -> dict[str, Any]:
    """Ask a server for its state; empty where it is about to end."""
    return _asked(server, "GET")


def stop_server(server: SharedServer) -> None:
    """End a server and what it is doing; return when it has ended."""
    _asked(server, "DELETE")
    until = time.monotonic() + _STOP_SECONDS
    while _alive(server.pid) and time.monotonic() < until:
        time.sleep(0.02)


def _started(spot: Spot, settings: Mapping[str, Any], keep_seconds: float) -> SharedServer:
    from lmchat.local.child_process import Child

    spot.clear()
    place = {"record": str(spot.record), "identity": spot.record.stem, "keep_seconds": keep_seconds}
    child = Child("lmchat.local.shared_server", {**settings, **place})
    try:
        return SharedServer(**announced(child))
    finally:
        child.stop(patience=1)


def announced(child: "Child") -> dict[str, Any]:
    """Return the first line a server prints, as JSON; raise LmchatError where it ends before that."""
    for line in child.lines():
        content: dict[str, Any] = json.loads(line)
        return content
    raise LmchatError(
        f"The built-in model's server ended as soon as it was started. {child.last_line()}".strip(),
        hint="`lmchat serve` shows more; LM Studio or another server can be named with --url.",
    )


def _identity(settings: Mapping[str, Any]) -> str:
    """Name a kind of server: programs share one only if they would have started the same."""
    import hashlib

    kind = [
        __version__,
        str(Path(__file__).parent),
        sorted((name, str(value)) for name, value in settings.items() if name != "secret_variables"),
    ]
    return hashlib.sha256(json.dumps(kind).encode()).hexdigest()[:16]


def _directory(world: World) -> Path:
    return world.directories.state.absolute() / "local"


def _private(directory: Path) -> None:
    """Make the directory one that only this person can enter; raise OSError where that is not possible."""
    directory.mkdir(mode=_PRIVATE_DIRECTORY, parents=True, exist_ok=True)
    if directory.stat().st_mode & 0o077:
        directory.chmod(_PRIVATE_DIRECTORY)


@contextmanager
def _turn(directory: Path) -> Iterator[None]:
    """Wait until no other program is starting a server."""
    file = os.open(directory / "start.lock", os.O_RDWR | os.O_CREAT, _PRIVATE_FILE)
    try:
        while not try_lock(file):
            time.sleep(0.01)
        yield
    finally:
        os.close(file)


def _asked(server: SharedServer, method: str) -> dict[str, Any]:
    import http.client

    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=_STOP_SECONDS)
    try:
        connection.request(method, STATUS, headers={"Authorization": f"Bearer {server.secret}"})
        answer: dict[str, Any] = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError):
        return {}
    else:
        return answer
    finally:
        connection.close()


def _alive(pid: int) -> bool:
    with suppress(OSError, IndexError):  # only Linux has this file
        # One that has ended stays in the table until process 1 has looked: in a container seconds later, or never.
        if Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] == b"Z":
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
