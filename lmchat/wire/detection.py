"""Which servers answer at some addresses, and which API each has: judged by answers, never by a product's name alone.

Only routes are asked that every server of a kind has, and that change nothing there. All addresses are asked at the
same time, up to a deadline.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from enum import Enum
from functools import partial
from threading import Thread
from time import monotonic

from lmchat.chat.models import Model
from lmchat.dataclass import dataclass
from lmchat.errors import ChainLostError, LmchatError, NotAllowedError, RefusedError, UnreachableError
from lmchat.wire.address import Address, load_httpx
from lmchat.wire.dialects import (
    COMPLETIONS,
    LITELLM,
    LLAMA_SERVER,
    LM_STUDIO,
    LMSTUDIO,
    OLLAMA,
    OPENROUTER,
    RESPONSES,
    SGLANG,
    UNKNOWN,
    VLLM,
    Ask,
    Data,
    Finding,
    Program,
)
from lmchat.wire.exchange import Piece, exchange, json_object, whole_answer
from lmchat.wire.http import MODELS, Call
from lmchat.wire.models import native_models, openai_models
from lmchat.wire.reading import mapping, sequence, text
from lmchat.wire.refusals import loading

LIST = "/v1/models"

_OWNERS = {"llamacpp": LLAMA_SERVER, "vllm": VLLM, "sglang": SGLANG, "library": OLLAMA, "organization_owner": LM_STUDIO}
"""Programs by what they write as the owner of a model."""

_OPENAI = "api.openai.com"


class State(Enum):
    """What is known of an address after it was asked."""

    READY = "ready"
    LOADING = "loading a model"
    TOKEN = "wants a token"  # noqa: S105 - a state
    OTHER = "no chat server"
    ABSENT = "no answer"


@dataclass(frozen=True, slots=True)
class Sighting:
    """What answers at an address; without `finding` its API is not known, and `problem` says why."""

    address: Address
    state: State
    finding: Finding | None = None
    models: tuple[Model, ...] = ()
    problem: str = ""


def detect(ask: Ask, host: str) -> tuple[Finding, tuple[Model, ...]] | None:
    """Return which API a server has and the models it lists, None where that is none of the dialects.

    Raise LmchatError where it cannot be reached, loads a model first, or refuses its list.
    """
    prefix, data = "", _native_list(ask)
    if data is not None:
        native = native_models(data)
        # llama-server lists `models` too, but without keys.
        if native or (native is not None and not data["models"]):
            return Finding(LMSTUDIO.name, keeps=True, program=LM_STUDIO.name), native
        if openai_models(data) is not None:
            prefix = "/api"  # OpenRouter
    if not prefix:
        data = ask(LIST, None)
    models = None if data is None else openai_models(data)
    if data is None or models is None:
        return None
    program = program_of(data, ask)
    if _keeps(program, models, ask) or host == _OPENAI:
        return Finding(RESPONSES.name, keeps=True, prefix=prefix, program=program.name), models
    return Finding(COMPLETIONS.name, keeps=False, prefix=prefix, program=program.name), models


def program_of(data: Data, ask: Ask) -> Program:
    """Return which program lists these models, `UNKNOWN` for one that does nothing otherwise than others."""
    entries = [mapping(each) for each in sequence(data.get("data"))]
    owners = {text(each.get("owned_by")) for each in entries}
    if known := next((_OWNERS[owner] for owner in owners if owner in _OWNERS), None):
        return known
    if any("supported_parameters" in each for each in entries):
        return OPENROUTER
    # Ollama names the person who made a model, LiteLLM calls everyone "openai".
    for path, member, program in (("/model/info", "data", LITELLM), ("/api/version", "version", OLLAMA)):
        if _has(ask, path, member):
            return program
    return UNKNOWN


def _native_list(ask: Ask) -> Data | None:
    """Return what LM Studio's own list of models answers; None where there is no such route."""
    try:
        return ask(MODELS, None)
    except UnreachableError:
        raise
    except RefusedError as error:
        if loading(error):
            raise
        return None
    except LmchatError:
        return None


def _has(ask: Ask, path: str, member: str) -> bool:
    try:
        return member in ask(path, None)
    except LmchatError:
        return False


def _keeps(program: Program, models: tuple[Model, ...], ask: Ask) -> bool:
    """Tell whether a program keeps conversations on `/v1/responses`: vLLM does only where it was started so."""
    if program is not VLLM or not models:
        return program is LM_STUDIO
    # Without a store it refuses to work in the background, with one it looks for the id first: nothing is generated.
    question = {"model": models[0].key, "input": "?", "background": True, "previous_response_id": "resp_none"}
    try:
        ask("/v1/responses", question)
    except ChainLostError:
        return True
    except LmchatError:
        return False
    return False


def look(addresses: Sequence[Address], seconds: float) -> list[Sighting]:
    """Ask each address what it is, all at the same time, and return what was found after at most so many seconds."""
    # The libraries are loaded once, not in every thread, and not within the time of the servers.
    import h11  # noqa: F401

    if any(address.encrypted for address in addresses):
        load_httpx()
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
    """Yield what comes before the deadline: a server may send a byte now and then for ever."""
    for piece in pieces:
        if monotonic() > until:
            raise UnreachableError(f"{address.url} did not answer in time.")
        yield piece
