"""Work with the server's models: list, load, unload and download them."""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from lmchat.advice import Action, Do, Say
from lmchat.app.connect import connected, remember_models, server_at
from lmchat.app.invocation import BUILT_IN, Invocation, settings_of
from lmchat.chat.models import Instance, Model, find_model, meant_model
from lmchat.dataclass import dataclass
from lmchat.errors import BadUseError, LmchatError, NotFoundError, nearest
from lmchat.render.listings import models_listing
from lmchat.render.messages import waited, watched
from lmchat.render.notes import duration, size_words
from lmchat.render.terminal import Theme
from lmchat.settings import Settings, read_token, token_source
from lmchat.wire.address import Address
from lmchat.wire.client import Client
from lmchat.world import World

_CONNECT_SECONDS, _ANSWER_SECONDS = 0.3, 1.0
"""How long completion, which must not make people wait, waits for a server."""


@dataclass(frozen=True, slots=True)
class ModelServer:
    """The server whose models are looked at and changed: `listed` asks it for them, `say` speaks to the person."""

    world: World
    client: Client
    listed: Callable[[], tuple[Model, ...]]
    say: Say
    built_in: bool = False

    def found(self, name: str) -> Model:
        """Return the model of a key, a variant, an instance's id or a part of one that fits no other, which is said.

        Raise NotFoundError, with the nearest names or all that the part fits.
        """
        models = self.listed()
        if model := meant_model(models, name):
            if find_model([model], name) is None:
                self.say(f"'{name}' is {model.key} here.")
            return model
        hint = nearest(name, [each.key for each in models])
        raise NotFoundError(
            f"The server has no model '{name}'.",
            hint=hint or (Do(Action.LIST_MODELS), " lists them; ", Do(Action.DOWNLOAD_MODEL, name), " may fetch it."),
        )


@contextmanager
def opened_models(invocation: Invocation, *, model: bool = False) -> Iterator[ModelServer]:
    """Connect to the server of the command line; `model` says that one will be needed there."""
    settings = settings_of(invocation)
    with connected(invocation, settings, model=model) as connection:
        client = connection.client
        if connection.server == BUILT_IN:
            from lmchat.app.local import say_left_out

            say_left_out(invocation, settings)
        yield ModelServer(
            invocation.world, client, client.models, invocation.say, built_in=connection.server == BUILT_IN
        )


def list_models(server: ModelServer, theme: Theme, width: int | None, *, wide: bool = False) -> None:
    """Write the list of downloaded models to stdout, or say that there is none."""
    models = server.listed()
    if models:
        server.world.stdout.write(models_listing(models, theme, width, wide=wide))
    else:
        server.say(("The server has no model yet. Download one: ", Do(Action.DOWNLOAD_MODEL)))


def chat_model(server: ModelServer, name: str) -> Model:
    """Return a model to chat with; raise NotFoundError for none, BadUseError for one that makes embeddings."""
    model = server.found(name)
    if not model.chats:
        raise BadUseError(
            f"'{model.key}' is an embedding model and cannot chat.", hint=(Do(Action.LIST_MODELS), " lists the others.")
        )
    return model


def load_model(server: ModelServer, name: str, options: Mapping[str, Any]) -> None:
    """Load a model unless it is loaded, and say how long it took and what context it has.

    Ctrl-C stops the waiting, which is said, and is raised. Raise LmchatError for a model that is loaded already with
    another context than the one asked for.
    """
    model = server.found(name)
    asked = options.get("context_length")
    if model.instances:
        _say_loaded(server, model.instances[0], asked)
        return
    try:
        loaded = waited(
            server.world,
            f"Loading {model.key}",
            lambda: server.client.load(model.key, echo_load_config=True, **options),
        )
    except KeyboardInterrupt:
        server.say(("The server continues loading; ", Do(Action.LIST_MODELS), " shows when it is done."))
        raise
    name = loaded.instance_id or model.key
    instances = (each for model in server.listed() for each in model.instances)
    instance = next((each for each in instances if each.id == name), None)
    context = loaded.context_length or (instance.context_length if instance else None)
    took = f" in {duration(loaded.load_seconds)}" if loaded.load_seconds is not None else ""
    server.say(f"Loaded {name}{took}{_context_words(context)}.")
    if asked and context and context != asked:
        server.say(f"A context of {asked:,} tokens was asked for; the server gave {context:,}.")


