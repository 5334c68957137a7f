"""Commands for the server's models."""

import time
from collections.abc import Iterator

from lmchat.chat.models import Model, context_length, find_model
from lmchat.chat.values import Options
from lmchat.errors import BadUseError, LmchatError, NotFoundError, nearest
from lmchat.render.gauge import gauge, transfer_words
from lmchat.render.notes import duration
from lmchat.render.tables import Column, listing, size_words
from lmchat.repl.commands.command import Command, Takes
from lmchat.repl.commands.options import with_option
from lmchat.repl.commands.words import nothing, required, words
from lmchat.repl.desk import Desk
from lmchat.repl.waiting import waited
from lmchat.wire.catalogue import DownloadJob

_COLUMNS = (
    Column("KEY", gives=True),
    Column("SIZE", right=True),
    Column("QUANT"),
    Column("PARAMS", right=True),
    Column("CONTEXT", right=True),
    Column("CAN", gives=True),
    Column("LOADED", gives=True),
)
_LOOK_AGAIN_SECONDS = 0.5


def model(desk: Desk, text: str) -> Desk:
    """Show or change the model."""
    if not text:
        desk.write(f"{desk.model or 'No model is chosen yet.'}\n")
        desk.say("/model KEY chooses another, /models lists them.")
        return desk
    found = known_model(desk, text)
    if not found.chats:
        raise BadUseError(f"'{found.key}' makes embeddings; one cannot talk to it.", hint="/models lists the others.")
    # A variant or a loaded copy is asked for by the very name that was typed.
    chosen = found.key if text.casefold() == found.key.casefold() else text
    desk = desk.talking_with(model=chosen)
    loaded = "" if found.instances else " It is loaded with the next prompt."
    desk.say(f"The next prompt goes to {chosen}.{loaded}")
    return desk


def models(desk: Desk, text: str) -> Desk:
    """List the server's models, loaded ones first."""
    nothing(text)
    listed = desk.known.fetched()
    if not listed:
        raise NotFoundError("The server has no model yet.", hint="Download one: /download NAME")
    rows = [_cells(each) for each in sorted(listed, key=lambda each: not each.instances)]
    desk.write(listing(_COLUMNS, rows, desk.theme, desk.width))
    return desk


def load(desk: Desk, text: str) -> Desk:
    """Load a model, unless it is loaded already."""
    key, *given = words(required(text, "model to load", "/load google/gemma-3-1b context_length=8192"))
    length = _context_length(given)
    found = known_model(desk, key)
    if found.instances:
        first = found.instances[0]
        holds = f" with a context of {first.context_length:,} tokens" if first.context_length else ""
        raise BadUseError(f"{found.key} is loaded already{holds}.", hint=f"To load it anew: /unload {found.key}")
    client, began = desk.parts.client, desk.parts.world.monotonic()
    try:
        loaded = waited(desk.parts.world, f"Loading {found.key}", lambda: client.load(found.key, context_length=length))
    except KeyboardInterrupt:
        desk.say("The server goes on loading; /models tells when it is done.")
        return desk
    seconds = loaded.load_seconds
    took = duration(seconds if seconds is not None else desk.parts.world.monotonic() - began)
    holds_now = context_length(desk.known.fetched(), loaded.instance_id or found.key)
    desk.say(f"Loaded {found.key} in {took}" + (f", context {holds_now:,} tokens." if holds_now else "."))
    return desk


def unload(desk: Desk, text: str) -> Desk:
    """Unload a model, or one of its loaded copies."""
    name = text or desk.model
    found = known_model(desk, required(name, "model to unload", "/unload google/gemma-3-1b"))
    copies = [each.id for each in found.instances]
    if name in copies and name != found.key:
        copies = [name]
    if not copies:
        raise BadUseError(f"{found.key} is not loaded.")
    for copy in copies:
        desk.parts.client.unload(copy)
    desk.known.refresh()
    desk.say(f"Unloaded {', '.join(copies)}.")
    return desk


def download(desk: Desk, text: str) -> Desk:
    """Download a model and watch it; Ctrl-C stops the watching only."""
    name, *more = words(required(text, "model to download", "/download qwen2.5-coder-0.5b-instruct"))
    job = desk.parts.client.download(name, more[0] if more else None)
    if job.status == "already_downloaded":
        desk.say(f"{name} is there already.")
        return desk
    try:
        job = _watched(desk, job)
    except KeyboardInterrupt:
        desk.say(f"The download goes on in LM Studio; /download {name} watches it again.")
        return desk
    if job.status != "completed":
        raise LmchatError(f"The download is {job.status}.", hint=f"LM Studio's own log says why; /download {name}")
    desk.known.refresh()
    desk.say(f"Downloaded {name}, {size_words(job.total_size_bytes)}: /model {name} talks to it.")
    return desk


def known_model(desk: Desk, name: str) -> Model:
    """Find a model on the server; raise NotFoundError, with the nearest names, where there is none."""
    listed = desk.known.fetched()
    if found := find_model(listed, name):
        return found
    keys = [each.key for each in listed]
    raise NotFoundError(f"There is no model '{name}'.", hint=nearest(name, keys) or "/models lists them.")


def _watched(desk: Desk, job: DownloadJob) -> DownloadJob:
    with gauge(desk.parts.world) as line:
        while not job.over and job.status != "paused":
            line.show(transfer_words(job.downloaded_bytes or 0, job.total_size_bytes, job.bytes_per_second))
            time.sleep(_LOOK_AGAIN_SECONDS)
            job = desk.parts.client.download_status(job.id)
    return job


def _context_length(given: list[str]) -> int | None:
    """Read `context_length=N`, `--context-length N` or N alone."""
    for word in given:
        value = word.rpartition("=")[2]
        if not value.startswith("-"):
            return with_option(Options(), "context_length", value).context_length
    return None


def _cells(each: Model) -> tuple[str, ...]:
    context = f"{each.max_context_length:,}" if each.max_context_length else ""
    loaded = ", ".join(
        f"{copy.id} ({copy.context_length:,})" if copy.context_length else copy.id for copy in each.instances
    )
    can = ", ".join(_abilities(each))
    return each.key, size_words(each.size_bytes), each.quantization, each.params, context, can, loaded


def _abilities(each: Model) -> Iterator[str]:
    if not each.chats:
        yield "embeddings only"
    if each.vision:
        yield "vision"
    if each.tools:
        yield "tools"
    if each.reasoning_options:
        yield f"reasoning {'/'.join(each.reasoning_options)}"


COMMANDS = (
    Command("model", "[KEY]", "Show the model, or talk to another from here on.", model, Takes.MODEL),
    Command("models", "", "List the server's models.", models),
    Command(
        "load",
        "KEY [context_length=N]",
        "Load a model now instead of with the next prompt.",
        load,
        Takes.MODEL,
    ),
    Command("unload", "[KEY]", "Unload this model, another, or one loaded copy.", unload, Takes.LOADED),
    Command(
        "download",
        "NAME [QUANTIZATION]",
        "Download a model; Ctrl-C stops watching, not the download.",
        download,
        more="NAME is one of LM Studio's catalogue or a Hugging Face URL; only a URL takes a quantization.",
    ),
)
