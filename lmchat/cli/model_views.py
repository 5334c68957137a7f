"""Show the server's models: a table for people, JSON documents for scripts."""

from typing import Any

from lmchat.chat.models import Model
from lmchat.cli.call import Call
from lmchat.cli.house import settings_of
from lmchat.cli.looks import theme_of, width_of
from lmchat.cli.server import connected
from lmchat.render.documents import write_document
from lmchat.render.listings import models_listing


def show_models(call: Call, *, as_json: bool) -> None:
    """List every downloaded model."""
    with connected(call, settings_of(call)) as connection:
        models = connection.client.models()
    if as_json:
        write_document(call.world.stdout, [_document(model) for model in models])
        return
    if not models:
        call.say("The server has no model yet. Download one: lmchat models download NAME")
        return
    call.world.stdout.write(models_listing(models, theme_of(call), width_of(call)))


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
