"""The server on loopback: LM Studio's own chat route and its OpenAI-style ones, over whatever answers.

Every reply that is kept, by whichever route, can be followed on each of the stateful ones.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from lmchat.chat.exchange import Finished
from lmchat.dataclass import dataclass
from lmchat.local import checks, openai_bodies, refusals, requests
from lmchat.local.answers import Stream, json_response, refusal_response, unexpected_response
from lmchat.local.completions_answer import CompletionAnswer
from lmchat.local.guard import guarded
from lmchat.local.history import Chain, History, new_response_id
from lmchat.local.native_answer import NativeAnswer
from lmchat.local.refusals import Refusal
from lmchat.local.requests import ChatBody
from lmchat.local.responses_answer import ResponseAnswer
from lmchat.local.turn import Backend, Item, Turn
from lmchat.local.worker import Worker


class Answer(Protocol):
    """One reply as a route sends it."""

    def frames(self, item: Item) -> Iterator[bytes]:
        """Yield what an item is in the stream; after a Refusal, it has failed."""
        ...

    def whole(self, finished: Finished) -> dict[str, Any]:
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
    """Return the OpenAI-style routes that keep nothing."""
    return [
        Route("/v1/chat/completions", _completions, methods=["POST"]),
        Route("/v1/models", _openai_models),
        Route("/v1/models/{id:path}", _openai_model),
    ]


async def _greeting(_request: Request) -> Response:
    return json_response({"lmstudio": True})


async def _models(request: Request) -> Response:
    return json_response({"models": await asyncio.to_thread(_state(request).backend.listed)})


async def _openai_models(request: Request) -> Response:
    return json_response({"data": [_openai_row(row) for row in await _rows(request)], "object": "list"})


async def _openai_model(request: Request) -> Response:
    wanted = request.path_params["id"]
    for row in await _rows(request):
        if row["key"].casefold() == wanted.casefold():
            return json_response(_openai_row(row))
    raise Refusal(f"Model '{wanted}' not found.", status=404, param="model", code="model_not_found")


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
    body = _state(request).backend.accepted(openai_bodies.completions_body(given), loosely=True)
    return await _answered(
        request, Turn(body, Chain(), new_response_id()), CompletionAnswer(openai_bodies.includes_usage(given))
    )


async def _responses(request: Request) -> Response | Stream:
    state = _state(request)
    body = state.backend.accepted(openai_bodies.responses_body(await _body(request)), loosely=True)
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
    """Answer with events as they come, or with the whole reply once it is there."""
    state = _state(request)
    items: AsyncGenerator[Item] = state.worker.items(
        request, lambda send, cancel: turn.run(state.backend, state.history, send, cancel)
    )
    if not turn.body.stream:
        return await _whole(items, answer)
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


async def _whole(items: AsyncGenerator[Item], answer: Answer) -> Response:
    async with aclosing(items):
        async for item in items:
            if isinstance(item, Refusal):
                raise item
            if isinstance(item, Finished):
                return json_response(answer.whole(item))
    raise refusals.broken("The client went away.")


def _state(request: Request) -> ServerState:
    state = request.app.state.lmchat
    assert isinstance(state, ServerState)  # noqa: S101  # application() put it there
    return state


async def _body(request: Request) -> dict[str, Any]:
    return checks.json_object(await request.body())


async def _refused(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Refusal)  # noqa: S101  # it is registered for this class
    return refusal_response(problem, request.url.path)


async def _failed(request: Request, bug: Exception) -> Response:
    failed = refusals.broken(f"The embedded server failed: {type(bug).__name__}: {bug}")
    return refusal_response(failed, request.url.path)


async def _unexpected(request: Request, _problem: Exception) -> Response:
    return unexpected_response(request)
