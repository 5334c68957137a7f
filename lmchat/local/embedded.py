"""The models of this machine as a backend: found, loaded and asked; and the routes that load, unload and download them.

The routes are those of PROTOCOL.md section 5.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lmchat.chat.exchange import Event, MessageDelta, Phase, Progress, ReasoningDelta, Started
from lmchat.chat.values import Stats
from lmchat.dataclass import dataclass, replace
from lmchat.local import llama
from lmchat.local.answers import json_response
from lmchat.local.catalogue import SYSTEM_PROMPT
from lmchat.local.downloads import Downloads
from lmchat.local.engine import Engine, Instances, LoadOptions
from lmchat.local.history import Chain
from lmchat.local.models import ModelFile, Places, present
from lmchat.local.refusals import (
    Check,
    Refusal,
    flag,
    integer,
    json_object,
    no_tools,
    not_found,
    strict,
    text,
    unknown_model,
)
from lmchat.local.requests import ChatBody
from lmchat.local.server import Worker
from lmchat.local.turn import Asked, Cancel, Fitted, Made, fitted

TEMPERATURE = 0.2
"""The default: the built-in model is at its most reliable there."""

Show = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Embedded:
    """The model files of this machine, and those of them that are in memory."""

    places: Places
    instances: Instances
    downloads: Downloads

    def listed(self) -> list[dict[str, Any]]:
        """Return the models as the rows of `GET /api/v1/models`."""
        return [model.listed(self.instances.listed(model)) for model in present(self.places)]

    def model(self, name: str) -> ModelFile:
        """Find a text model by its key, a variant or the id of an instance, in any letter case; raise Refusal."""
        wanted, models = name.casefold(), [model for model in present(self.places) if not model.embedding]
        for model in models:
            names = [model.key, model.variant, *(instance["id"] for instance in self.instances.listed(model))]
            if wanted in {each.casefold() for each in names}:
                return model
        raise unknown_model(name, [model.key for model in models])

    def accepted(self, body: ChatBody, *, loosely: bool = False) -> ChatBody:
        """Return a request with its model's key or instance; raise Refusal for what no model here can do."""
        body = self._with_model(body, loosely=loosely)
        if body.integrations:
            raise no_tools(body.integrations[0])
        if body.reasoning is not None:
            message = f"Model '{body.model}' does not expose reasoning configuration."
            raise Refusal(message, param="reasoning", code="invalid_value")
        if body.has_pictures:
            message = f"Model '{body.model}' does not support image inputs."
            raise Refusal(message, param="input", code="invalid_value")
        return body

    def reply(self, body: ChatBody, chain: Chain, show: Show, cancel: Cancel) -> Made:
        """Load the model where it is not in memory, and produce a reply."""
        engine, prompt, loaded_in = self._ready(body, chain, show, cancel)
        show(Progress(Phase.PROMPT_PROCESSING))
        asked_at, first_after, reasons, reasoned, cut = time.monotonic(), None, False, 0, False
        count = llama.Count(0, 0, 0.0)
        for piece in llama.stream(engine, prompt.messages, _sampling(body), cancel):
            match piece:
                case llama.LimitReached():
                    cut = True
                case llama.Count():
                    count, reasoned = piece, piece.output if reasons else reasoned
                case Progress():
                    show(piece)
                case MessageDelta() | ReasoningDelta():
                    if first_after is None:
                        first_after = time.monotonic() - asked_at
                    reasons = isinstance(piece, ReasoningDelta)
                    show(piece)
        stats = Stats(
            input_tokens=count.prompt,
            total_output_tokens=count.output,
            reasoning_output_tokens=reasoned,
            tokens_per_second=round(count.per_second, 2),
            time_to_first_token_seconds=round(first_after or 0.0, 3),
            model_load_time_seconds=loaded_in,
        )
        return Made(stats, cut, prompt.first_shown)

    def _with_model(self, body: ChatBody, *, loosely: bool) -> ChatBody:
        """Choose the model: on the OpenAI-style routes any name will do where one model is loaded."""
        try:
            model = self.model(body.model)
        except Refusal as refusal:
            loaded = self.instances.running()
            if loosely and len(loaded) == 1:
                return replace(body, model=loaded[0][0])
            refusal.status = 400 if loosely else refusal.status
            raise
        instance = next((id_ for id_, _ in self.instances.running() if id_.casefold() == body.model.casefold()), "")
        return replace(body, model=instance or model.key)

    def _ready(self, body: ChatBody, chain: Chain, show: Show, cancel: Cancel) -> tuple[Engine, Fitted, float | None]:
        """Find the model in memory or load it, which takes the seconds returned, and fit the prompt into its window."""
        found = self.instances.find(body.model)
        if found is not None:
            instance, model, engine = found
            # Fitted before anything is shown: a prompt that cannot fit is refused as a whole.
            prompt = _prompt(model, engine, body, chain)
            show(Started(instance))
            return engine, prompt, None
        model = self.model(body.model)
        show(Started(self.instances.next_id(model)))
        show(Progress(Phase.MODEL_LOAD))
        before = time.monotonic()
        _, engine = self.instances.load(
            model,
            LoadOptions(context=body.context_length),
            lambda fraction: show(Progress(Phase.MODEL_LOAD, fraction)),
        )
        show(Progress(Phase.MODEL_LOAD, done=True))
        cancel.check()
        return engine, _prompt(model, engine, body, chain), round(time.monotonic() - before, 3)


