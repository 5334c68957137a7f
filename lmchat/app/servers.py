"""`lmchat servers`: what answers at named addresses, at this machine's usual ports, and the built-in server."""

from collections.abc import Iterator
from typing import Any

from lmchat.app.connect import preferred, say_exposed, server_at, usual_addresses
from lmchat.app.invocation import BUILT_IN, Invocation, settings_of
from lmchat.app.local import builtin_world
from lmchat.app.models import model_document
from lmchat.chat.models import Model
from lmchat.dataclass import dataclass, replace
from lmchat.errors import LmchatError, some_of
from lmchat.render.json_output import write_document
from lmchat.render.listings import Column, listing
from lmchat.render.terminal import Theme
from lmchat.settings import Settings, profile_names, read_settings, read_token, token_source
from lmchat.settings.layers import DEFAULT
from lmchat.wire.address import Address
from lmchat.wire.detection import Sighting, State, look

_SECONDS = 3.0
"""How long all servers together are waited for; one far away may take a while."""

_NAMED = 3
"""Models that are named in a line of the table."""


@dataclass(frozen=True, slots=True)
class _Named:
    """An address and who names it; `settings` decide which token goes there, None: none does."""

    address: Address
    source: str
    settings: Settings | None = None


@dataclass(frozen=True, slots=True)
class ServerRow:
    """One server: its address as --url takes it, who names it, what answers, and whether lmchat talks to it."""

    url: str
    source: str
    state: str
    program: str = ""
    api: str = ""
    keeps: bool | None = None
    models: tuple[Model, ...] = ()
    problem: str = ""
    used: bool = False

    def document(self) -> dict[str, Any]:
        """Return what `--json` says of it."""
        return {
            "url": self.url,
            "source": self.source,
            "state": self.state,
            "program": self.program or None,
            "api": self.api or None,
            "keeps_conversations": self.keeps,
            "used": self.used,
            "problem": self.problem or None,
            "models": [model_document(model) for model in self.models],
        }

    @property
    def kept(self) -> str:
        """Say who keeps the earlier turns, empty where that is not known."""
        return {True: "kept by the server", False: "sent each time", None: ""}[self.keeps]


_COLUMNS: tuple[Column[ServerRow], ...] = (
    Column("SERVER", lambda row: row.url, worth=3),
    Column("FROM", lambda row: row.source + (", in use" if row.used else ""), shrinks=True, worth=2),
    Column("STATE", lambda row: row.state, worth=3),
    Column("PROGRAM", lambda row: row.program, worth=1),
    Column("API", lambda row: row.api, worth=1),
    Column("EARLIER TURNS", lambda row: row.kept),
    Column("MODELS", lambda row: _names(row.models), shrinks=True, worth=2),
)


def show_servers(invocation: Invocation, theme: Theme, width: int | None, *, as_json: bool) -> None:
    """List what answers at every address that is named, and at the usual ports of this machine."""
    rows = list(_rows(invocation, settings_of(invocation)))
    if as_json:
        write_document(invocation.world.stdout, [row.document() for row in rows])
    else:
        invocation.world.stdout.write(listing(_COLUMNS, rows, theme, width))


def _rows(invocation: Invocation, settings: Settings) -> Iterator[ServerRow]:
    named = list(_named(invocation, settings))
    places = _places(named, settings)
    seen = look([place.address for place in places], _SECONDS)
    seen = _with_tokens(invocation, places, seen)
    used = _used(settings, places, seen)
    for place, sighting in zip(places, seen, strict=True):
        if place in named or sighting.state in {State.READY, State.LOADING, State.TOKEN}:
            yield replace(_row(place, sighting), used=place is used)
    yield replace(_built_in_row(invocation, settings), used=used is None)


