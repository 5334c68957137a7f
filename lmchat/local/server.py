"""The embedded server: LM Studio's native routes (PROTOCOL.md) over the engine, on loopback.

It must not know who starts it, nor lmchat's client.
"""

import json
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from lmchat.local import refusals, requests
from lmchat.local.downloads import Downloads
from lmchat.local.engines import Instances, LoadOptions
from lmchat.local.guard import guarded
from lmchat.local.history import Chain, History
from lmchat.local.models import ModelFile, Places, present
from lmchat.local.refusals import Refusal
from lmchat.local.requests import ChatBody
from lmchat.local.turn import Turn
from lmchat.local.worker import Item, Worker

_KEEP_ALIVE = {"keep-alive": "timeout=5"}


@dataclass(frozen=True, slots=True)
class ServerState:
    """Hold what all routes share."""

    places: Places
    history: History
    instances: Instances
    downloads: Downloads
    worker: Worker

    def model(self, name: str) -> ModelFile:
        """Find a text model by its key or the id of an instance; raise Refusal."""
        models = [model for model in present(self.places) if not model.embedding]
        for model in models:
            if name == model.key or any(name == instance["id"] for instance in self.instances.listed(model)):
                return model
        raise refusals.unknown_model(name, [model.key for model in models])


def application(state: ServerState, token: str = "") -> ASGIApp:
    """Make the server's ASGI application; with a `token`, every route asks for it."""
    app = Starlette(
        routes=[
            Route("/lmstudio-greeting", _greeting),
            Route("/api/v1/chat", _chat, methods=["POST"]),
            Route("/api/v1/models", _models),
            Route("/api/v1/models/load", _load, methods=["POST"]),
            Route("/api/v1/models/unload", _unload, methods=["POST"]),
            Route("/api/v1/models/download", _download, methods=["POST"]),
            Route("/api/v1/models/download/status/{job:path}", _download_status),
        ],
        exception_handlers={HTTPException: _unexpected, Refusal: _refused, Exception: _failed},
    )
    app.router.redirect_slashes = False
    app.state.lmchat = state
    return guarded(app, token, lambda refusal: _json({"error": refusal.error}, refusal.status))


async def _greeting(_request: Request) -> Response:
    return _json({"lmstudio": True})


async def _models(request: Request) -> Response:
    state = _state(request)
    return _json({"models": [model.listed(state.instances.listed(model)) for model in present(state.places)]})


async def _chat(request: Request) -> "Response | _EventStream":
    state = _state(request)
    body = requests.chat_body(await _body(request))
    model = state.model(body.model)
    _refuse_what_no_model_here_can(body)
    turn = Turn(body, model, _followed(state, body))
    items = state.worker.items(request, lambda send, cancel: turn.run(state.instances, state.history, send, cancel))
    if not body.stream:
        return await _whole(items)
    first = await anext(items, None)
    if isinstance(first, dict):
        return _EventStream(first, items)
    await items.aclose()
    raise first or refusals.broken("The client went away.")


def _refuse_what_no_model_here_can(body: ChatBody) -> None:
    if body.integrations:
        raise _integration_refused(body.integrations[0])
    if body.reasoning is not None:
        message = f"Model '{body.model}' does not expose reasoning configuration."
        raise Refusal(message, param="reasoning", code="invalid_value")
    if body.images:
        message = f"Model '{body.model}' does not support image inputs."
        raise Refusal(message, param="input", code="invalid_value")


def _integration_refused(integration: Any) -> Refusal:
    """Refuse tools as LM Studio does where a plugin is not installed or not allowed."""
    plugin = integration.get("id") if isinstance(integration, dict) else integration
    if isinstance(plugin, str):
        return Refusal(
            f"Unable to get plugin tools for '{plugin}'. Error: Cannot find plugin handle for plugin: {plugin}",
            kind="plugin_connection_error",
            param="integrations",
        )
    if isinstance(integration, dict) and integration.get("type") == "ephemeral_mcp":
        label = integration.get("server_label")
        named = f" '{label}'" if isinstance(label, str) else ""
        return Refusal(
            f"Permission denied to use ephemeral MCP server{named}. The embedded server runs no tools.",
            status=403,
            param="integrations",
            code=None,
        )
    expected = "Invalid discriminator value. Expected 'plugin' | 'ephemeral_mcp'"
    return Refusal(expected, param="integrations", code="invalid_union")


