"""List, load, unload and download models on the server."""

from collections.abc import Mapping
from typing import Any

from lmchat.app.connect import connected, say_left_out, watch_download
from lmchat.app.conversation import settings_of
from lmchat.app.display import theme_of, width_of
from lmchat.app.invocation import BUILT_IN, Invocation
from lmchat.chat.models import Instance, Model, find_model
from lmchat.errors import BadUseError, LmchatError, NotFoundError, nearest
from lmchat.render.json_output import write_document
from lmchat.render.listings import models_listing
from lmchat.render.notes import duration
from lmchat.render.waiting import waited
from lmchat.wire.client import Client


def show_models(invocation: Invocation, *, as_json: bool) -> None:
    """List every downloaded model."""
    with connected(invocation, settings_of(invocation), model=False) as connection:
        models = connection.client.models()
    if connection.server == BUILT_IN:
        say_left_out(invocation, settings_of(invocation))
    if as_json:
        write_document(invocation.world.stdout, [_document(model) for model in models])
        return
    if not models:
        invocation.say("The server has no model yet. Download one: lmchat models download NAME")
        return
    invocation.world.stdout.write(models_listing(models, theme_of(invocation), width_of(invocation)))


def load_model(invocation: Invocation, key: str, options: Mapping[str, Any]) -> None:
    """Load a model unless it is loaded, and say how long it took and what context it really has."""
    with connected(invocation, settings_of(invocation)) as connection:
        client = connection.client
        model = _model(client, key)
        if model.instances:
            _already_loaded(invocation, model.instances[0], options)
            return
        loaded = waited(
            invocation.world, f"Loading {model.key}", lambda: client.load(model.key, echo_load_config=True, **options)
        )
        instance = _instance(client, loaded.instance_id)
    context = loaded.context_length or (instance.context_length if instance else None)
    took = f" in {duration(loaded.load_seconds)}" if loaded.load_seconds is not None else ""
    invocation.say(f"Loaded {loaded.instance_id}{took}{_context_words(context)}.")
    asked = options.get("context_length")
    if asked and context and context != asked:
        invocation.say(f"A context of {asked:,} tokens was asked for; the server gave {context:,}.")


def unload_model(invocation: Invocation, name: str | None, *, every: bool) -> None:
    """Unload one instance, every instance of a model, or all there are."""
    if (name is None) is not every:
        raise BadUseError("Name one model or instance, or give --all.", hint="`lmchat models` shows what is loaded.")
    with connected(invocation, settings_of(invocation), model=False) as connection:
        models = connection.client.models()
        loaded = [instance.id for model in models for instance in model.instances]
        chosen = loaded if name is None else _chosen(models, loaded, name)
        for instance_id in chosen:
            connection.client.unload(instance_id)
            invocation.say(f"Unloaded {instance_id}.")
    if not chosen:
        invocation.say("No model is loaded.")


def download_model(invocation: Invocation, name: str, quantization: str | None, *, wait: bool) -> None:
    """Have the server download a model; Ctrl-C stops watching, not the download."""
    with connected(invocation, settings_of(invocation), model=False) as connection:
        job = connection.client.download(name, quantization)
        if job.status == "already_downloaded":
            invocation.say(f"{name} is already downloaded.")
            return
        if not wait:
            invocation.say(f"The download has begun. To watch it: lmchat models download {name}")
            return
        try:
            watch_download(invocation.world, connection.client, job)
        except KeyboardInterrupt:
            goes_on = "goes on where it stopped" if connection.server == BUILT_IN else "goes on in the server; watch it"
            invocation.say(f"The download {goes_on} with: lmchat models download {name}")
            raise
    invocation.say(f"{name} is downloaded.")


def _model(client: Client, key: str) -> Model:
    models = client.models()
    model = find_model(models, key)
    if model is None:
        keys = [each.key for each in models]
        hint = nearest(key, keys) or f"`lmchat models download {key}` may fetch it; `lmchat models` lists what is here."
        raise NotFoundError(f"The server has no model '{key}'.", hint=hint)
    return model


def _already_loaded(invocation: Invocation, instance: Instance, options: Mapping[str, Any]) -> None:
    asked = options.get("context_length")
    if asked and instance.context_length and asked != instance.context_length:
        raise LmchatError(
            f"{instance.id} is loaded already, with a context of {instance.context_length:,} tokens.",
            hint=f"Unload it first: lmchat models unload {instance.id}",
        )
    invocation.say(f"{instance.id} is loaded already{_context_words(instance.context_length)}.")


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


def _document(model: Model) -> dict[str, Any]:
    return {
        "key": model.key,
        "type": model.type,
        "publisher": model.publisher,
        "display_name": model.display_name,
        "architecture": model.architecture,
        "quantization": model.quantization,
        "bits_per_weight": model.bits_per_weight,
        "size_bytes": model.size_bytes,
        "params": model.params,
        "format": model.format,
        "max_context_length": model.max_context_length,
        "vision": model.vision,
        "tools": model.tools,
        "reasoning_options": list(model.reasoning_options),
        "reasoning_default": model.reasoning_default,
        "variants": list(model.variants),
        "loaded_instances": [{"id": each.id, "context_length": each.context_length} for each in model.instances],
    }
