"""A raw TCP server that sends without end, and a run of the whole program that measures its peak memory."""

import os
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

MEGABYTE = 1024 * 1024
HOSTILE_BYTES = 100 * MEGABYTE

Send = Callable[[socket.socket], None]

ZLIB, GZIP = 15, 31
"""The wrappings of compressed bytes, as zlib numbers them."""


def bomb(beginning: bytes, megabytes: int, wrapping: int) -> bytes:
    """Compress a beginning and megabytes of one letter, of which one is packed and repeated; the end is missing."""
    packer = zlib.compressobj(9, wbits=wrapping)
    head = packer.compress(beginning) + packer.flush(zlib.Z_FULL_FLUSH)
    megabyte = packer.compress(b"x" * MEGABYTE) + packer.flush(zlib.Z_FULL_FLUSH)
    return head + megabyte * megabytes


_PROGRAM = """
import runpy, sys
sys.argv[0] = "lmchat"
try:
    runpy.run_module("lmchat", run_name="__main__")
finally:
    from resource import RUSAGE_SELF, getrusage
    try:
        # Linux counts the parent's memory at the fork to ru_maxrss; this is the program's own.
        peak = next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
    except OSError:
        peak = getrusage(RUSAGE_SELF).ru_maxrss
    with open(sys.stderr.fileno(), "w", closefd=False) as stderr:
        stderr.write(f"\\npeak {peak}")
"""


@dataclass(frozen=True)
class Run:
    """What became of one run: exit code, peak memory, seconds, and what it wrote."""

    status: int
    peak: int
    seconds: float
    stdout: bytes
    stderr: str
    sent: int


@dataclass
class Hostile:
    """A listening server; `sent` counts the bytes that a client has taken from it."""

    port: int = 0
    sent: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def flood(self, connection: socket.socket, piece: bytes, total: int = HOSTILE_BYTES) -> None:
        """Send `piece` again and again until `total` bytes are sent or the client hangs up."""
        end = self.sent + total
        while self.sent < end:
            connection.sendall(piece)
            self.sent += len(piece)


@contextmanager
def hostile_server(answer: Callable[[Hostile, socket.socket], None]) -> Iterator[Hostile]:
    """Answer each request with `answer`, which may send as long as it likes."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = Hostile(port=listening.getsockname()[1])

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            received = b""
            while b'"stream":true}' not in received:
                received += connection.recv(65536)
            answer(server, connection)
            connection.shutdown(socket.SHUT_WR)
            # What is closed with something unread resets the connection, and takes what was sent with it.
            while connection.recv(65536):
                pass

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield server
    finally:
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()


def ask(
    server: Hostile, home: Path, *flags: str, read_every: float | None = None, seconds: float = 60, model: str = "m"
) -> Run:
    """Run `lmchat ask` against a server; with `read_every` its stdout is a pipe of which 64 KB are read that often."""
    environ = {**os.environ, "LMCHAT_HOME": str(home), "NO_COLOR": "1"}
    begun = time.monotonic()
    program = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, "--url", server.url, "ask", *flags, "-m", model, "hi"],
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    killer = threading.Timer(seconds, program.kill)
    killer.start()
    try:
        stdout = _read_slowly(program, read_every) if read_every else b""
        rest, stderr = program.communicate()
    finally:
        killer.cancel()
    text, _, peak = stderr.decode(errors="replace").rpartition("\npeak ")
    return Run(
        program.returncode,
        int(peak) if peak.isdigit() else 0,
        time.monotonic() - begun,
        stdout + rest,
        text,
        server.sent,
    )


def _read_slowly(program: "subprocess.Popen[bytes]", pause: float) -> bytes:
    assert program.stdout is not None
    read = []
    while piece := os.read(program.stdout.fileno(), 65536):
        read.append(piece)
        if program.poll() is None:
            time.sleep(pause)
    return b"".join(read)
