"""The model a person chose last on each server, kept in the state directory; it counts until they choose another."""

import json
from collections.abc import Mapping
from contextlib import suppress

from lmchat.world import World, kept_document, replace_file

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
