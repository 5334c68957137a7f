"""Commands for the server's models."""

from typing import Any

from lmchat.chat.models import Model, context_length, find_model
from lmchat.errors import BadUseError, NotFoundError, nearest
from lmchat.render.listings import models_listing
from lmchat.render.notes import duration
from lmchat.render.status import waited, watched
from lmchat.render.tables import size_words
from lmchat.repl.commands.command import Command, Takes, nothing, required, words
from lmchat.repl.state import ReplState
from lmchat.settings.keys import COUNT
from lmchat.settings.shapes import Shape, misfit, switch

LOAD_OPTIONS: dict[str, Shape] = {
    "context_length": COUNT,
    "eval_batch_size": COUNT,
    "flash_attention": switch(),
    "num_experts": COUNT,
    "offload_kv_cache_to_gpu": switch(),
    "parallel": COUNT,
}
"""What a load takes, by the API's own names (PROTOCOL.md section 5)."""


def model(state: ReplState, text: str) -> ReplState:
    """Show or change the model."""
    if not text:
        state.write(f"{state.model or 'No model is chosen yet.'}\n")
        state.say("/model KEY chooses another, /models lists them.")
        return state
    found = known_model(state, text)
    if not found.chats:
        raise BadUseError(f"'{found.key}' makes embeddings; one cannot talk to it.", hint="/models lists the others.")
    # A variant or a loaded copy is asked for by the very name that was typed.
    chosen = found.key if text.casefold() == found.key.casefold() else text
    state = state.talking_with(model=chosen)
    loaded = "" if found.instances else " It is loaded with the next prompt."
    state.say(f"The next prompt goes to {chosen}.{loaded}")
    return state


def models(state: ReplState, text: str) -> ReplState:
    """List the server's models, loaded ones first."""
    nothing(text)
    listed = state.known.fetched()
    if not listed:
        raise NotFoundError("The server has no model yet.", hint="Download one: /download NAME")
    state.write(models_listing(listed, state.theme, state.width))
    return state


def load(state: ReplState, text: str) -> ReplState:
    """Load a model, unless it is loaded already."""
    key, *given = words(required(text, "model to load", "/load google/gemma-3-1b context_length=8192"))
    options = _load_options(given)
    found = known_model(state, key)
    if found.instances:
        first = found.instances[0]
        holds = f" with a context of {first.context_length:,} tokens" if first.context_length else ""
        raise BadUseError(f"{found.key} is loaded already{holds}.", hint=f"To load it anew: /unload {found.key}")
    client, began = state.conversation.client, state.conversation.world.monotonic()
    try:
        loaded = waited(state.conversation.world, f"Loading {found.key}", lambda: client.load(found.key, **options))
    except KeyboardInterrupt:
        state.say("The server goes on loading; /models tells when it is done.")
        return state
    seconds = loaded.load_seconds
    took = duration(seconds if seconds is not None else state.conversation.world.monotonic() - began)
    holds_now = context_length(state.known.fetched(), loaded.instance_id or found.key)
    state.say(f"Loaded {found.key} in {took}" + (f", with a context of {holds_now:,} tokens." if holds_now else "."))
    return state


def unload(state: ReplState, text: str) -> ReplState:
    """Unload a model, one of its loaded copies, or all there are."""
    if text == "--all":
        copies = [copy.id for each in state.known.fetched() for copy in each.instances]
    else:
        name = required(text or state.model, "model to unload", "/unload google/gemma-3-1b")
        found = known_model(state, name)
        copies = [each.id for each in found.instances]
        if name in copies and name != found.key:
            copies = [name]
    if not copies:
        raise BadUseError("Nothing is loaded." if text == "--all" else f"{found.key} is not loaded.")
    for copy in copies:
        state.conversation.client.unload(copy)
    state.known.refresh()
    state.say(f"Unloaded {', '.join(copies)}.")
    return state


def download(state: ReplState, text: str) -> ReplState:
    """Download a model and watch it; Ctrl-C stops the watching only."""
    name, *more = words(required(text, "model to download", "/download qwen2.5-coder-0.5b-instruct"))
    job = state.conversation.client.download(name, more[0] if more else None)
    if job.status == "already_downloaded":
        state.say(f"{name} is already downloaded.")
        return state
    try:
        job = watched(state.conversation.world, job, lambda: state.conversation.client.download_status(job.id))
    except KeyboardInterrupt:
        state.say(f"The download goes on in the server; /download {name} watches it again.")
        return state
    job.require_success()
    state.known.refresh()
    size = f", {size_words(job.total_size_bytes)}" if job.total_size_bytes else ""
    state.say(f"Downloaded {name}{size}: /model {name} talks to it.")
    return state


def known_model(state: ReplState, name: str) -> Model:
    """Find a model on the server; raise NotFoundError, with the nearest names, where there is none."""
    listed = state.known.fetched()
    if found := find_model(listed, name):
        return found
    keys = [each.key for each in listed]
    raise NotFoundError(f"The server has no model '{name}'.", hint=nearest(name, keys) or "/models lists them.")


def _load_options(given: list[str]) -> dict[str, Any]:
    """Read `context_length=8192 flash_attention=on`, with dashes as on the command line too."""
    options: dict[str, Any] = {}
    for word in given:
        name, _, value = word.lstrip("-").partition("=")
        name = name.replace("-", "_").lower()
        if name not in LOAD_OPTIONS:
            hint = nearest(name, list(LOAD_OPTIONS)) or f"There are: {', '.join(LOAD_OPTIONS)}."
            raise BadUseError(f"'{word}' is no option for loading.", hint=hint)
        shape = LOAD_OPTIONS[name]
        options[name] = shape.read(value)
        if wrong := misfit(shape, options[name]):
            raise BadUseError(f"{name} {wrong}.", hint=f"Like this: {name}={'8192' if shape is COUNT else 'on'}")
    return options


COMMANDS = (
    Command("model", "[KEY]", "Show the model, or talk to another from here on.", model, Takes.MODEL),
    Command("models", "", "List the server's models.", models),
    Command(
        "load",
        "KEY [option=value…]",
        "Load a model now instead of with the next prompt.",
        load,
        Takes.LOAD,
        more=f"The options are {', '.join(LOAD_OPTIONS)}: /load KEY context_length=8192 flash_attention=on",
    ),
    Command(
        "unload",
        "[KEY]",
        "Unload this model, another, or one loaded copy.",
        unload,
        Takes.LOADED,
        more="/unload --all unloads everything.",
    ),
    Command(
        "download",
        "NAME [QUANTIZATION]",
        "Download a model; Ctrl-C stops watching, not the download.",
        download,
        more="NAME is one of LM Studio's catalogue or a Hugging Face URL; only a URL takes a quantization.",
    ),
)
