"""List, load, unload and download models on the server: the same for the command line and for talk."""

from collections.abc import Mapping, Sequence
from typing import Any

from lmchat.advice import Action, Advice, Do
from lmchat.app.attachments import Say
from lmchat.app.connect import connected, say_left_out
from lmchat.app.conversation import settings_of
from lmchat.app.display import theme_of, width_of
from lmchat.app.invocation import BUILT_IN, Invocation
from lmchat.chat.models import Instance, Model, context_length, find_model
from lmchat.errors import LmchatError, NotFoundError, nearest
from lmchat.render.json_output import write_document
from lmchat.render.listings import models_listing
from lmchat.render.notes import duration
from lmchat.render.status import waited, watched
from lmchat.render.tables import size_words
from lmchat.wire.client import Client
from lmchat.world import World


def show_models(invocation: Invocation, *, as_json: bool, wide: bool) -> None:
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
    invocation.world.stdout.write(models_listing(models, theme_of(invocation), width_of(invocation), wide=wide))


def load_model(client: Client, world: World, say: Say, name: str, options: Mapping[str, Any]) -> None:
    """Load a model unless it is loaded, and say how long it took and what context it really has.

    Ctrl-C stops the waiting, not the server: KeyboardInterrupt passes through once that is said.
    """
    model = require_model(client.models(), name)
    asked = options.get("context_length")
    if model.instances:
        _say_loaded(say, model.instances[0], asked)
        return
    began = world.monotonic()
    try:
        loaded = waited(world, f"Loading {model.key}", lambda: client.load(model.key, echo_load_config=True, **options))
    except KeyboardInterrupt:
        say("The server goes on loading the model.")
        raise
    context = loaded.context_length or context_length(client.models(), loaded.instance_id or model.key)
    seconds = loaded.load_seconds if loaded.load_seconds is not None else world.monotonic() - began
    say(f"Loaded {loaded.instance_id or model.key} in {duration(seconds)}{_context_words(context)}.")
    if asked and context and context != asked:
        say(f"A context of {asked:,} tokens was asked for; the server gave {context:,}.")


def unload_model(client: Client, say: Say, name: str | None) -> None:
    """Unload one instance, every instance of a model, or (None) all there are."""
    models = client.models()
    loaded = [instance.id for model in models for instance in model.instances]
    chosen = loaded if name is None else _chosen(models, loaded, name)
    for instance_id in chosen:
        client.unload(instance_id)
        say(f"Unloaded {instance_id}.")
    if not chosen:
        say("No model is loaded.")


def download_model(client: Client, world: World, say: Say, name: str, quantization: str | None, again: str) -> None:
    """Have the server download a model and watch it; `again` is what to type to watch it later.

    Ctrl-C stops the watching, not the download: KeyboardInterrupt passes through once that is said.
    """
    job = client.download(name, quantization)
    if job.status == "already_downloaded":
        say(f"{name} is already downloaded.")
        return
    try:
        job = watched(world, job, lambda: client.download_status(job.id))
    except KeyboardInterrupt:
        say(f"The download goes on in the server; `{again}` watches it again.")
        raise
    job.require_success()
    size = f", {size_words(job.total_size_bytes)}" if job.total_size_bytes else ""
    say(f"Downloaded {name}{size}.")


def require_model(models: Sequence[Model], name: str) -> Model:
    """Find a model by its key, a variant or an instance; raise NotFoundError, with the nearest names, for none."""
    if model := find_model(models, name):
        return model
    near = nearest(name, [each.key for each in models])
    hint: Advice = near or (
        Do(Action.LIST_MODELS),
        " lists what is here; ",
        Do(Action.DOWNLOAD_MODEL, name),
        " may fetch it.",
    )
    raise NotFoundError(f"The server has no model '{name}'.", hint=hint)


def _say_loaded(say: Say, instance: Instance, asked: int | None) -> None:
    if asked and instance.context_length and asked != instance.context_length:
        raise LmchatError(
            f"{instance.id} is already loaded, with a context of {instance.context_length:,} tokens.",
            hint=("Unload it first: ", Do(Action.UNLOAD_MODEL, instance.id)),
        )
    say(f"{instance.id} is already loaded{_context_words(instance.context_length)}.")


def _chosen(models: Sequence[Model], loaded: Sequence[str], name: str) -> list[str]:
    if name in loaded:
        return [name]
    model = find_model(models, name)
    if model is not None and model.instances:
        return [each.id for each in model.instances]
    known = [*loaded] if model else [*loaded, *(each.key for each in models)]
    state = "is not loaded" if model else "is no model or instance of this server"
    hint: Advice = nearest(name, known) or (Do(Action.LIST_MODELS), " shows what is loaded.")
    raise NotFoundError(f"'{name}' {state}.", hint=hint)


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