def unload_model(server: ModelServer, name: str | None) -> None:
    """Unload one instance, every instance of a model, or (None) all there are."""
    models = server.listed()
    loaded = [instance.id for model in models for instance in model.instances]
    chosen = loaded if name is None else _chosen(models, loaded, name)
    for instance_id in chosen:
        server.client.unload(instance_id)
        server.say(f"Unloaded {instance_id}.")
    if not chosen:
        server.say("No model is loaded.")


def download_model(server: ModelServer, name: str, quantization: str | None, *, wait: bool = True) -> None:
    """Have the server download a model; Ctrl-C stops the watching, not the download, which is said, and is raised."""
    job = server.client.download(name, quantization)
    if job.status == "already_downloaded":
        server.say(f"{name} is already downloaded.")
        return
    again = Do(Action.DOWNLOAD_MODEL, name)
    if not wait:
        server.say(("The download has begun. To watch it: ", again))
        return
    try:
        job = watched(server.world, job, lambda: server.client.download_status(job.id))
    except KeyboardInterrupt:
        # The built-in model's server may end before the download does.
        goes_on = "can go on where it stopped" if server.built_in else "goes on in the server; watch it"
        server.say((f"The download {goes_on} with ", again, "."))
        raise
    job.require_success()
    size = f" ({size_words(job.total_size_bytes)})" if job.total_size_bytes else ""
    server.say(f"{name} is downloaded{size}.")


def model_document(model: Model) -> dict[str, Any]:
    """Return what `--json` says of a model."""
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
        "reasoning_options": list(model.reasoning_options or ()),
        "reasoning_default": model.reasoning_default,
        "variants": list(model.variants),
        "loaded_instances": [{"id": each.id, "context_length": each.context_length} for each in model.instances],
    }


def _say_loaded(server: ModelServer, instance: Instance, asked: int | None) -> None:
    if asked and instance.context_length and asked != instance.context_length:
        raise LmchatError(
            f"{instance.id} is loaded already, with a context of {instance.context_length:,} tokens.",
            hint=("Unload it first: ", Do(Action.UNLOAD_MODEL, instance.id)),
        )
    server.say(f"{instance.id} is loaded already{_context_words(instance.context_length)}.")


def _chosen(models: tuple[Model, ...], loaded: list[str], name: str) -> list[str]:
    model = meant_model([each for each in models if each.instances], name) or find_model(models, name)
    if model is not None and model.instances:
        instances = [each.id for each in model.instances]
        return [name] if name in instances and name != model.key else instances
    known = loaded if model else [*loaded, *(each.key for each in models)]
    state = "is not loaded" if model else "is not a model or instance of this server"
    hint = nearest(name, known) or (Do(Action.LIST_MODELS), " shows what is loaded.")
    raise NotFoundError(f"'{name}' {state}.", hint=hint)


def _context_words(context: int | None) -> str:
    return f", with a context of {context:,} tokens" if context else ""


def models_at(world: World, settings: Settings, url: str) -> list[Model]:
    """Ask a server for its models within a moment; return none where it is slow, or a program must give its token.

    Raise LmchatError for an address or a token that cannot be used.
    """
    address = Address(url)
    source = token_source(settings, server_at(address))
    if (source and source.name == "token_command") or not _listens(address):
        return []
    address = Address(url, token=read_token(world, source))
    client = Client(address, listed=partial(remember_models, world, address.url))
    found: list[Model] = []

    def ask() -> None:
        try:
            found.extend(client.models())
        except LmchatError:
            return

    asking = threading.Thread(target=ask, daemon=True, name="models")
    asking.start()
    asking.join(_ANSWER_SECONDS)
    return list(found)


def _listens(address: Address) -> bool:
    """Tell whether anything listens there, before what speaks with it is loaded."""
    try:
        with socket.create_connection(address.origin[1:], timeout=_CONNECT_SECONDS):
            return True
    except OSError:
        return False
