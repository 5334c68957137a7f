"""The whole program as a process of its own, hundreds of times a minute: a process that has it loaded forks for each.

Arguments, environment and streams are those of a real process; only the imports are not paid again.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.preloaded import put_in_place

KILLED = -signal.SIGKILL


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended: its exit code (or the signal, negative), what it wrote, seconds and peak memory in bytes."""

    arguments: tuple[str, ...]
    status: int
    stdout: str
    stderr: str
    seconds: float
    peak: int

    @property
    def in_order(self) -> bool:
        """Tell whether it ended as the list of exit codes says, with no fault of its own and no traceback."""
        return 0 <= self.status != 70 and "Traceback" not in self.stderr and "has a bug" not in self.stderr


class Lmchat:
    """What runs the program: `lmchat("ask", "hi", home=…)`."""

    def __init__(self, process: "subprocess.Popen[bytes]", directory: Path) -> None:
        self._process = process
        self._directory = directory

    def __call__(
        self,
        *arguments: str,
        home: Path,
        environ: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        seconds: float = 30.0,
        kill_after: float | None = None,
    ) -> Ended:
        """Run it once, in its home; after `seconds` it is killed, a fault, after `kill_after` on purpose."""
        home.mkdir(parents=True, exist_ok=True)
        if stdin:
            (self._directory / "stdin").write_bytes(stdin)
        names = ("PATH", "LANG", "LMCHAT_MODEL_CACHE")
        inherited = {name: os.environ[name] for name in names if name in os.environ}
        order = {
            "arguments": arguments,
            "environ": {**inherited, "HOME": str(home), "LMCHAT_HOME": str(home), **(environ or {})},
            "stdin": bool(stdin),
            "directory": str(home),
            "seconds": seconds if kill_after is None else kill_after,
        }
        pipe_in, pipe_out = self._process.stdin, self._process.stdout
        assert pipe_in is not None
        assert pipe_out is not None
        pipe_in.write(json.dumps(order).encode() + b"\n")
        pipe_in.flush()
        told = json.loads(pipe_out.readline())
        out, err = ((self._directory / name).read_bytes().decode(errors="replace") for name in ("stdout", "stderr"))
        return Ended(arguments, told["status"], out, err, told["seconds"], told["peak"])


@contextmanager
def loaded_program() -> Iterator[Lmchat]:
    """Load the program once, for many runs."""
    with tempfile.TemporaryDirectory(prefix="lmchat-trust-") as directory:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, directory],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        try:
            yield Lmchat(process, Path(directory))
        finally:
            with suppress(OSError):
                process.communicate()


def main() -> None:
    """Fork one copy for each order on stdin, and say how it ended on stdout."""
    import h11  # noqa: F401 - what the copies need of it is loaded once

    import lmchat.__main__
    import lmchat.cli.commands
    import lmchat.store.store
    import lmchat.wire.client

    lmchat.cli.commands.command()
    directory = Path(sys.argv[1])
    for line in sys.stdin.buffer:
        order = json.loads(line)
        begun = time.monotonic()
        number = os.fork()
        if not number:
            _become(order, directory)
        status = _awaited(number, begun + order["seconds"])
        seconds = time.monotonic() - begun
        with suppress(OSError):
            os.killpg(number, signal.SIGKILL)  # whatever it left
        peak = directory / "peak"
        kilobytes = int(peak.read_text() or 0) if peak.exists() else 0
        peak.unlink(missing_ok=True)
        sys.stdout.write(json.dumps({"status": status, "seconds": seconds, "peak": kilobytes * 1024}) + "\n")
        sys.stdout.flush()


def _awaited(number: int, until: float) -> int:
    """Wait for the end of a process, which is killed at a time, and return its exit code or, negative, its signal."""
    pause = 0.0005
    while True:
        ended, status = os.waitpid(number, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > until:
            os.kill(number, signal.SIGKILL)
            return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
        time.sleep(pause)
        pause = min(pause * 1.5, 0.01)


def _become(order: Mapping[str, Any], directory: Path) -> None:
    """Be the program, and end with its exit code."""
    os.setsid()
    status = 70
    try:
        _streams(directory, stdin=order["stdin"])
        put_in_place(order["arguments"], order["environ"], order["directory"])
        with suppress(OSError):  # the peak from here on; only Linux knows it
            Path("/proc/self/clear_refs").write_text("5")
        from lmchat.__main__ import main as program

        status = _code(program)
    except BaseException:  # noqa: BLE001 - what gets here is a fault, and must be seen
        import traceback

        sys.stderr.write(traceback.format_exc())
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        with suppress(OSError, StopIteration):
            lines = Path("/proc/self/status").read_text().splitlines()
            (directory / "peak").write_text(next(line.split()[1] for line in lines if line.startswith("VmHWM")))
        os._exit(status)


def _code(program: Any) -> int:
    try:
        return int(program() or 0)
    except SystemExit as end:
        return int(end.code or 0)


def _streams(directory: Path, *, stdin: bool) -> None:
    files: tuple[tuple[str, int, int], ...] = (
        (str(directory / "stdin") if stdin else os.devnull, os.O_RDONLY, 0),
        (str(directory / "stdout"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 1),
        (str(directory / "stderr"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 2),
    )
    for path, flags, number in files:
        opened = os.open(path, flags, 0o600)
        os.dup2(opened, number)
        os.close(opened)


if __name__ == "__main__":
    main()
