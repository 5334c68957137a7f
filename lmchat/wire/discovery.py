"""Which servers answer at some addresses: all are asked at once, and none is waited for beyond a deadline."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from enum import Enum
from functools import partial
from threading import Thread
from time import monotonic

from lmchat.chat.models import Model
from lmchat.dataclass import dataclass
from lmchat.errors import LmchatError, NotAllowedError, UnreachableError
from lmchat.wire.address import Address
from lmchat.wire.detection import detect
from lmchat.wire.dialect import Data, Finding
from lmchat.wire.http import Piece, exchange
from lmchat.wire.refusals import loading
from lmchat.wire.request import Call
from lmchat.wire.stream import json_object, whole_answer


class State(Enum):
    """What is known of an address after it was asked."""

    READY = "ready"
    LOADING = "loading a model"
    TOKEN = "wants a token"  # noqa: S105 - a state
    OTHER = "no chat server"
    ABSENT = "no answer"


@dataclass(frozen=True, slots=True)
class Sighting:
    """What answers at an address; without `finding` it is not known what it speaks, and `problem` says why."""

    address: Address
    state: State
    finding: Finding | None = None
    models: tuple[Model, ...] = ()
    problem: str = ""


def look(addresses: Sequence[Address], seconds: float) -> list[Sighting]:
    """Ask each address what it is, all at the same time, and return what was found after at most so many seconds."""
    seen: dict[int, Sighting] = {}
    until = monotonic() + seconds

    def ask(place: int, address: Address) -> None:
        seen[place] = _sighting(address, until)

    threads = [Thread(target=ask, args=each, daemon=True, name="lmchat-look") for each in enumerate(addresses)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(until - monotonic(), 0))
    found = dict(seen)
    return [found.get(place, Sighting(each, State.ABSENT)) for place, each in enumerate(addresses)]


def _sighting(address: Address, until: float) -> Sighting:
    try:
        found = detect(partial(_answer, address, until), address.host)
    except UnreachableError as error:
        return Sighting(address, State.ABSENT, problem=error.message)
    except NotAllowedError as error:
        return Sighting(address, State.TOKEN, problem=error.message)
    except LmchatError as error:
        return Sighting(address, State.LOADING if loading(error) else State.OTHER, problem=error.message)
    if found is None:
        return Sighting(address, State.OTHER)
    finding, models = found
    return Sighting(address, State.READY, finding, models)


def _answer(address: Address, until: float, path: str, body: Data | None = None) -> Data:
    left = max(until - monotonic(), 0.01)
    method = "GET" if body is None else "POST"
    call = Call(address, method, path, body, connect_seconds=left, read_seconds=left)
    with closing(exchange(call)) as pieces:
        head, content = whole_answer(_in_time(pieces, until, address))
    return json_object(head, content, call)


def _in_time(pieces: Iterator[Piece | None], until: float, address: Address) -> Iterator[Piece | None]:
    """Yield what comes before the deadline: a server that sends a byte now and then has no other."""
    for piece in pieces:
        if monotonic() > until:
            raise UnreachableError(f"{address.url} did not answer in time.")
        yield piece
