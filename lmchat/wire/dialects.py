"""The APIs that servers have, the programs that differ from others, and what is known of one server.

A dialect is one API; the setting `api` names it. Its code is loaded when it is first used: a turn needs that of one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any, Protocol

from lmchat.chat.exchange import ChatRequest, Event
from lmchat.chat.models import Model
from lmchat.chat.values import Options, ResponseId
from lmchat.dataclass import dataclass, field, replace
from lmchat.errors import BadUseError, ChainLostError
from lmchat.wire.http import CHAT, MODELS

Data = Mapping[str, Any]

Ask = Callable[[str, Data | None], Data]
"""A function that asks for a route (GET, or POST with a body) and raises LmchatError where that is refused."""


class ReplyReader(Protocol):
    """The reader of one reply; it keeps what the events of that reply need of each other."""

    def event(self, kind: str, data: Data) -> Iterable[Event]:
        """Return the events that one event of the stream means; `kind` is its type, empty where it has none."""
        ...

    def end(self, *, done: bool) -> Iterator[Event]:
        """Yield what is left at the end of the stream, or (`done`) at its `[DONE]`: the reply, if it is complete."""
        ...

    def whole(self, data: Data) -> Iterator[Event]:
        """Yield the events of a reply that came as one JSON answer; none where it is not a reply."""
        ...

    def closing(self, data: Data) -> Data:
        """Return one JSON answer as the event that would have ended a stream, for those who want raw events."""
        ...


class Write(Protocol):
    """A function that writes a request."""

    def __call__(self, request: ChatRequest, *, stream: bool) -> dict[str, Any]:
        """Return the JSON object; raise BadUseError for what the API does not have."""
        ...


@dataclass(frozen=True, slots=True)
class Dialect:
    """One server API.

    `keeps` says whether its servers may keep conversations, `manages` whether they load, unload and download models.
    `schemas` says whether a reply can be bound to a schema.
    `models` reads a list of models, and gives None where it is none.
    """

    name: str
    keeps: bool
    manages: bool
    chat_path: str
    models_path: str
    body: Write
    reader: Callable[[ChatRequest], ReplyReader]
    models: Callable[[Data], Sequence[Model] | None]
    schemas: bool = True


def _of(module: str, name: str) -> Callable[..., Any]:
    """Return a function that loads the one of that name when it is first called."""

    def call(*given: Any, **more: Any) -> Any:
        return getattr(import_module(f"lmchat.wire.{module}"), name)(*given, **more)

    return call


LMSTUDIO = Dialect(
    name="lmstudio",
    keeps=True,
    manages=True,
    chat_path=CHAT,
    models_path=MODELS,
    body=_of("lmstudio.chat", "native_body"),
    reader=_of("lmstudio.chat", "NativeReader"),
    models=_of("models", "native_models"),
    schemas=False,
)
RESPONSES = Dialect(
    name="responses",
    keeps=True,
    manages=False,
    chat_path="/v1/responses",
    models_path="/v1/models",
    body=_of("openai", "responses_body"),
    reader=_of("openai", "ResponseReader"),
    models=_of("models", "openai_models"),
)
COMPLETIONS = Dialect(
    name="completions",
    keeps=False,
    manages=False,
    chat_path="/v1/chat/completions",
    models_path="/v1/models",
    body=_of("openai", "completions_body"),
    reader=_of("openai", "CompletionReader"),
    models=_of("models", "openai_models"),
)
DIALECTS: Mapping[str, Dialect] = {each.name: each for each in (LMSTUDIO, RESPONSES, COMPLETIONS)}


Names = Mapping[str, str | None]
"""Options by lmchat's names, with the program's own; None: it silently drops this option."""


@dataclass(frozen=True, slots=True)
class Program:
    """One server program; `options` says by dialect which options differ there.

    `chains` is False where an id must not be followed on the stateful route, even if the server accepts it.
    """

    name: str
    options: Mapping[str, Names] = field(default_factory=dict)
    chains: bool = True


_PENALTY: Names = {"repeat_penalty": "repetition_penalty"}
_OLLAMA: Names = {"top_k": None, "min_p": None, "repeat_penalty": None}

UNKNOWN = Program("")
LM_STUDIO = Program("LM Studio")
LLAMA_SERVER = Program("llama-server", chains=False)
OLLAMA = Program("Ollama", {"completions": _OLLAMA, "responses": {**_OLLAMA, "presence_penalty": None}}, chains=False)
VLLM = Program("vLLM", {"completions": _PENALTY, "responses": {**_PENALTY, "min_p": None}})
# Its store replaces earlier answers by the instructions.
SGLANG = Program("SGLang", {"completions": _PENALTY}, chains=False)
LITELLM = Program("LiteLLM")
OPENROUTER = Program("OpenRouter", {"completions": _PENALTY, "responses": _PENALTY}, chains=False)

PROGRAMS: Mapping[str, Program] = {
    each.name: each for each in (UNKNOWN, LM_STUDIO, LLAMA_SERVER, OLLAMA, VLLM, SGLANG, LITELLM, OPENROUTER)
}

DIFFERING = frozenset(name for program in PROGRAMS.values() for names in program.options.values() for name in names)
"""The options for which it matters which program answers."""


def adapted(request: ChatRequest, program: Program, dialect: str) -> ChatRequest:
    """Return a request with its options by the program's names; raise BadUseError for one that it would drop."""
    names = program.options.get(dialect, {})
    given = request.options.given()
    dropped = [name for name in given if names.get(name, name) is None]
    if dropped:
        raise BadUseError(
            f"{program.name} has no option {' or '.join(repr(name) for name in dropped)} on this route, "
            "and would silently ignore it.",
            hint="Leave it out for this server.",
        )
    return replace(request, options=Options(**{names.get(name) or name: value for name, value in given.items()}))


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out about a server: its API by the dialect's name, and whether it keeps conversations.

    `prefix` is what the OpenAI-style routes begin with (usually nothing), `program` the program's name, empty for one
    that does not differ from others.
    """

    api: str
    keeps: bool
    prefix: str = ""
    program: str = ""


NOT_KNOWN = "?"
"""Written in place of a program that nothing is known of yet."""


@dataclass(slots=True)
class Route:
    """What is known of one server; what is not `settled` may be learned from its answers, and is passed to `learned`.

    `program` is None where nothing is known of it yet, `prefix` what the routes of the OpenAI-style dialects begin
    with, `given` the last id that the server gave.
    """

    dialect: Dialect = LMSTUDIO
    keeps: bool = True
    settled: bool = True
    learned: Callable[[Finding], None] | None = None
    prefix: str = ""
    program: Program | None = UNKNOWN
    given: ResponseId | None = None

    @classmethod
    def of(cls, finding: Finding, learned: Callable[[Finding], None] | None = None) -> "Route":
        """Return the route to a server of which this was found out."""
        return cls(
            DIALECTS[finding.api],
            finding.keeps,
            learned=learned,
            prefix=finding.prefix,
            program=PROGRAMS.get(finding.program),
        )

    def learn(self, dialect: Dialect, *, keeps: bool) -> None:
        """Note what an answer has shown, and pass it on to be remembered."""
        self.dialect, self.keeps, self.settled = dialect, keeps, True
        if self.learned is not None:
            self.learned(Finding(dialect.name, keeps, self.prefix, self.program.name if self.program else NOT_KNOWN))


def stateless() -> ChainLostError:
    """Return the error for an id on a server that keeps nothing."""
    return ChainLostError("This server keeps no conversations.", param="previous_response_id")


def unmanaged() -> BadUseError:
    """Return the error for what only LM Studio's own API can do with models."""
    return BadUseError(
        "This server cannot load, unload or download models.", hint="LM Studio can; here the program that runs it does."
    )
