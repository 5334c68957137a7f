"""Waiting with something to look at: what is going on, for how long, and how far it is.

It must not know what is waited for.
"""

import threading
import time
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from lmchat.render.gauge import gauge, transfer_words
from lmchat.render.notes import duration
from lmchat.render.progress import spinner
from lmchat.world import World

_FRAME_SECONDS = 0.1

_LOOK_SECONDS = 0.25

Result = TypeVar("Result")


class Transfer(Protocol):
    """What is shown of a download."""

    @property
    def over(self) -> bool: ...  # noqa: D102 - a download's own, here and below
    @property
    def downloaded_bytes(self) -> int | None: ...  # noqa: D102
    @property
    def total_size_bytes(self) -> int | None: ...  # noqa: D102
    @property
    def bytes_per_second(self) -> float | None: ...  # noqa: D102


Job = TypeVar("Job", bound=Transfer)


class _Work(Generic[Result]):
    """Hold what a thread brings back."""

    def __init__(self, work: Callable[[], Result]) -> None:
        self._work = work
        self.results: list[Result] = []
        self.failures: list[Exception] = []

    def __call__(self) -> None:
        try:
            self.results.append(self._work())
        except Exception as failure:  # noqa: BLE001 - raised again where somebody waits
            self.failures.append(failure)


def waited(world: World, label: str, work: Callable[[], Result]) -> Result:
    """Do something that takes long, with a spinner and the elapsed time on the screen.

    Ctrl-C stops the waiting, not the work: KeyboardInterrupt passes through at once.
    """
    job = _Work(work)
    thread = threading.Thread(target=job, daemon=True, name="waited")
    began = world.monotonic()
    with gauge(world) as line:
        thread.start()
        while thread.is_alive():
            now = world.monotonic()
            line.show(f"{spinner(now)} {label} {duration(now - began)}")
            thread.join(_FRAME_SECONDS)
    if job.failures:
        raise job.failures[0]
    return job.results[0]


def watched(world: World, job: Job, look: Callable[[], Job]) -> Job:
    """Show how far a download is until it is over, looking at it again and again; return how it ended."""
    with gauge(world) as line:
        while not job.over:
            line.show(transfer_words(job.downloaded_bytes or 0, job.total_size_bytes, job.bytes_per_second))
            time.sleep(_LOOK_SECONDS)
            job = look()
    return job
