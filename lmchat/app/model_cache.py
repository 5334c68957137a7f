"""The models a server listed last, kept for a day, so that completion never waits for a network.

Written whenever a server lists its models; nothing else depends on it.
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from lmchat.chat.models import Instance, Model
from lmchat.world import World, replace_file

KEPT = timedelta(days=1)


def remember_models(world: World, server: str, models: Sequence[Model]) -> None:
    """Keep what completion shows of a server's models; where that cannot be written, nothing is kept."""
    path = _path(world, server)
    document = {"at": world.now().isoformat(), "models": [_written(model) for model in models]}
    try:
        replace_file(path, json.dumps(document), durable=False)
    except (OSError, RuntimeError):
        return


def known_models(world: World, servers: Sequence[str]) -> list[Model]:
    """Return what these servers listed last; what is older than a day counts as forgotten."""
    return [model for server in servers for model in _read(world, server)]


def _read(world: World, server: str) -> list[Model]:
    try:
        document: Any = json.loads(_path(world, server).read_text(encoding="utf-8"))
        age = world.now() - datetime.fromisoformat(document["at"])
        return [_model(each) for each in document["models"]] if age <= KEPT else []
    except (OSError, ValueError, LookupError, TypeError):
        return []


def _written(model: Model) -> dict[str, Any]:
    return {
        "key": model.key,
        "type": model.type,
        "display_name": model.display_name,
        "params": model.params,
        "quantization": model.quantization,
        "reasoning_options": model.reasoning_options,
        "instances": [each.id for each in model.instances],
    }


def _model(kept: Any) -> Model:
    instances = tuple(Instance(name) for name in kept.pop("instances"))
    return Model(**kept, instances=instances)


def _path(world: World, server: str) -> Path:
    # An address is no file name.
    return world.directories.cache / f"models-{sha256(server.encode()).hexdigest()[:16]}.json"
