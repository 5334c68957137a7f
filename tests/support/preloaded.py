"""The program in a terminal, started from a process that has its modules loaded.

A copy is forked for each start. It has arguments, environment, terminal and session of its own, as a process that was
started afresh, and ends as one does; only the imports, most of what a start takes, are not paid again.
"""

import atexit
import fcntl
import json
import os
import socket
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

_LARGEST_ORDER = 1 << 16


class Preloaded:
    """A process that has the program loaded."""

    def __init__(self) -> None:
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                cwd=Path(__file__).parents[2],
                start_new_session=True,
            )
        atexit.register(self._end)

    def start(self, arguments: Sequence[str], terminal: int, environ: Mapping[str, str]) -> "Started":
        """Start the program in a terminal, given as its file descriptor."""
        return self._forked(arguments, terminal, environ, other=False)

    def execute(self, command: Sequence[str], terminal: int, environ: Mapping[str, str]) -> "Started":
        """Start another program in a terminal, or this one afresh."""
        return self._forked(command, terminal, environ, other=True)

    def _forked(self, arguments: Sequence[str], terminal: int, environ: Mapping[str, str], *, other: bool) -> "Started":
        order = {"arguments": arguments, "other": other, "environ": dict(environ), "directory": str(Path.cwd())}
        socket.send_fds(self._orders, [json.dumps(order).encode()], [terminal])
        return Started(int(self._answer()), self)

    def status(self, pid: int) -> int | None:
        """Return how a program ended (negative: by which signal), None where it still runs."""
        self._orders.send(json.dumps({"pid": pid}).encode())
        status: int | None = self._answer()
        return status

    def _answer(self) -> Any:
        return json.loads(self._orders.recv(_LARGEST_ORDER))

    def _end(self) -> None:
        self._orders.close()
        self._process.kill()
        self._process.wait()


@cache
def preloaded() -> Preloaded:
    """Return the one process of these tests that has the program loaded."""
    return Preloaded()


class Started:
    """A program that was started; the same few methods as `subprocess.Popen`."""

    def __init__(self, pid: int, parent: Preloaded) -> None:
        self.pid = pid
        self._parent = parent
        self._status: int | None = None

    def poll(self) -> int | None:
        """Return how it ended, None where it still runs."""
        if self._status is None:
            self._status = self._parent.status(self.pid)
        return self._status

    def wait(self) -> int:
        """Wait until it has ended, and return how."""
        while (status := self.poll()) is None:
            time.sleep(0.005)
        return status


def main() -> None:
    """Fork a copy for each order, or say how one ended."""
    import h11  # noqa: F401 - what the copies need of it is loaded once

    import lmchat.__main__
    import lmchat.cli.chat
    import lmchat.cli.commands
    import lmchat.render.markdown.stream
    import lmchat.repl.loop
    import lmchat.repl.opening
    import lmchat.store.listing
    import lmchat.store.store
    import lmchat.wire.client
    import lmchat.wire.lmstudio.chat

    orders = socket.socket(fileno=int(sys.argv[1]))
    while True:
        content, files, _, _ = socket.recv_fds(orders, _LARGEST_ORDER, 1)
        if not content:
            return
        order = json.loads(content)
        if "pid" in order:
            pid, status = os.waitpid(order["pid"], os.WNOHANG)
            orders.send(json.dumps(os.waitstatus_to_exitcode(status) if pid else None).encode())
        elif pid := os.fork():
            os.close(files[0])
            orders.send(json.dumps(pid).encode())
        else:
            orders.close()
            _take_terminal(files[0])
            put_in_place(order["arguments"], order["environ"], order["directory"])
            if order["other"]:
                os.execvp(order["arguments"][0], order["arguments"])
            sys.exit(lmchat.__main__.main())


def _take_terminal(terminal: int) -> None:
    """Make a terminal that of this process, as the first of a session in it."""
    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    for number in (0, 1, 2):
        os.dup2(terminal, number)
    os.close(terminal)


def put_in_place(arguments: Sequence[str], environ: Mapping[str, str], directory: str) -> None:
    """Make a fork what the program would find itself to be; its streams are those numbered 0, 1 and 2."""
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environ)
    sys.argv = ["lmchat", *arguments]
    sys.stdin = open(0, encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115 - as long as it runs
    sys.stdout = open(1, "w", encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115 - as above
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115


if __name__ == "__main__":
    main()
