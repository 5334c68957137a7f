"""Waiting with something to look at: rich's spinner and progress bar on stderr, gone in the end; nothing in a pipe."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from lmchat.chat.models import DownloadJob
from lmchat.errors import LmchatError
from lmchat.render.failures import show_line
from lmchat.render.sanitize import sanitize_line
from lmchat.render.terminal import moves_cursor
from lmchat.world import World

_LOOK_SECONDS = 0.25
_JOIN_SECONDS = 0.1
_PATIENCE_SECONDS = 30.0
"""How long a download may make no progress whose state is a word that lmchat does not know."""

Result = TypeVar("Result")


class _Work(Generic[Result]):
    """Work that a thread does, and what it brings back."""

    def __init__(self, work: Callable[[], Result]) -> None:
        self._work = work
        self.results: list[Result] = []
        self.failures: list[Exception] = []

    def __call__(self) -> None:
        try:
            self.results.append(self._work())
        except Exception as failure:  # noqa: BLE001 - raised again where it is waited for
            self.failures.append(failure)


def waited(world: World, label: str, work: Callable[[], Result]) -> Result:
    """Do something that takes long, with a spinner and the elapsed time on the screen.

    Ctrl-C stops the waiting, not the work: KeyboardInterrupt passes through at once.
    """
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    _say(world, f"{label} …")
    job = _Work(work)
    thread = threading.Thread(target=job, daemon=True, name="waited")
    with _progress(
        world, SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()
    ) as shown:
        shown.add_task(sanitize_line(label), total=None)
        thread.start()
        while thread.is_alive():
            thread.join(_JOIN_SECONDS)
    if job.failures:
        raise job.failures[0]
    return job.results[0]


def watched(world: World, job: DownloadJob, look: Callable[[], DownloadJob]) -> DownloadJob:
    """Show how far a download is until it is over, looking at it again and again; return how it ended."""
    from rich.progress import BarColumn, DownloadColumn, TaskProgressColumn, TimeRemainingColumn, TransferSpeedColumn

    said = 0
    columns = (BarColumn(), TaskProgressColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with _progress(world, *columns) as shown:
        task = shown.add_task("", total=job.total_size_bytes)
        changed, known = world.monotonic(), job.downloaded_bytes
        while not job.over:
            if job.downloaded_bytes != known:
                changed, known = world.monotonic(), job.downloaded_bytes
            elif job.unknown and world.monotonic() - changed > _PATIENCE_SECONDS:
                raise LmchatError(
                    f"The server says nothing of the download that lmchat understands (state {job.status!r}).",
                    hint="It may go on in the server; the same command watches it again.",
                )
            shown.update(task, completed=job.downloaded_bytes or 0, total=job.total_size_bytes)
            quarters = _quarters(job)
            if quarters > said:
                said = quarters
                _say(world, f"{quarters * 25} % is here.")
            time.sleep(_LOOK_SECONDS)
            job = look()
        if job.total_size_bytes:
            shown.update(task, completed=job.total_size_bytes if job.downloaded_bytes is None else job.downloaded_bytes)
    return job


def _quarters(job: DownloadJob) -> int:
    """Return how many quarters of a download are there, 0 where that is not known."""
    return int(4 * (job.downloaded_bytes or 0) / job.total_size_bytes) if job.total_size_bytes else 0


def _say(world: World, line: str) -> None:
    """Write a line in place of what is painted, on a terminal where nothing can be."""
    if world.stderr.isatty() and not moves_cursor(world.stderr, world.environ):
        show_line(world, line)


@contextmanager
def _progress(world: World, *columns: Any) -> Iterator[Any]:
    """Show rich's progress for the time of a block, where the cursor can be moved."""
    from rich.console import Console
    from rich.progress import Progress

    live = moves_cursor(world.stderr, world.environ)
    console = Console(file=world.stderr, force_terminal=live, _environ=world.environ)
    with Progress(*columns, console=console, transient=True, disable=not live) as progress:
        yield progress
