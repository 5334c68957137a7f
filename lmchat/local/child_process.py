"""Child processes that cannot outlive lmchat.

A child has its own process session (Ctrl-C does not reach it) and never writes to the terminal. The first line of its
stdin has its settings, so that no secret is on a command line or in an environment, and the child ends when stdin
closes, because its parent is gone.
"""

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any


def read_settings() -> dict[str, Any]:
    """Read the settings; where the parent has ended before it sent them, this process ends too."""
    stream = open(0, "rb", buffering=0, closefd=False)  # noqa: SIM115  # closed with the process
    line = b""
    while not line.endswith(b"\n"):
        more = stream.read(4096)
        if not more:
            os._exit(0)
        line += more
    settings: dict[str, Any] = json.loads(line)
    return settings


def tied_settings() -> dict[str, Any]:
    """Read the settings, and from now on end this process as soon as stdin closes."""
    settings = read_settings()

    def watch() -> None:
        while os.read(0, 4096):
            pass
        os._exit(0)

    threading.Thread(target=watch, name="parent", daemon=True).start()
    return settings


def announce(content: Mapping[str, Any], stdout: int = 1) -> None:
    """Print a line of JSON for the parent; a process that outlives its parent goes on where that has just ended."""
    with contextlib.suppress(BrokenPipeError):
        os.write(stdout, json.dumps(content).encode() + b"\n")


def remove_variables(names: Iterable[str]) -> None:
    """Remove variables from this process's environment, so that no child inherits them."""
    for name in names:
        os.environ.pop(name, None)  # noqa: TID251 - what a child inherits is the process's own environment


def detach() -> None:
    """Continue in a copy of this process that is not a child of the parent; the process that was started ends.

    Called before there are threads. Only POSIX can do this.
    """
    if os.fork():
        os._exit(0)
    os.chdir("/")  # so that no directory is in use because of it


def close_streams() -> None:
    """Close the pipes to the parent; whatever is still written is discarded."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    os.close(nowhere)


def die_with_parent() -> None:
    """Ask Linux to kill this process when the thread that started it ends.

    A second safeguard for work that keeps Python's lock for seconds (loading a model), where no thread can watch
    stdin. On other systems the process ends when loading is over.
    """
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL, 0, 0, 0)


_ROOT = str(Path(__file__).parents[2])
_STDERR_END = 600
"""How many bytes of the end of a child's stderr are read."""


class Child:
    """A process of its own that runs `main()` of a module of lmchat, until `stop` or the end of this process."""

    def __init__(self, module: str, settings: Mapping[str, Any], arguments: tuple[str, ...] = ()) -> None:
        """Start the process and send it its settings, whose `secret_variables` it does not inherit.

        Raise OSError where no process can be started.
        """
        # -P keeps the person's current directory, and any Python files there, out of the module path.
        program = f"import sys; sys.path.append({_ROOT!r}); from {module} import main; main()"
        secret = settings.get("secret_variables", ())
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed by stop()
        self._process = subprocess.Popen(  # noqa: S603  # our own interpreter, our own module
            [sys.executable, "-P", "-c", program, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env={name: value for name, value in os.environ.items() if name not in secret},  # noqa: TID251 - as above
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),  # Windows has no sessions, but consoles
        )
        assert self._process.stdin is not None  # noqa: S101  # both were opened as pipes
        assert self._process.stdout is not None  # noqa: S101
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self._reader: threading.Thread | None = None
        with contextlib.suppress(BrokenPipeError):  # it died at once: whoever reads its lines will see
            self._stdin.write(json.dumps(settings).encode() + b"\n")
            self._stdin.flush()

    @property
    def pid(self) -> int:
        """Return the number of the process."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Return whether the process is alive."""
        return self._process.poll() is None

    def lines(self) -> Iterator[str]:
        """Yield what the process prints, line by line, until it closes its stdout."""
        for line in self._stdout:
            yield line.decode("utf-8", "replace").rstrip("\r\n")

    def ignore_lines(self) -> None:
        """Read and discard everything more that the process prints, so that it never waits for a reader."""

        def drain() -> None:
            for _ in self.lines():
                pass

        self._reader = threading.Thread(target=drain, daemon=True)
        self._reader.start()

    def wait(self) -> int:
        """Wait for the end of the process and return its status (negative: the signal that killed it)."""
        return self._process.wait()

    def last_lines(self) -> list[str]:
        """Return the last lines that the process wrote to its stderr, without empty ones."""
        if self._stderr.closed:
            return []
        size = self._stderr.seek(0, 2)
        self._stderr.seek(max(0, size - _STDERR_END))
        lines = self._stderr.read().decode("utf-8", "replace").splitlines()
        return [line.strip() for line in lines if line.strip()]

    def last_line(self) -> str:
        """Return the last line that the process wrote to its stderr, or nothing."""
        return (self.last_lines() or [""])[-1][:300]

    def stop(self, *, patience: float = 0.0) -> None:
        """End the process: close its stdin, and kill it after `patience` seconds."""
        with contextlib.suppress(BrokenPipeError):
            self._stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(patience)
        self._process.kill()  # does nothing to a process that has ended
        self._process.wait()
        if self._reader is not None:
            self._reader.join()
        self._stdout.close()
        self._stderr.close()
