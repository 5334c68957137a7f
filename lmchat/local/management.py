"""The routes that load, unload and download the models of this machine (PROTOCOL.md section 5)."""

import time
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lmchat.local import checks, requests
from lmchat.local.answers import json_response
from lmchat.local.embedded import Embedded
from lmchat.local.engines import LoadOptions
from lmchat.local.refusals import Refusal
from lmchat.local.worker import Worker


def management_routes(models: Embedded, worker: Worker) -> list[Route]:
    """Return the routes over the models of this machine."""

    async def load(request: Request) -> Response:
        asked = requests.load_body(checks.json_object(await request.body()))
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
        instance = requests.unload_body(checks.json_object(await request.body()))

        def job() -> dict[str, Any]:
            if not models.instances.unload(instance):
                message = f"Cannot find a loaded model instance with id '{instance}'."
                raise Refusal(message, status=404, param="instance_id", code="model_not_found")
            return {"instance_id": instance}

        return json_response(await worker.result(request, job))

    async def download(request: Request) -> Response:
        name = requests.download_body(checks.json_object(await request.body()))
        return json_response(models.downloads.begin(name))

    async def status(request: Request) -> Response:
        return json_response(models.downloads.status(request.path_params["job"]))

    return [
        Route("/api/v1/models/load", load, methods=["POST"]),
        Route("/api/v1/models/unload", unload, methods=["POST"]),
        Route("/api/v1/models/download", download, methods=["POST"]),
        Route("/api/v1/models/download/status/{job:path}", status),
    ]
