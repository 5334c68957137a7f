"""The world outside the program as one value: streams, environment, clock, directories.

Nothing else in lmchat touches `os.environ` or `sys.std*`.
"""

import os
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any, TextIO, TypeVar

from lmchat.dataclass import dataclass, field
from lmchat.errors import BadUseError, LmchatError


@dataclass(frozen=True, slots=True)
class Directories:
    """The directories of lmchat's files; they need not exist yet."""

    settings: Path
    data: Path
    state: Path
    cache: Path


@dataclass(frozen=True, slots=True)
class World:
    """The streams, the environment, the directories and the clocks that lmchat uses; tests make their own."""

    stdin: TextIO
    stdout: TextIO
    stderr: TextIO
    environ: Mapping[str, str]
    directories: Directories
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    monotonic: Callable[[], float] = time.monotonic


def this_world(*, at_home: bool = False) -> World:
    """Return the world of this process; raise BadUseError if `LMCHAT_HOME`, which `at_home` ignores, is not a path."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        # A lone surrogate (a broken file name, a half emoji) must not end the program.
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    return World(
        stdin=sys.stdin or _nothing(),
        stdout=sys.stdout or _closed(),
        stderr=sys.stderr or _nothing(),
        environ=os.environ,
        directories=standard_directories({} if at_home else os.environ),
    )


def standard_directories(environ: Mapping[str, str]) -> Directories:
    """Return the platform's own directories, or those below `LMCHAT_HOME`.

    Raise BadUseError if that is not a path.
    """
    if home := environ.get("LMCHAT_HOME"):
        root = _absolute(home, "LMCHAT_HOME")
        return Directories(settings=root, data=root, state=root, cache=root / "cache")
    return _platform_directories(environ)


def model_directory(environ: Mapping[str, str]) -> Path:
    """Return where the built-in model is stored: once for each person, whatever `LMCHAT_HOME` says."""
    if named := environ.get("LMCHAT_MODEL_CACHE"):
        return _absolute(named, "LMCHAT_MODEL_CACHE")
    return _platform_directories(environ).cache / "models"


_XDG = (
    ("XDG_CONFIG_HOME", ".config"),
    ("XDG_DATA_HOME", ".local/share"),
    ("XDG_STATE_HOME", ".local/state"),
    ("XDG_CACHE_HOME", ".cache"),
)
"""The variables and the usual places of settings, data, state and cache on Linux, in that order."""


def _platform_directories(environ: Mapping[str, str]) -> Directories:
    home = environ.get("HOME", "").rstrip("/")
    if sys.platform == "linux" and environ.get("HOME", "").startswith("/"):
        # These are platformdirs' own, which takes a fifth of a completion's time to load.
        named = [(environ.get(variable, ""), usual) for variable, usual in _XDG]
        bases = [path if path.startswith("/") else f"{home}/{usual}" for path, usual in named]
        return Directories(*(Path(base, "lmchat") for base in bases))
    from platformdirs import PlatformDirs

    places = PlatformDirs("lmchat", appauthor=False)
    return Directories(
        settings=places.user_config_path,
        data=places.user_data_path,
        state=places.user_state_path,
        cache=places.user_cache_path,
    )


def path_of(text: str) -> Path:
    """Return the path that was typed; `~` is the home directory, `~name` that of another user, if there is one.

    Every path that a person writes is read here. Raise BadUseError for what cannot be the name of a file.
    """
    try:
        named = "\0" not in os.fsdecode(os.fsencode(text))
    except UnicodeEncodeError:  # half a character
        named = False
    if not named:
        raise BadUseError(f"{_shown(text)} is not a path.", hint="A path has no NUL and no half of a character in it.")
    return Path(os.path.expanduser(text))  # noqa: PTH111 - pathlib's own raises for an unknown user


LARGEST_PROMPT = 32 * 1024 * 1024
"""Bytes of one text from a person, far more than the context of any model."""

LARGEST_INPUT = 256 * 1024 * 1024
"""Bytes of any other input from a person."""

_LARGEST_DOCUMENT = 1024 * 1024

Content = TypeVar("Content", bytes, str)


def within(read: Callable[[int], Content], name: str, most: int) -> Content:
    """Read a stream to its end; raise BadUseError if it has more than `most`: a device may never end."""
    data = read(most + 1)
    if len(data) > most:
        raise BadUseError(
            f"{name} has more than {most // (1024 * 1024)} MB, which is too much.", hint="Give a part of it."
        )
    return data


def input_bytes(path: Path, most: int = LARGEST_PROMPT) -> bytes:
    """Read a file or a pipe that a person named; raise BadUseError if it cannot be read or has more than `most`."""
    try:
        with path.open("rb") as file:
            return within(file.read, f"'{path}'", most)
    except OSError as error:
        raise BadUseError(f"'{path}' cannot be read: {error.strerror}.") from None


def kept_document(path: Path) -> dict[str, Any]:
    """Return the JSON object in a small file of lmchat's own, an empty one if there is none that can be read."""
    import json

    try:
        if not path.is_file():  # a pipe would be waited for
            return {}
        with path.open("rb") as file:
            document = json.loads(file.read(_LARGEST_DOCUMENT))
    except (OSError, ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def replace_file(path: Path, text: str, *, durable: bool = True) -> None:
    """Replace the text of a file at once; it keeps its permissions, and a new one is readable by its owner only (0600).

    A link stays a link: the file it points at is replaced. `durable` waits until it is on the disk. Raise OSError if
    it cannot be written, RuntimeError for a link that points at itself; the file is then as it was.
    """
    import tempfile

    target = path.resolve()
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    permissions = target.stat().st_mode & 0o777 if target.exists() else 0o600
    number, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(number, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        Path(name).chmod(permissions)
        Path(name).replace(target)
    finally:
        Path(name).unlink(missing_ok=True)


def _absolute(text: str, variable: str) -> Path:
    """Return the path in a variable, made absolute."""
    try:
        path = path_of(text)
        if text.startswith("~") and path == Path(text):
            raise BadUseError(f"{_shown(text)} names the home directory of a user who does not exist.")
        return path.absolute()
    except OSError as error:
        raise BadUseError(
            f"{variable}: the current directory cannot be read: {error.strerror}.", hint="Write the whole path."
        ) from None
    except BadUseError as error:
        raise BadUseError(f"{variable}: {error.message}", hint=error.hint) from None


def _shown(text: str) -> str:
    """Quote a text on one line, cut where it is long."""
    shown = ascii(text)
    return shown if len(shown) <= 60 else f"{shown[:57]}…"


def try_lock(file: int, *, shared: bool = False) -> bool:
    """Lock an open file unless another program has locked it, and tell whether that worked.

    The system removes the lock when the file is closed or the program ends, however it ends. Several programs may have
    a `shared` lock (on Windows only one).
    """
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def let_libraries_paint_nothing() -> None:
    """Make libraries that read `TERM` themselves write no escapes."""
    os.environ["TERM"] = "dumb"


def handle_signal(number: int, handler: Callable[[int, FrameType | None], object]) -> Any:
    """Let `handler` handle a signal unless it is ignored (`nohup`, `trap ''`); return the previous handler."""
    import signal

    before = signal.getsignal(number)
    if before is not signal.SIG_IGN:
        signal.signal(number, handler)
    return before


def abandon(stream: TextIO) -> None:
    """Discard the rest of a stream whose reader is gone, so that the flush at exit does not fail."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
    except (OSError, ValueError):
        return


def require_output(world: World) -> None:
    """Raise LmchatError if standard output was closed before the program began."""
    if not world.stdout.writable():
        raise LmchatError("Standard output is closed, so there is nowhere to write to.")


def _closed() -> TextIO:
    """Return a stream for an output that was closed before the program began: writing to it is an error."""
    return Path(os.devnull).open(encoding="utf-8")


def _nothing() -> TextIO:
    """Return a stream in place of one that was closed before the program began."""
    return Path(os.devnull).open("r+", encoding="utf-8")