def _followed(state: ServerState, body: ChatBody) -> Chain:
    if body.previous_response_id is None:
        return Chain()
    chain = state.history.chain(body.previous_response_id)
    if chain is None:
        raise refusals.lost_chain(body.previous_response_id)
    return chain


async def _whole(items: AsyncGenerator[Item]) -> Response:
    """Answer with the result alone, once it is there."""
    async with aclosing(items):
        async for item in items:
            if isinstance(item, Refusal):
                raise item
            if item["type"] == "chat.end":
                return _json(item["result"])
    raise refusals.broken("The client went away.")


class _EventStream:
    """Answer with the events as they come (PROTOCOL.md section 4)."""

    def __init__(self, first: Item, rest: AsyncGenerator[Item]) -> None:
        self._first = first
        self._rest = rest

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        headers = {"content-type": "text/event-stream", "cache-control": "no-cache", **_KEEP_ALIVE}
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": 200, "headers": pairs})
        await send(_frame(self._first))
        async with aclosing(self._rest) as rest:
            async for item in rest:
                await send(_frame(item))
        await send({"type": "http.response.body"})


def _frame(item: Item) -> dict[str, Any]:
    event = {"type": "error", "error": item.error} if isinstance(item, Refusal) else item
    text = f"event: {event['type']}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n"
    return {"type": "http.response.body", "body": text.encode(), "more_body": True}


async def _load(request: Request) -> Response:
    state = _state(request)
    asked = requests.load_body(await _body(request))
    model = state.model(asked["model"])
    options = LoadOptions(asked.get("context_length"), asked.get("eval_batch_size"), asked.get("flash_attention"))

    def job() -> dict[str, Any]:
        before = time.monotonic()
        instance, engine = state.instances.load(model, options, lambda _fraction: None)
        seconds = round(time.monotonic() - before, 3)
        done = {"type": "llm", "instance_id": instance, "load_time_seconds": seconds, "status": "loaded"}
        if not asked.get("echo_load_config"):
            return done
        return done | {
            "load_config": {"context_length": engine.context, "eval_batch_size": engine.batch, "parallel": 1}
        }

    return _json(await state.worker.result(request, job))


async def _unload(request: Request) -> Response:
    state = _state(request)
    instance = requests.unload_body(await _body(request))

    def job() -> dict[str, Any]:
        if not state.instances.unload(instance):
            message = f"Cannot find a loaded model instance with id '{instance}'."
            raise Refusal(message, status=404, param="instance_id", code="model_not_found")
        return {"instance_id": instance}

    return _json(await state.worker.result(request, job))


async def _download(request: Request) -> Response:
    return _json(_state(request).downloads.begin(requests.download_body(await _body(request))))


async def _download_status(request: Request) -> Response:
    return _json(_state(request).downloads.status(request.path_params["job"]))


def _state(request: Request) -> ServerState:
    state = request.app.state.lmchat
    assert isinstance(state, ServerState)  # noqa: S101  # application() put it there
    return state


async def _body(request: Request) -> dict[str, Any]:
    return requests.json_object(await request.body())


def _json(content: Any, status: int = 200) -> Response:
    text = json.dumps(content, ensure_ascii=False)
    return Response(text.encode(), status, _KEEP_ALIVE, media_type="application/json; charset=utf-8")


async def _refused(_request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Refusal)  # noqa: S101  # it is registered for this class
    return _json({"error": problem.error}, problem.status)


async def _failed(_request: Request, bug: Exception) -> Response:
    problem = refusals.broken(f"The embedded server failed: {type(bug).__name__}: {bug}")
    return _json({"error": problem.error}, problem.status)


async def _unexpected(request: Request, _problem: Exception) -> Response:
    """Answer an unknown route or method as LM Studio does: with 200 (PROTOCOL.md section 1)."""
    path = request.scope.get("raw_path", request.url.path.encode()).decode("ascii", "replace")
    return _json({"error": f"Unexpected endpoint or method. ({request.method} {path})"})
