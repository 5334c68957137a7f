"""Waiting for the server with something to look at: what is going on, and for how long."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from lmchat.render.activity import spinner
from lmchat.render.gauge import gauge
from lmchat.render.notes import duration
from lmchat.world import World

_FRAME_SECONDS = 0.1

Result = TypeVar("Result")


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
