"""What the server's list says of models while one talks: which a name means, and how much fits into its context."""

from collections.abc import Sequence
from contextlib import suppress

from lmchat.app.model_cache import known_models
from lmchat.chat.models import Model, context_length, find_model, meant_model, name_to_ask
from lmchat.chat.values import OptionValue, Reply
from lmchat.errors import LmchatError
from lmchat.render.failures import show_note
from lmchat.wire.client import Client
from lmchat.world import World

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