def _prompt(model: ModelFile, engine: Engine, body: ChatBody, chain: Chain) -> Fitted:
    return fitted(
        chain,
        Asked(body.messages, body.system_prompt, body.instructions),
        default_system=SYSTEM_PROMPT if model.known else None,
        window=engine.context,
        count=lambda messages: llama.count(engine, messages),
    )


def _sampling(body: ChatBody) -> dict[str, Any]:
    sampling: dict[str, Any] = {"temperature": TEMPERATURE, **body.sampling}
    if body.max_output_tokens is not None:
        sampling["max_tokens"] = body.max_output_tokens
    if body.schema is not None:
        form = {"name": "reply", "schema": body.schema}
        sampling["response_format"] = {"type": "json_schema", "json_schema": form}
    return sampling


def management_routes(models: Embedded, worker: Worker) -> list[Route]:
    """Return the routes that load, unload and download the models of this machine."""

    async def load(request: Request) -> Response:
        asked = strict(json_object(await request.body()), _LOAD, required=("model",))
        model = models.model(asked["model"])
        options = LoadOptions(asked.get("context_length"), asked.get("eval_batch_size"), asked.get("flash_attention"))

        def job() -> dict[str, Any]:
            before = time.monotonic()
            instance, engine = models.instances.load(model, options, lambda _fraction: None)
            seconds = round(time.monotonic() - before, 3)
            done = {"type": "llm", "instance_id": instance, "load_time_seconds": seconds, "status": "loaded"}
            if not asked.get("echo_load_config"):
                return done
            config = {"context_length": engine.context, "eval_batch_size": engine.batch, "parallel": 1}
            return done | {"load_config": config}

        return json_response(await worker.result(request, job))

    async def unload(request: Request) -> Response:
        asked = strict(json_object(await request.body()), {"instance_id": text}, required=("instance_id",))
        instance = asked["instance_id"]

        def job() -> dict[str, Any]:
            if not models.instances.unload(instance):
                raise not_found(f"Cannot find a loaded model instance with id '{instance}'.", "instance_id")
            return {"instance_id": instance}

        return json_response(await worker.result(request, job))

    async def download(request: Request) -> Response:
        checks = {"model": text, "quantization": text}
        asked = strict(json_object(await request.body()), checks, required=("model",))
        return json_response(models.downloads.begin(asked["model"]))

    async def status(request: Request) -> Response:
        return json_response(models.downloads.status(request.path_params["job"]))

    return [
        Route("/api/v1/models/load", load, methods=["POST"]),
        Route("/api/v1/models/unload", unload, methods=["POST"]),
        Route("/api/v1/models/download", download, methods=["POST"]),
        Route("/api/v1/models/download/status/{job:path}", status),
    ]


_LOAD: Mapping[str, Check] = {
    "model": text,
    "context_length": integer(1),
    "eval_batch_size": integer(1),
    "flash_attention": flag,
    "num_experts": integer(1),
    "offload_kv_cache_to_gpu": flag,
    "parallel": integer(1),
    "echo_load_config": flag,
}
