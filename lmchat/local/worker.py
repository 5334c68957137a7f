"""The bridge between a request (asynchronous, may go away at any time) and the worker thread that answers it."""

import asyncio
import queue
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from typing import Any, TypeVar

from starlette.requests import Request

from lmchat.local.llama import Cancel, CancelledError
from lmchat.local.refusals import Refusal, broken

T = TypeVar("T")


class Worker:
    """What does one thing after another, in the order they were asked for, on a thread as long-lived as the server.

    One engine works at a time, and Linux ends an engine with the thread that started it. Where that does not matter,
    everything may be done `at_once`, each on a thread of its own.
    """

    def __init__(self, *, at_once: bool = False) -> None:
        self._at_once = at_once
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        if not at_once:
            threading.Thread(target=self._work, name="worker", daemon=True).start()

    async def items(
        self, request: Request, job: Callable[[Callable[[T | Refusal], None], Cancel], None]
    ) -> AsyncGenerator[T | Refusal]:
        """Yield what the job sends, as it comes; the job is cancelled when the client goes away."""
        loop = asyncio.get_running_loop()
        arrived: asyncio.Queue[T | Refusal | None] = asyncio.Queue()
        cancel = Cancel()

        def send(item: T | Refusal | None) -> None:
            # The loop is closed when the server is ending: then no one waits any more.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(arrived.put_nowait, item)

        def work() -> None:
            try:
                cancel.check()
                job(send, cancel)
            except CancelledError:
                pass
            except Refusal as refusal:
                send(refusal)
            except Exception as bug:  # noqa: BLE001  # whatever it is, the client must hear of it and the worker go on
                send(broken(f"The embedded server failed: {type(bug).__name__}: {bug}"))
            finally:
                send(None)

        gone = asyncio.ensure_future(_gone(request))
        gone.add_done_callback(lambda _: cancel.cancel())
        if self._at_once:
            threading.Thread(target=work, name="worker", daemon=True).start()
        else:
            self._jobs.put(work)
        try:
            while (item := await arrived.get()) is not None:
                yield item
        finally:
            gone.cancel()

    async def result(self, request: Request, job: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Do the job in its turn and return its result; raise its Refusal."""
        items: AsyncGenerator[dict[str, Any] | Refusal] = self.items(request, lambda send, _cancel: send(job()))
        async with aclosing(items):
            async for item in items:
                if isinstance(item, Refusal):
                    raise item
                return item
        raise broken("The client went away.")

    def _work(self) -> None:
        while True:
            self._jobs.get()()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
