"""A person's own programs: a command in their shell, their editor."""

import codecs
import queue
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO

from lmchat.dataclass import dataclass
from lmchat.decoding import decode
from lmchat.errors import BadUseError
from lmchat.render.notes import size_words
from lmchat.render.text import sanitize

MOST_KEPT = 200_000
"""Bytes of output that are kept to be quoted: its beginning and its end, half each."""

_LOOK_SECONDS = 0.1
_DRAIN_SECONDS = 1.0
"""How long after a command has ended what it left running may still print for it."""

_AT_ONCE = 65536
_LONGEST_ESCAPE = 4096
_ESCAPE = re.compile(
    "\x1b(?:\\[[0-?]*[ -/]*[@-~]|\\][^\x07\x1b]*(?:\x07|\x1b\\\\)|[PX^_][^\x1b]*\x1b\\\\|[ -/]*[0-OQ-WYZ\\\\`-~])"
)
_OVERSTRUCK = re.compile("[^\n]\b")


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended and what it printed, shortened in its middle; `interrupted` tells that Ctrl-C was pressed."""

    status: int
    output: bytes
    interrupted: bool = False

    @property
    def ended(self) -> str:
        """Say how it ended: `exit status 0`, `stopped by Ctrl-C` or `ended by SIGKILL`."""
        if self.interrupted and self.status:
            return "stopped by Ctrl-C"
        if self.status >= 0:
            return f"exit status {self.status}"
        try:
            return f"ended by {signal.Signals(-self.status).name}"
        except ValueError:
            return f"ended by signal {-self.status}"

    def text(self) -> str:
        """Return what was printed as a screen would show it; raise BadUseError for what is not text."""
        read = _OVERSTRUCK.sub("", _ESCAPE.sub("", decode(self.output, "The output").text))
        lines = (line.rstrip("\r").rpartition("\r")[2] for line in read.split("\n"))
        return sanitize("\n".join(lines)).strip("\n")


def run_in_shell(command: str, environ: Mapping[str, str], keyboard: int | None, show: Callable[[bytes], None]) -> Ran:
    """Run a command in the person's shell and wait for its end; `show` gets what it prints, errors too.

    `keyboard` is the terminal it may read, None where there is none. Ctrl-C stops the command, and where it does not
    listen, twice ends and three times kills it. Raise BadUseError where the shell does not start.
    """
    kept = _Kept()
    process = _started(command, environ, keyboard)
    with _ctrl_c_is_for(process) as presses:
        for data in _printed(process):
            kept.add(data)
            show(data)
        status = process.wait()
    return Ran(status, kept.all(), interrupted=bool(presses))


class ShownOutput:
    """What a command prints, made safe for a terminal piece by piece; a bare CR writes its line `again`."""

    def __init__(self, again: str) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._again = again
        self._rest = ""
        self._last = "\n"

    def feed(self, data: bytes) -> str:
        """Return what can be shown now; the beginning of an escape sequence waits for its end."""
        return self._safe(self._rest + self._decoder.decode(data), final=False)

    def flush(self) -> str:
        """Return the rest, ended with a newline."""
        rest = self._safe(self._rest + self._decoder.decode(b"", final=True), final=True)
        return rest if self._last == "\n" else f"{rest}\n"

    def _safe(self, text: str, *, final: bool) -> str:
        self._rest = ""
        begins = text.rfind("\x1b")
        open_escape = 0 <= len(text) - begins <= _LONGEST_ESCAPE and begins >= 0 and not _ESCAPE.match(text, begins)
        if not final and (open_escape or text.endswith("\r")):
            begins = begins if open_escape else len(text) - 1
            text, self._rest = text[:begins], text[begins:]
        text = _OVERSTRUCK.sub("", _ESCAPE.sub("", text)).replace("\r\n", "\n")
        shown = self._again.join(sanitize(line) for line in text.split("\r"))
        self._last = shown[-1:] or self._last
        return shown


class _Kept:
    """The beginning and the end of what was printed."""

    def __init__(self) -> None:
        self._head, self._tail = bytearray(), bytearray()
        self._left_out = 0

    def add(self, data: bytes) -> None:
        room = MOST_KEPT // 2 - len(self._head)
        self._head += data[: max(room, 0)]
        self._tail += data[max(room, 0) :]
        more = len(self._tail) - MOST_KEPT // 2
        if more > 0:
            del self._tail[:more]
            self._left_out += more

    def all(self) -> bytes:
        if not self._left_out:
            return bytes(self._head + self._tail)
        # Whole lines, so that no character is cut in two.
        head, tail = self._head[: self._head.rfind(b"\n") + 1], self._tail[self._tail.find(b"\n") + 1 :]
        return bytes(head) + f"[… {size_words(self._left_out)} left out …]\n".encode() + bytes(tail)


def _started(command: str, environ: Mapping[str, str], keyboard: int | None) -> subprocess.Popen[bytes]:
    windows = sys.platform == "win32"
    shell = environ.get("SHELL") or "/bin/sh"
    try:
        return subprocess.Popen(  # noqa: S603 - the person's own command, in their own shell
            command if windows else [shell, "-c", command],
            shell=windows,
            stdin=subprocess.DEVNULL if keyboard is None else keyboard,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            # Programs in Python would show nothing before their end.
            env={"PYTHONUNBUFFERED": "1", **environ},
        )
    except OSError as error:
        raise BadUseError(
            f"The shell '{shell}' does not start: {error.strerror}.", hint="Set SHELL to one that is installed."
        ) from None


def _printed(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    """Yield what a process prints until it has ended; what it left running may keep the pipe open."""
    came: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    over = threading.Event()
    assert process.stdout is not None  # noqa: S101 - it was opened as a pipe
    threading.Thread(target=_read, args=(process.stdout, came, over), daemon=True, name="output").start()
    ended_at = float("inf")
    while time.monotonic() < ended_at + _DRAIN_SECONDS:
        ended = process.poll() is not None
        try:
            data = came.get(timeout=_LOOK_SECONDS)
        except queue.Empty:
            if ended:
                break
            continue
        if not data:
            break
        yield data
        if ended:
            ended_at = min(ended_at, time.monotonic())
    over.set()


def _read(pipe: IO[bytes], came: queue.SimpleQueue[bytes], over: threading.Event) -> None:
    with pipe:
        while data := pipe.read(_AT_ONCE):
            if not over.is_set():
                came.put(data)
    came.put(b"")


@contextmanager
def _ctrl_c_is_for(process: subprocess.Popen[bytes]) -> Iterator[list[int]]:
    """Let Ctrl-C reach the command only, which the terminal sends it too; yield the presses."""
    presses: list[int] = []

    def press(number: int, _frame: FrameType | None) -> None:
        presses.append(number)
        if len(presses) == 2:
            process.terminate()
        elif len(presses) > 2:
            process.kill()

    # A handler, not SIG_IGN, which the command would inherit.
    handlers = {"SIGINT": press, "SIGQUIT": lambda _number, _frame: None}
    numbers = {getattr(signal, name): handler for name, handler in handlers.items() if hasattr(signal, name)}
    before = {number: signal.signal(number, handler) for number, handler in numbers.items()}
    try:
        yield presses
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_USUAL = ("editor", "nano", "vim", "vi", "notepad")


def edited(text: str, environ: Mapping[str, str]) -> str:
    """Open $VISUAL, $EDITOR or a usual editor on a text, and return what was saved.

    Raise BadUseError where there is no editor, or where it failed or took the file away: the text is as it was then.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="lmchat-") as directory:
            path = Path(directory, "prompt.md")
            path.write_text(text, encoding="utf-8", errors="replace")
            open_editor(path, environ)
            return path.read_text(encoding="utf-8", errors="replace").removesuffix("\n")
    except OSError as error:
        raise BadUseError(f"The text could not be handed to the editor and back: {error.strerror}.") from None


def open_editor(path: Path, environ: Mapping[str, str]) -> None:
    """Open the person's editor on a file and wait for its end; raise BadUseError where it cannot start or fails."""
    command = _command(environ)
    try:
        status = subprocess.call([*command, str(path)], env=dict(environ))  # noqa: S603 - the person's own editor
    except OSError as error:
        raise BadUseError(
            f"The editor '{command[0]}' does not start: {error.strerror}.", hint="Set EDITOR to another."
        ) from None
    if status:
        raise BadUseError(f"The editor '{command[0]}' failed with {status}.")


def _command(environ: Mapping[str, str]) -> list[str]:
    for name in ("VISUAL", "EDITOR"):
        if words := _words(environ.get(name, "")):
            return words
    found = next(filter(None, (shutil.which(name, path=environ.get("PATH")) for name in _USUAL)), None)
    if found is None:
        raise BadUseError("There is no editor.", hint="Set EDITOR to the one you like.")
    return [found]


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return [command]
