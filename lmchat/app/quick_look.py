"""A look at a server's models that takes a moment at most, for who cannot wait: completion in a shell."""

import socket
import threading
from functools import partial

from lmchat.app.model_cache import remember_models
from lmchat.chat.models import Model
from lmchat.errors import LmchatError
from lmchat.settings import Settings, read_token, token_source
from lmchat.wire.address import Address
from lmchat.world import World

_CONNECT_SECONDS, _ANSWER_SECONDS = 0.3, 1.0


def models_at(world: World, settings: Settings, url: str) -> list[Model]:
    """Ask a server for its models, which are remembered; nothing where it is slow, or a program must give its token.

    Raise LmchatError for an address or a token that cannot be used.
    """
    from lmchat.app.connect import server_at

    address = Address(url)
    source = token_source(settings, server_at(address))
    if (source and source.name == "token_command") or not _listens(address):
        return []
    from lmchat.wire.client import Client

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
