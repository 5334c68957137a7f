"""The world outside the program as one value: streams, environment, clock, directories.

Nothing else in lmchat touches `os.environ` or `sys.std*`. It must not know what any of it is used for.
"""

import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO


@dataclass(frozen=True, slots=True)
class Directories:
    """Name the directories lmchat keeps things in; none needs to exist yet."""

    settings: Path
    data: Path
    state: Path
    cache: Path


@dataclass(frozen=True, slots=True)
class World:
    """Carry what lmchat may touch; tests build one of their own."""

    stdin: TextIO
    stdout: TextIO
    stderr: TextIO
    environ: Mapping[str, str]
    directories: Directories
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    monotonic: Callable[[], float] = time.monotonic


def this_world() -> World:
    """Describe the process's own world."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        # A lone surrogate (a broken file name, a half emoji) must not end the program.
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    return World(
        stdin=sys.stdin or _nothing(),
        stdout=sys.stdout or _nothing(),
        stderr=sys.stderr or _nothing(),
        environ=os.environ,
        directories=standard_directories(os.environ),
    )


def standard_directories(environ: Mapping[str, str]) -> Directories:
    """Choose the platform's own directories, or everything below `LMCHAT_HOME`."""
    if home := environ.get("LMCHAT_HOME"):
        root = Path(home).expanduser().absolute()
        return Directories(settings=root, data=root, state=root, cache=root / "cache")
    from platformdirs import PlatformDirs

    places = PlatformDirs("lmchat", appauthor=False)
    return Directories(
        settings=places.user_config_path,
        data=places.user_data_path,
        state=places.user_state_path,
        cache=places.user_cache_path,
    )


def model_directory(environ: Mapping[str, str]) -> Path:
    """Return where the built-in model is kept: one copy for each person, whatever `LMCHAT_HOME` says."""
    if named := environ.get("LMCHAT_MODEL_CACHE"):
        return Path(os.path.abspath(os.path.expanduser(named)))  # noqa: PTH100, PTH111 - never raises, as Path's do
    from platformdirs import user_cache_path

    return user_cache_path("lmchat", appauthor=False) / "models"


def abandon(stream: TextIO) -> None:
    """Send the rest of a stream nowhere, because its reader has gone: the flush at exit must not fail."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
    except (OSError, ValueError):
        return


def _nothing() -> TextIO:
    """Stand in for a stream that was closed before the program began."""
    return Path(os.devnull).open("r+", encoding="utf-8")