def _named(invocation: Invocation, settings: Settings) -> Iterator[_Named]:
    """Yield the address that is talked to, or LM Studio's own, then those of all profiles."""
    url, source = settings.text("url"), settings.source("url")
    if url != BUILT_IN:
        yield _Named(Address(url), "LM Studio's own" if source == DEFAULT else source, settings)
    for name in profile_names(invocation.world):
        profile = read_settings(invocation.world, profile=name)
        setting = profile.of_profile.get("url")
        if setting is not None and setting.value not in {"", BUILT_IN}:
            yield _Named(Address(str(setting.value)), f"profile '{name}'", profile)


def _places(named: list[_Named], settings: Settings) -> list[_Named]:
    """Return the named addresses and those of the usual ports, each once."""
    places: dict[tuple[Any, ...], _Named] = {}
    for place in (*named, *(_Named(address, "found on this machine") for address in usual_addresses(settings))):
        before = places.setdefault(_identity(place.address), place)
        if before is not place and place in named:
            places[_identity(place.address)] = replace(before, source=f"{before.source}, {place.source}")
    # What two name is one row with both names.
    named[:] = [places[_identity(place.address)] for place in named]
    return list(places.values())


def _identity(address: Address) -> tuple[Any, ...]:
    scheme, host, port = address.origin
    path = address.url.partition("://")[2].partition("/")[2]
    return scheme, "loopback" if address.loopback else host, port, path


def _with_tokens(invocation: Invocation, places: list[_Named], seen: list[Sighting]) -> list[Sighting]:
    """Ask those that want a token again, with the token that belongs to them; no other is read or sent."""
    again: dict[int, Address] = {}
    result = list(seen)
    for at, (place, sighting) in enumerate(zip(places, seen, strict=True)):
        if sighting.state is not State.TOKEN or place.settings is None:
            continue
        try:
            source = token_source(place.settings, server_at(place.address))
            token = read_token(invocation.world, source)
            if token:
                again[at] = Address(place.address.url, token=token)
                say_exposed(invocation, again[at])
        except LmchatError as error:
            invocation.say(f"lmchat: {error.message}")
            result[at] = replace(sighting, problem=error.message)
    for at, sighting in zip(again, look(list(again.values()), _SECONDS), strict=True):
        result[at] = sighting
    return result


def _used(settings: Settings, places: list[_Named], seen: list[Sighting]) -> _Named | None:
    """Return the place that `lmchat` would talk to, None for the built-in model."""
    url = settings.text("url")
    if url == BUILT_IN:
        return None
    if settings.is_set("url") or seen[0].state is not State.ABSENT:
        return places[0]
    chosen = preferred([sighting for place, sighting in zip(places, seen, strict=True) if place.settings is None])
    return next((place for place, sighting in zip(places, seen, strict=True) if sighting is chosen), None)


def _row(place: _Named, sighting: Sighting) -> ServerRow:
    finding = sighting.finding
    row = ServerRow(place.address.url, place.source, sighting.state.value, problem=sighting.problem)
    if finding is None:
        return row
    return replace(row, program=finding.program, api=finding.api, keeps=finding.keeps, models=sighting.models)


def _built_in_row(invocation: Invocation, settings: Settings) -> ServerRow:
    """Describe the built-in model's server without starting it."""
    from lmchat.local.models import present
    from lmchat.local.run import available, places, server_settings
    from lmchat.local.shared import running_servers

    row = ServerRow(BUILT_IN, "built in", "not installed")
    if not available():
        return row
    try:
        files = present(places(server_settings(builtin_world(invocation, settings))))
    except LmchatError as error:
        return replace(row, state="cannot be used", problem=error.message)
    state = "running" if running_servers(invocation.world) else "started when needed"
    models = tuple(Model(each.key, "embedding" if each.embedding else "llm", instances=()) for each in files)
    return replace(row, state=state, program="lmchat", api="lmstudio", keeps=True, models=models)


def _names(models: tuple[Model, ...]) -> str:
    """Name the models, the loaded ones first."""
    return some_of([model.key for model in sorted(models, key=lambda model: not model.instances)], _NAMED)
