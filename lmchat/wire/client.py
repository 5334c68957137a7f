"""One server as a client: one method for each thing it can do, in the dialect that it speaks."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from time import sleep
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from lmchat.chat.events import Event, Finished, Phase, Progress, Quiet
from lmchat.chat.request import ChatRequest
from lmchat.errors import BadUseError, ChainLostError, LmchatError, RefusedError, ServerError
from lmchat.wire.address import Address
from lmchat.wire.dialect import Dialect
from lmchat.wire.dialects import LMSTUDIO, RESPONSES, detect
from lmchat.wire.faults import foreign, loading, not_lm_studio
from lmchat.wire.http import TICK, Piece, exchange
from lmchat.wire.loose_json import parse_json, text
from lmchat.wire.request import GREETING, MODELS, Call
from lmchat.wire.stream import Pieces, chat_events, json_object, whole_answer

if TYPE_CHECKING:
    from lmchat.chat.models import DownloadJob, Model
    from lmchat.wire.lmstudio.models import LoadedModel

Tap = Callable[[Mapping[str, Any]], None]

_TRIES = 20
"""How often, a tick apart, a server that may move is looked for again."""

_LOADING_TICKS = 5
"""Tenths of a second between two questions whether a model is loaded."""


@dataclass(slots=True)
class Route:
    """How a server is spoken to; what is not `settled` may be learned from its answers, and `learned` gets it."""

    dialect: Dialect = LMSTUDIO
    keeps: bool = True
    settled: bool = True
    learned: Callable[[str, bool], None] | None = None


@dataclass(frozen=True, slots=True)
class Client:
    """One server to talk to. It has no connection of its own, so there is nothing to close.

    Every method raises LmchatError where the server cannot be reached, refuses or breaks off. `log` gets the lines of
    `--debug`; no secret is ever in them. `listed` gets the models whenever they were listed.
    `locate` is asked before each request where the server is, should that change; without it, it is at `address`.
    `built_in` says that the server is lmchat's own.
    """

    address: Address
    log: Callable[[str], None] | None = None
    listed: "Callable[[Sequence[Model]], None] | None" = None
    locate: Callable[[], Address] | None = None
    route: Route = field(default_factory=Route)
    built_in: bool = False

    def chat(
        self,
        request: ChatRequest,
        *,
        stream: bool = True,
        tap: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> Generator[Event, None, None]:
        """Ask for one turn and yield its events, `Quiet` after each silent tenth of a second.

        Closing the generator closes the connection, which is how a server stops. `tap` is handed every
        event's JSON as it came; a reply that came at once is handed over as the `chat.end` it would have been.
        """
        while True:
            try:
                yield from self._chat(request, tap, stream=stream)
                return
            except ChainLostError:
                if self.route.dialect is RESPONSES and request.follows is not None:
                    self._learn(RESPONSES, keeps=False)
                raise
            except RefusedError as error:
                if loading(error):
                    yield Progress(Phase.MODEL_LOAD)
                    yield from _pause()
                elif not self._finds_dialect(error):
                    raise
                if not self.route.keeps and request.follows is not None:
                    # Found out on the way: the caller asks again with what this server lacks.
                    raise ChainLostError("This server keeps no conversations.", param="previous_response_id") from error

    def _chat(self, request: ChatRequest, tap: Tap | None, *, stream: bool) -> Iterator[Event]:
        dialect, keeps = self.route.dialect, self.route.keeps
        call, begun = self._begun("POST", dialect.chat_path, dialect.body(request, stream=stream))
        with closing(begun) as pieces:
            for event in chat_events(pieces, call, dialect.reader(request), tap):
                if isinstance(event, Finished) and not keeps:
                    # An id that cannot be followed is none.
                    yield replace(event, reply=replace(event.reply, response_id=None))
                else:
                    yield event

    def _finds_dialect(self, error: LmchatError) -> bool:
        """Look for another dialect after an answer that is not LM Studio's; tell whether there is one."""
        if self.route.settled or not foreign(error):
            return False
        self.route.settled = True
        found = detect(lambda path: self._answer("GET", path, read_seconds=30)[0], self.address.host)
        if found is None or found is self.route.dialect:
            return False
        self._learn(found, keeps=found.keeps)
        return True

    def _learn(self, dialect: Dialect, *, keeps: bool) -> None:
        self.route.dialect, self.route.keeps, self.route.settled = dialect, keeps, True
        if self.log is not None:
            kept = "kept by the server" if keeps else "sent each time"
            self.log(f"api {dialect.name}; earlier turns are {kept}")
        if self.route.learned is not None:
            self.route.learned(dialect.name, keeps)

    def greets(self) -> bool:
        """Tell at once whether a server of LM Studio's kind answers.

        One that is too strict for its greeting (a token is needed) or too old for it answers in JSON all the same.
        """
        call = Call(self.address, "GET", GREETING, connect_seconds=0.5, read_seconds=1.0)
        try:
            with closing(exchange(call, self.log)) as pieces:
                _, body = whole_answer(pieces)
            return isinstance(parse_json(body.decode()), dict)
        except (LmchatError, ValueError):
            return False

    def models(self) -> "tuple[Model, ...]":
        """List every downloaded model with its loaded instances."""
        while True:
            try:
                models = self._models()
                break
            except RefusedError as error:
                if loading(error):
                    sleep(_LOADING_TICKS * TICK)
                elif not self._finds_dialect(error):
                    raise
        if self.listed:
            self.listed(models)
        return models

    def _models(self) -> "tuple[Model, ...]":
        answer, call = self._answer("GET", self.route.dialect.models_path, read_seconds=30)
        models = self.route.dialect.models(answer)
        if models is None:
            raise not_lm_studio(call, "something that is no list of models")
        return tuple(models)

    def load(
        self,
        key: str,
        *,
        context_length: int | None = None,
        eval_batch_size: int | None = None,
        flash_attention: bool | None = None,
        num_experts: int | None = None,
        offload_kv_cache_to_gpu: bool | None = None,
        parallel: int | None = None,
        echo_load_config: bool | None = None,
    ) -> "LoadedModel":
        """Load a model, which can take minutes; one that is loaded already gets a second instance.

        Only with `echo_load_config` does the server say what it made of the options.
        """
        options = {
            "context_length": context_length,
            "eval_batch_size": eval_batch_size,
            "flash_attention": flash_attention,
            "num_experts": num_experts,
            "offload_kv_cache_to_gpu": offload_kv_cache_to_gpu,
            "parallel": parallel,
            "echo_load_config": echo_load_config,
        }
        given = {name: value for name, value in options.items() if value is not None}
        from lmchat.wire.lmstudio.models import read_loaded

        return read_loaded(self._manage("load", {"model": key, **given}))

    def unload(self, instance_id: str) -> str:
        """Unload one instance and return its id."""
        answer = self._manage("unload", {"instance_id": instance_id})
        return text(answer.get("instance_id")) or instance_id

    def download(self, name: str, quantization: str | None = None) -> "DownloadJob":
        """Begin a download of a catalogue id or a Hugging Face URL (only a URL takes a quantization)."""
        from lmchat.wire.lmstudio.models import read_job

        body = {"model": name} | ({"quantization": quantization} if quantization else {})
        return read_job(self._manage("download", body))

    def download_status(self, job_id: str) -> "DownloadJob":
        """Ask how far a download is."""
        from lmchat.wire.lmstudio.models import read_job

        path = f"{MODELS}/download/status/{quote(job_id, safe='')}"
        return read_job(self._answer("GET", path, read_seconds=30)[0], job_id)

    def _manage(self, route: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        if not self.route.dialect.manages:
            raise _unmanaged()
        try:
            return self._answer("POST", f"{MODELS}/{route}", body)[0]
        except RefusedError as error:
            if self._finds_dialect(error) and not self.route.dialect.manages:
                raise _unmanaged() from error
            raise

    def _begun(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, read_seconds: float | None = None
    ) -> tuple[Call, Pieces]:
        """Begin an exchange; a server that may move is looked for again where it has just been killed.

        It is found a moment longer. What it was asked is lost with it, so that nothing is asked twice.
        """
        for left in range(_TRIES, -1, -1):
            address = self.locate() if self.locate else self.address
            call = Call(address, method, path, body, read_seconds=read_seconds, built_in=self.built_in)
            pieces = exchange(call, self.log)
            if self.locate is None:
                break
            try:
                return call, _resumed(next(pieces, None), pieces)
            except ServerError:
                if not left:
                    raise
                sleep(TICK)
        return call, pieces

    def _answer(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, read_seconds: float | None = None
    ) -> tuple[Mapping[str, Any], Call]:
        call, begun = self._begun(method, path, body, read_seconds=read_seconds)
        with closing(begun) as pieces:
            head, content = whole_answer(pieces)
        return json_object(head, content, call), call


def _resumed(first: Piece | None, rest: Pieces) -> Pieces:
    """Yield a first piece and the rest; closing it closes the rest."""
    with closing(rest):
        yield first
        yield from rest


def _unmanaged() -> BadUseError:
    return BadUseError(
        "This server cannot load, unload or download models.", hint="LM Studio can; here the program that runs it does."
    )


def _pause() -> Iterator[Event]:
    for _ in range(_LOADING_TICKS):
        sleep(TICK)
        yield Quiet()
