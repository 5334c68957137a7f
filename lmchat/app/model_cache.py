"""The models a server listed last: on disk for a day, and in memory while one talks.

Completion reads them, so that it never waits for the network. The file is written whenever a server lists its models.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, fields
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from lmchat.chat.models import Instance, Model, context_length, find_model, meant_model, name_to_ask
from lmchat.chat.values import OptionValue, Reply
from lmchat.errors import LmchatError
from lmchat.render.failures import show_note
from lmchat.wire.client import Client
from lmchat.wire.dialects import Finding
from lmchat.world import World, kept_document, replace_file

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
    document = kept_document(_path(world, server))
    try:
        age = world.now() - datetime.fromisoformat(document["at"])
        return [_model(each) for each in document["models"]] if age <= KEPT else []
    except (ValueError, LookupError, TypeError):
        return []


def _written(model: Model) -> dict[str, Any]:
    return {
        "key": model.key,
        "type": model.type,
        "display_name": model.display_name,
        "params": model.params,
        "quantization": model.quantization,
        "reasoning_options": model.reasoning_options,
        "instances": [[each.id, each.context_length] for each in model.instances],
    }


def _model(kept: Any) -> Model:
    options = kept["reasoning_options"]
    return Model(
        key=str(kept["key"]),
        type=str(kept["type"]),
        display_name=str(kept["display_name"]),
        params=str(kept["params"]),
        quantization=str(kept["quantization"]),
        reasoning_options=None if options is None else tuple(map(str, options)),
        instances=tuple(_instance(*each) for each in kept["instances"]),
    )


def _instance(name: object, context: object) -> Instance:
    return Instance(str(name), context if isinstance(context, int) else None)


def remember_route(world: World, server: str, finding: Finding) -> None:
    """Keep what was found out of a server: its API, and whether it keeps conversations."""
    document = {"at": world.now().isoformat(), **asdict(finding)}
    with suppress(OSError, RuntimeError):
        replace_file(_path(world, server, "api"), json.dumps(document), durable=False)


def known_route(world: World, server: str) -> Finding | None:
    """Return what was found out of a server, None where nothing was, or not for a day: another may answer there."""
    document = kept_document(_path(world, server, "api"))
    try:
        age = world.now() - datetime.fromisoformat(document.pop("at"))
        # What an older lmchat wrote lacks the newer members, and is found out again.
        if age > KEPT or not all(isinstance(document[each.name], bool | str) for each in fields(Finding)):
            return None
        return Finding(**document)
    except (ValueError, LookupError, TypeError):
        return None


def _path(world: World, server: str, what: str = "models") -> Path:
    # An address is no file name.
    return world.directories.cache / f"{what}-{sha256(server.encode()).hexdigest()[:16]}.json"


def chat_offers(models: Sequence[Model]) -> Iterator[tuple[str, str]]:
    """Return the keys of the models that chat, with what they are."""
    return ((model.key, about(model)) for model in models if model.chats)


def instance_offers(models: Sequence[Model]) -> Iterator[tuple[str, str]]:
    """Return the ids of loaded instances, with what they are."""
    return ((instance.id, about(model)) for model in models for instance in model.instances)


def about(model: Model) -> str:
    """Return what a model is, in a few words."""
    return " ".join(filter(None, (model.display_name, model.params, model.quantization)))


def level_offers(models: Sequence[Model]) -> Iterator[tuple[str, str]]:
    """Return the levels of reasoning that models have, and which of them is a model's own."""
    defaults = {model.reasoning_default for model in models}
    levels = dict.fromkeys(level for model in models for level in model.reasoning_options or ())
    return ((level, "the model's own" if level in defaults else "") for level in levels)


class ModelList:
    """The models of a server as they were fetched last: in the background, so that no key waits for the network.

    `fetch` asks the server; `changed` is called after every answer.
    """

    def __init__(self, fetch: Callable[[], tuple[Model, ...]], changed: Callable[[], None] = lambda: None) -> None:
        self._fetch = fetch
        self._changed = changed
        self._models: tuple[Model, ...] = ()
        self._fetching: threading.Thread | None = None

    def now(self) -> tuple[Model, ...]:
        """Return what is known, without waiting; empty before the first answer."""
        return self._models

    def fetched(self) -> tuple[Model, ...]:
        """Ask the server and wait for the answer; raise LmchatError where it gives none."""
        self._models = self._fetch()
        self._changed()
        return self._models

    def refresh(self) -> None:
        """Ask the server in the background, unless that is going on already."""
        if self._fetching is None or not self._fetching.is_alive():
            self._fetching = threading.Thread(target=self._refreshed, daemon=True, name="models")
            self._fetching.start()

    def settled(self, seconds: float) -> bool:
        """Wait at most so long for what is asked in the background, and tell whether that is over."""
        if self._fetching is not None:
            self._fetching.join(seconds)
        return self._fetching is None or not self._fetching.is_alive()

    def _refreshed(self) -> None:
        # What was known stays; the next prompt says what is wrong with the server.
        with suppress(LmchatError):
            self.fetched()


_CLOSE = 0.5
"""The share of a context from which on its size is looked up again."""

_LONG = 1000
"""The tokens of a conversation from which on it is worth a question how many fit."""


def context_of(
    world: World, client: Client, server: str, reply: Reply, model: str, wanted: OptionValue | None
) -> int | None:
    """Return how many tokens fit into the context of what answered, None where that is not known.

    What was listed last may be old: where that matters, the server is asked. `wanted` is the size that it was told to
    load the model with.
    """
    used, name = reply.stats.context_used, reply.model_instance_id or model
    known = context_length(known_models(world, [server]), name)
    likely = known or (wanted if isinstance(wanted, int) else None)
    if used is None or used < (likely * _CLOSE if likely else _LONG):
        return known
    with suppress(LmchatError):
        return context_length(client.models(), name)
    return known


def keys_meant(world: World, client: Client, names: Sequence[str]) -> list[str]:
    """Return the keys that names, or parts of some, mean on a server, saying which a part means.

    Raise NotFoundError for a part of several.
    """
    models: Sequence[Model] = ()
    with suppress(LmchatError):  # a server that lists no models takes names as they are
        models = [model for model in client.models() if model.chats]
    keys = []
    for name in names:
        found = meant_model(models, name)
        if found is not None and find_model([found], name) is None:
            show_note(world, f"'{name}' is {found.key} here.")
        keys.append(name if found is None else name_to_ask(found, name))
    return keys


_FILE = "models.json"


def remembered_model(world: World, server: str) -> str:
    """Return the model that was chosen last on a server; empty where none was, or the file cannot be read."""
    key = _document(world).get(server)
    return key if isinstance(key, str) else ""


def remember_model(world: World, server: str, key: str) -> None:
    """Keep which model was chosen on a server; where that cannot be written, nothing is kept."""
    document = {**_document(world), server: key}
    with suppress(OSError, RuntimeError):
        replace_file(world.directories.state / _FILE, json.dumps(document, ensure_ascii=False), durable=False)


def _document(world: World) -> Mapping[str, object]:
    return kept_document(world.directories.state / _FILE)
