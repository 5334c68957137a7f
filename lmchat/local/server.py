"""The server on loopback: LM Studio's own chat route and its OpenAI-style ones, over any backend.

A reply that is stored, by whichever route, can be followed on each of the stateful ones. A worker thread produces the
replies; the request that asked for one may go away at any time.
"""

import asyncio
import queue
import threading
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing, suppress
from typing import Any, Protocol, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from lmchat.chat.exchange import Finished
from lmchat.dataclass import dataclass
from lmchat.local import refusals, requests
from lmchat.local.answers import NativeAnswer, Stream, json_response, refusal_response, unexpected_response
from lmchat.local.history import Chain, History, new_response_id
from lmchat.local.openai_answers import CompletionAnswer, ResponseAnswer
from lmchat.local.refusals import Refusal, json_object
from lmchat.local.requests import ChatBody
from lmchat.local.serving import disconnected, guarded
from lmchat.local.turn import Backend, Cancel, CancelledError, Item, Turn

T = TypeVar("T")


class Worker:
    """A thread that does one job after another, in the order they were asked for, as long as the server runs.

    One engine works at a time, and Linux ends an engine with the thread that started it. Where that does not matter,
    each job may be done `at_once`, on a thread of its own.
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
            # The loop is closed when the server is ending: then nothing waits any more.
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
            except Exception as problem:  # noqa: BLE001  # whatever it is, the client gets an answer and the worker goes on
                send(refusals.bug(problem))
            finally:
                send(None)

        gone = asyncio.ensure_future(disconnected(request.receive))
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
        return await _first(items, dict)

    def _work(self) -> None:
        while True:
            self._jobs.get()()


async def _first(items: AsyncGenerator[Any], wanted: type[T]) -> T:
    """Return the first item of a kind; raise a Refusal that comes before."""
    async with aclosing(items):
        async for item in items:
            if isinstance(item, Refusal):
                raise item
            if isinstance(item, wanted):
                return item
    raise refusals.broken("The client went away.")


class Answer(Protocol):
    """One reply as a route sends it."""

    def frames(self, item: Item) -> Iterator[bytes]:
        """Yield what an item is in the stream; after a Refusal, it has failed."""
        ...

    def complete(self, finished: Finished) -> dict[str, Any]:
        """Return the reply as one JSON object."""
        ...


@dataclass(frozen=True, slots=True)
class ServerState:
    """What all routes share."""

    backend: Backend
    history: History
    worker: Worker


def application(
    state: ServerState,
    routes: Sequence[BaseRoute],
    token: str = "",
    around: Callable[[ASGIApp], ASGIApp] = lambda app: app,
) -> ASGIApp:
    """Make the server's ASGI application; with a `token`, every route asks for it.

    `routes` are those that only this server has. `around` adds what it needs besides the API; it is guarded like the
    routes.
    """
    app = Starlette(
        routes=[
            Route("/lmstudio-greeting", _greeting),
            Route("/api/v1/chat", _chat, methods=["POST"]),
            Route("/api/v1/models", _models),
            Route("/v1/responses", _responses, methods=["POST"]),
            *routes,
        ],
        exception_handlers={HTTPException: _unexpected, Refusal: _refused, Exception: _failed},
    )
    app.router.redirect_slashes = False
    app.state.lmchat = state
    return guarded(around(app), token, refusal_response)


def openai_routes() -> list[Route]:
    """Return the OpenAI-style routes that store nothing."""
    return [
        Route("/v1/chat/completions", _completions, methods=["POST"]),
        Route("/v1/models", _openai_models),
        Route("/v1/models/{id:path}", _openai_model),
    ]


async def _greeting(_request: Request) -> Response:
    return json_response({"lmstudio": True})


async def _models(request: Request) -> Response:
    return json_response({"models": await _rows(request)})


async def _openai_models(request: Request) -> Response:
    return json_response({"data": [_openai_row(row) for row in await _rows(request)], "object": "list"})


async def _openai_model(request: Request) -> Response:
    wanted = request.path_params["id"]
    for row in await _rows(request):
        if row["key"].casefold() == wanted.casefold():
            return json_response(_openai_row(row))
    raise refusals.not_found(f"Model '{wanted}' not found.")


async def _rows(request: Request) -> list[dict[str, Any]]:
    return await asyncio.to_thread(_state(request).backend.listed)


def _openai_row(row: dict[str, Any]) -> dict[str, Any]:
    return {"id": row["key"], "object": "model", "owned_by": "organization_owner"}


async def _chat(request: Request) -> Response | Stream:
    state = _state(request)
    body = state.backend.accepted(requests.chat_body(await _body(request)))
    turn = Turn(body, _followed(state, body, refusals.lost_chain), new_response_id())
    return await _answered(request, turn, NativeAnswer(body.model))


async def _completions(request: Request) -> Response | Stream:
    given = await _body(request)
    body = _state(request).backend.accepted(requests.completions_body(given), loosely=True)
    turn = Turn(body, Chain(), new_response_id())
    return await _answered(request, turn, CompletionAnswer(requests.includes_usage(given)))


async def _responses(request: Request) -> Response | Stream:
    state = _state(request)
    body = state.backend.accepted(requests.responses_body(await _body(request)), loosely=True)
    turn = Turn(body, _followed(state, body, refusals.lost_node), new_response_id())
    return await _answered(request, turn, ResponseAnswer(body, turn.response_id))


def _followed(state: ServerState, body: ChatBody, lost: Callable[[str], Refusal]) -> Chain:
    if body.previous_response_id is None:
        return Chain()
    chain = state.history.chain(body.previous_response_id)
    if chain is None:
        raise lost(body.previous_response_id)
    return chain


async def _answered(request: Request, turn: Turn, answer: Answer) -> Response | Stream:
    """Answer with events as they come, or with the whole reply once it is complete."""
    state = _state(request)
    items: AsyncGenerator[Item] = state.worker.items(
        request, lambda send, cancel: turn.run(state.backend, state.history, send, cancel)
    )
    if not turn.body.stream:
        return json_response(answer.complete(await _first(items, Finished)))
    first = await anext(items, None)
    if first is None or isinstance(first, Refusal):
        await items.aclose()
        raise first or refusals.broken("The client went away.")
    return Stream(answer.frames(first), _framed(items, answer))


async def _framed(items: AsyncGenerator[Item], answer: Answer) -> AsyncGenerator[bytes]:
    async with aclosing(items):
        async for item in items:
            for frame in answer.frames(item):
                yield frame


def _state(request: Request) -> ServerState:
    state = request.app.state.lmchat
    assert isinstance(state, ServerState)  # noqa: S101  # application() put it there
    return state


async def _body(request: Request) -> dict[str, Any]:
    return json_object(await request.body())


async def _refused(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Refusal)  # noqa: S101  # it is registered for this class
    return refusal_response(problem, request.url.path)


async def _failed(request: Request, problem: Exception) -> Response:
    return refusal_response(refusals.bug(problem), request.url.path)


async def _unexpected(request: Request, _problem: Exception) -> Response:
    return unexpected_response(request)
