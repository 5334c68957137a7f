"""Load, unload and download models on the server."""

from collections.abc import Mapping
from typing import Any

from lmchat.chat.models import Instance, Model, find_model
from lmchat.cli.call import BUILT_IN, Call
from lmchat.cli.downloads import watch_download
from lmchat.cli.house import settings_of
from lmchat.cli.server import connected
from lmchat.errors import BadUseError, LmchatError, NotFoundError, nearest
from lmchat.render.notes import duration
from lmchat.render.waiting import waited
from lmchat.wire.client import Client


def load_model(call: Call, key: str, options: Mapping[str, Any]) -> None:
    """Load a model unless it is loaded, and say how long it took and what context it really has."""
    with connected(call, settings_of(call)) as connection:
        client = connection.client
        model = _model(client, key)
        if model.instances:
            _already_loaded(call, model.instances[0], options)
            return
        loaded = waited(
            call.world, f"Loading {model.key}", lambda: client.load(model.key, echo_load_config=True, **options)
        )
        instance = _instance(client, loaded.instance_id)
    context = loaded.context_length or (instance.context_length if instance else None)
    took = f" in {duration(loaded.load_seconds)}" if loaded.load_seconds is not None else ""
    call.say(f"Loaded {loaded.instance_id}{took}{_context_words(context)}.")
    asked = options.get("context_length")
    if asked and context and context != asked:
        call.say(f"A context of {asked:,} tokens was asked for; the server gave {context:,}.")


def unload_model(call: Call, name: str | None, *, every: bool) -> None:
    """Unload one instance, every instance of a model, or all there are."""
    if (name is None) is not every:
        raise BadUseError("Name one model or instance, or give --all.", hint="`lmchat models` shows what is loaded.")
    with connected(call, settings_of(call)) as connection:
        models = connection.client.models()
        loaded = [instance.id for model in models for instance in model.instances]
        chosen = loaded if name is None else _chosen(models, loaded, name)
        for instance_id in chosen:
            connection.client.unload(instance_id)
            call.say(f"Unloaded {instance_id}.")
    if not chosen:
        call.say("No model is loaded.")


def download_model(call: Call, name: str, quantization: str | None, *, wait: bool) -> None:
    """Have the server download a model; Ctrl-C stops watching, not the download."""
    with connected(call, settings_of(call)) as connection:
        job = connection.client.download(name, quantization)
        if job.status == "already_downloaded":
            call.say(f"{name} is already downloaded.")
            return
        if not wait:
            call.say(f"The download has begun. To watch it: lmchat models download {name}")
            return
        try:
            watch_download(call.world, connection.client, job)
        except KeyboardInterrupt:
            goes_on = "goes on where it stopped" if connection.server == BUILT_IN else "goes on in the server; watch it"
            call.say(f"The download {goes_on} with: lmchat models download {name}")
            raise
    call.say(f"{name} is downloaded.")


def _model(client: Client, key: str) -> Model:
    models = client.models()
    model = find_model(models, key)
    if model is None:
        keys = [each.key for each in models]
        hint = nearest(key, keys) or f"`lmchat models download {key}` may fetch it; `lmchat models` lists what is here."
        raise NotFoundError(f"The server has no model '{key}'.", hint=hint)
    return model


def _already_loaded(call: Call, instance: Instance, options: Mapping[str, Any]) -> None:
    asked = options.get("context_length")
    if asked and instance.context_length and asked != instance.context_length:
        raise LmchatError(
            f"{instance.id} is loaded already, with a context of {instance.context_length:,} tokens.",
            hint=f"Unload it first: lmchat models unload {instance.id}",
        )
    call.say(f"{instance.id} is loaded already{_context_words(instance.context_length)}.")


def _instance(client: Client, instance_id: str) -> Instance | None:
    instances = (each for model in client.models() for each in model.instances)
    return next((each for each in instances if each.id == instance_id), None)


def _chosen(models: tuple[Model, ...], loaded: list[str], name: str) -> list[str]:
    if name in loaded:
        return [name]
    model = find_model(models, name)
    if model is not None and model.instances:
        return [each.id for each in model.instances]
    known = loaded if model else [*loaded, *(each.key for each in models)]
    state = "is not loaded" if model else "is no model or instance of this server"
    raise NotFoundError(f"'{name}' {state}.", hint=nearest(name, known) or "`lmchat models` shows what is loaded.")


def _context_words(context: int | None) -> str:
    return f", with a context of {context:,} tokens" if context else ""
