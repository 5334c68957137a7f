"""One server as a client: one method for each thing it can do, in the dialect that it speaks."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from time import sleep
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from lmchat.chat.exchange import ChatRequest, Event, Finished, Phase, Progress, Quiet, kept_words
from lmchat.chat.models import DownloadJob, Model
from lmchat.dataclass import dataclass, field, replace
from lmchat.errors import ChainLostError, LmchatError, NotAllowedError, RefusedError, ServerError
from lmchat.wire.address import Address
from lmchat.wire.dialects import (
    COMPLETIONS,
    DIALECTS,
    DIFFERING,
    LMSTUDIO,
    PROGRAMS,
    UNKNOWN,
    Data,
    Dialect,
    Program,
    Route,
    adapted,
    stateless,
    unmanaged,
)
from lmchat.wire.exchange import TICK, Pieces, exchange, json_object, resumed, whole_answer
from lmchat.wire.faults import not_lm_studio
from lmchat.wire.http import GREETING, MODELS, Call
from lmchat.wire.reading import parse_json, text
from lmchat.wire.stream import Tap, chat_events

if TYPE_CHECKING:
    from lmchat.wire.models import LoadedModel

_TRIES = 20
"""How often, a tick apart, a server that may move is looked for again."""

_QUESTION_SECONDS, _ACTION_SECONDS, _LOAD_SECONDS = 30, 60, 1800
"""How long a server may say nothing to a question about its models, to a task, and while it loads a model."""
_ASK_SECONDS = 10.0
"""How long a server may be silent that is asked what it is."""

_LOADING_TICKS = 5
"""Tenths of a second between two questions whether a model is loaded."""


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
    listed: Callable[[Sequence[Model]], None] | None = None
    locate: Callable[[], Address] | None = None
    route: Route = field(default_factory=Route)
    built_in: bool = False

    def chat(
        self,
        request: ChatRequest,
        *,
        stream: bool = True,
        tap: Tap | None = None,
    ) -> Generator[Event, None, None]:
        """Ask for one turn and yield its events, `Quiet` after each silent tenth of a second.

        Closing the generator closes the connection, which is how a server stops. `tap` is handed every
        event's JSON as it came; a reply that did not stream is handed over as the `chat.end` that would have ended it.
        """
        while True:
            try:
                yield from self._chat(request, tap, stream=stream)
                return
            except ChainLostError as error:
                from lmchat.wire.refusals import unknown_chain

                follows = request.follows
                lost = follows is not None and (not unknown_chain(error) or follows == self.route.given)
                if lost and self.route.dialect is not LMSTUDIO:
                    self._learn(self.route.dialect, keeps=False)
                raise
            except RefusedError as error:
                from lmchat.wire.refusals import loading

                if loading(error):
                    yield Progress(Phase.MODEL_LOAD)
                    for _ in range(_LOADING_TICKS):
                        sleep(TICK)
                        yield Quiet()
                elif not self._finds_dialect(error):
                    raise
                if not self.route.keeps and request.follows is not None:
                    # Only this answer showed it: the caller asks again, with the turns that the server lacks.
                    raise stateless() from error

    def with_schemas(self) -> "Client":
        """Return a client of the same server on a route where a reply can be bound to a schema.

        Servers whose route cannot do that have the one of chat completions, too.
        """
        route = replace(self.route, dialect=COMPLETIONS, keeps=False, learned=None)
        return self if self.route.dialect.schemas else replace(self, route=route)

    def greets(self) -> bool:
        """Tell quickly whether a server of LM Studio's kind answers.

        One that is too strict for its greeting (a token is needed) or too old for it answers in JSON all the same.
        """
        call = Call(self.address, "GET", GREETING, connect_seconds=0.5, read_seconds=1.0)
        try:
            with closing(exchange(call, self.log)) as pieces:
                _, body = whole_answer(pieces)
            return isinstance(parse_json(body.decode()), dict)
        except (LmchatError, ValueError):
            return False

    def models(self) -> tuple[Model, ...]:
        """List every downloaded model with its loaded instances."""
        while True:
            try:
                models = self._models()
                break
            except RefusedError as error:
                from lmchat.wire.refusals import loading

                if loading(error):
                    sleep(_LOADING_TICKS * TICK)
                elif not self._finds_dialect(error):
                    raise
        if self.listed:
            self.listed(models)
        return models

    def load(self, key: str, **options: int | bool | None) -> "LoadedModel":
        """Load a model, which can take minutes; one that is loaded already gets a second instance.

        `options` are the API's own. Only with `echo_load_config` does the server say what it made of them.
        """
        from lmchat.wire.models import read_loaded

        given = {name: value for name, value in options.items() if value is not None}
        return read_loaded(self._manage("load", {"model": key, **given}, seconds=_LOAD_SECONDS))

    def unload(self, instance_id: str) -> str:
        """Unload one instance and return its id."""
        answer = self._manage("unload", {"instance_id": instance_id}, seconds=_ACTION_SECONDS)
        return text(answer.get("instance_id")) or instance_id

    def download(self, name: str, quantization: str | None = None) -> DownloadJob:
        """Begin a download of a catalogue id or a Hugging Face URL (only a URL takes a quantization)."""
        from lmchat.wire.models import read_job

        body = {"model": name} | ({"quantization": quantization} if quantization else {})
        return read_job(self._manage("download", body, seconds=_ACTION_SECONDS))

    def download_status(self, job_id: str) -> DownloadJob:
        """Ask how far a download is."""
        from lmchat.wire.models import read_job

        path = f"{MODELS}/download/status/{quote(job_id, safe='')}"
        return read_job(self._answer("GET", path, read_seconds=_QUESTION_SECONDS)[0], job_id)

    def _chat(self, request: ChatRequest, tap: Tap | None, *, stream: bool) -> Iterator[Event]:
        dialect, program = self.route.dialect, self._program(request)
        if request.follows is not None and not program.chains:
            self._learn(dialect, keeps=False)
            raise stateless()
        keeps = self.route.keeps
        sent = None if keeps and request.store else len(request.history)
        body = dialect.body(adapted(request, program, dialect.name), stream=stream)
        call, begun = self._begun("POST", self._path(dialect.chat_path), body)
        with closing(begun) as pieces:
            for event in chat_events(pieces, call, dialect.reader(request), tap):
                if isinstance(event, Finished):
                    # An id that cannot be followed is none.
                    reply = event.reply if keeps else replace(event.reply, response_id=None)
                    self.route.given = reply.response_id
                    if self.log is not None:
                        self.log(f"api {dialect.name}; earlier turns are {kept_words(sent, reply.stats.input_tokens)}")
                    yield replace(event, reply=reply, sent=sent)
                else:
                    yield event

    def _program(self, request: ChatRequest) -> Program:
        """Return the program that answers, asked for only where it matters for this request."""
        route = self.route
        matters = request.follows is not None or DIFFERING & set(request.options.given())
        if route.program is None and route.dialect is not LMSTUDIO and matters:
            from lmchat.wire.detection import program_of

            route.program = UNKNOWN
            with suppress(LmchatError):
                route.program = program_of(self._ask(self._path(route.dialect.models_path)), self._ask)
                self._learn(route.dialect, keeps=route.keeps)
        return route.program or UNKNOWN

    def _finds_dialect(self, error: LmchatError) -> bool:
        """Look for the server's dialect after an answer that was not in the expected one; tell whether it was found."""
        from lmchat.wire.refusals import foreign, loading

        route = self.route
        if route.settled or not foreign(error):
            return False
        from lmchat.wire.detection import detect

        try:
            found = detect(self._ask, self.address.host)
        except NotAllowedError:
            raise  # it says more than the route that is missing
        except LmchatError as problem:
            route.settled = not loading(problem)
            return not route.settled
        route.settled = True
        if found is None or (DIALECTS[found[0].api] is route.dialect and found[0].prefix == route.prefix):
            return False
        finding, _ = found
        route.prefix, route.program = finding.prefix, PROGRAMS[finding.program]
        self._learn(DIALECTS[finding.api], keeps=finding.keeps)
        return True

    def _learn(self, dialect: Dialect, *, keeps: bool) -> None:
        if self.log is not None:
            program = f" ({self.route.program.name})" if self.route.program and self.route.program.name else ""
            self.log(f"found out: api {dialect.name}{program}, {'keeps' if keeps else 'does not keep'} conversations")
        self.route.learn(dialect, keeps=keeps)

    def _models(self) -> tuple[Model, ...]:
        dialect = self.route.dialect
        data, call = self._answer("GET", self._path(dialect.models_path), read_seconds=_QUESTION_SECONDS)
        models = dialect.models(data)
        if models is None:
            raise not_lm_studio(call, "something that is not a list of models")
        if dialect is LMSTUDIO:
            return tuple(models)
        from lmchat.wire.detection import program_of
        from lmchat.wire.models import with_details

        if self.route.program is None:
            self.route.program = program_of(data, self._ask)
        return with_details(self.route.program.name, tuple(models), self._ask)

    def _manage(self, route: str, body: Mapping[str, Any], *, seconds: float) -> Mapping[str, Any]:
        if not self.route.dialect.manages:
            raise unmanaged()
        try:
            return self._answer("POST", f"{MODELS}/{route}", body, read_seconds=seconds)[0]
        except RefusedError as error:
            if self._finds_dialect(error) and not self.route.dialect.manages:
                raise unmanaged() from error
            raise

    def _path(self, path: str) -> str:
        """Return a route of the dialect where this server has it."""
        return path if self.route.dialect is LMSTUDIO else self.route.prefix + path

    def _ask(self, path: str, body: Data | None = None) -> Data:
        """Ask for a route of any API."""
        return self._answer("GET" if body is None else "POST", path, body, read_seconds=_ASK_SECONDS)[0]

    def _begun(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, read_seconds: float | None = None
    ) -> tuple[Call, Pieces]:
        """Begin an exchange; a server that may move is looked for again where the one that was found is gone.

        For a moment after its end a server is still found. What it was asked is lost with it: nothing is asked twice.
        """
        for left in range(_TRIES, -1, -1):
            address = self.locate() if self.locate else self.address
            call = Call(address, method, path, body, read_seconds=read_seconds, built_in=self.built_in)
            pieces = exchange(call, self.log)
            if self.locate is None:
                break
            try:
                return call, resumed(next(pieces, None), pieces)
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
