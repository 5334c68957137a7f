"""What a dialect is: one server API's way to write a request and to read its reply."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from lmchat.chat.exchange import ChatRequest, Event
from lmchat.chat.models import Model
from lmchat.dataclass import dataclass

Data = Mapping[str, Any]

Ask = Callable[[str, Data | None], Data]
"""Asks for a route (GET, or POST with a body) and raises LmchatError where that is refused."""


class ReplyReader(Protocol):
    """The reader of one reply; it keeps what the events of that reply need of each other."""

    def event(self, kind: str, data: Data) -> Iterable[Event]:
        """Return the events of one event of the stream; `kind` is its type, empty where it has none."""
        ...

    def end(self, *, done: bool) -> Iterator[Event]:
        """Yield what is left at the end of the stream, or (`done`) at its `[DONE]`: the reply, if it is complete."""
        ...

    def whole(self, data: Data) -> Iterator[Event]:
        """Yield the events of a reply that came as one JSON answer; none where it is no reply."""
        ...

    def closing(self, data: Data) -> Data:
        """Return one JSON answer as the event that would have ended a stream, for those who want raw events."""
        ...


class Write(Protocol):
    """What writes a request."""

    def __call__(self, request: ChatRequest, *, stream: bool) -> dict[str, Any]:
        """Return the JSON object; raise BadUseError for what the API has not."""
        ...


@dataclass(frozen=True, slots=True)
class Dialect:
    """One server API.

    `keeps` says whether its servers may keep conversations, `manages` whether they load, unload and download models.
    `schemas` says whether a reply can be bound to a form.
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


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out of a server: its API by the dialect's name, and whether it keeps conversations.

    `prefix` is what the OpenAI-style routes begin with where that is not nothing, `program` the program's name, empty
    where it is none that differs from others.
    """

    api: str
    keeps: bool
    prefix: str = ""
    program: str = ""
