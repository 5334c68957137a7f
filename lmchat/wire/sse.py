"""Server-sent events from bytes, with a bound on each; httpx-sse reads them (PROTOCOL.md section 4)."""

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from lmchat.wire.bounds import EVENT_LIMIT, too_large

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True, slots=True)
class Frame:
    """One event: its name (empty where the server gave none) and its data lines, joined."""

    name: str
    data: str


def frames(chunks: Iterable[bytes]) -> Iterator[Frame]:
    """Yield the events of a stream, also a last one without its blank line; comments are passed over.

    An exception of `chunks` is raised after the events that came before it. Raise StreamBrokenError where one event is
    too large.
    """
    from httpx_sse import EventSource

    source = _Source(chunks)
    # EventSource asks no more of a response than these two names.
    for event in EventSource(cast("httpx.Response", source)).iter_sse():
        source.size = 0
        if event.data:
            # An event that has no name is called "message" by httpx-sse, as browsers do.
            yield Frame("" if event.event == "message" else event.event, event.data)


@dataclass(slots=True)
class _Source:
    """What httpx-sse reads from; `size` counts the bytes since the last event."""

    chunks: Iterable[bytes]
    size: int = 0
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "text/event-stream"})

    def iter_text(self) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        broken: Exception | None = None
        try:
            for chunk in self.chunks:
                self.size += len(chunk)
                if self.size > EVENT_LIMIT:
                    break
                yield decoder.decode(chunk)
        except Exception as error:  # noqa: BLE001 - raised below
            broken = error
        if self.size > EVENT_LIMIT:
            raise too_large("an event", EVENT_LIMIT)
        yield decoder.decode(b"", final=True) + "\n\n"
        if broken is not None:
            raise broken
