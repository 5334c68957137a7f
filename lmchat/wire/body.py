"""The body of an answer: without its compression, as events or bytes, and within bounds whatever a server sends.

A million tokens of text are about 5 MB, and the largest thing that an honest server sends is one event or answer that
repeats a whole reply, with what its tools returned. httpx-sse reads the events (PROTOCOL.md section 4).
"""

import codecs
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from lmchat.errors import StreamBrokenError

if TYPE_CHECKING:
    import httpx

PIECE = 64 * 1024
"""Bytes that are decompressed at a time; no larger than what a socket gives at once."""

HEAD_LIMIT = 1024 * 1024
"""Bytes before the end of an answer's head, with all the provisional heads before it."""

EVENT_LIMIT = 16 * 1024 * 1024
"""Bytes of one event of a stream, or of its lines and comments between two events."""

ANSWER_LIMIT = 16 * 1024 * 1024
"""Bytes of one JSON answer, after decompression."""

REFUSAL_LIMIT = 8 * 1024 * 1024
"""Bytes of an error's body that are read: the rest is not waited for, since the status says what it is."""

MOST_CHUNKS, LEAST_CHUNK = 500_000, 8
"""Pieces that a server may cut an answer into, however small; beyond, they have this many bytes on average."""

REPLY_LIMIT = 8 * 1024 * 1024
"""Characters of one reply, all its parts together: more than any model's context."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One event: its name (empty where the server gave none) and its data lines, joined."""

    name: str
    data: str


def too_large(what: str, limit: int) -> StreamBrokenError:
    """Return the error for `what`, which is larger than `limit` (bytes or characters)."""
    return StreamBrokenError(
        f"The server sent {what} of more than {limit // (1024 * 1024)} MB.",
        hint="What came before it is kept. Check that the address is that of a model server.",
    )


def body_parts(
    chunks: Iterable[bytes], encoding: str, *, good: bool, streams: bool
) -> Iterator[Frame] | Iterator[bytes]:
    """Return the events of a body that streams, the bytes of another; of a refusal (not `good`) only the beginning.

    Raise StreamBrokenError where it is larger than its bound, damaged or compressed in an unknown way.
    """
    content = _decompressed(_not_too_fine(chunks), encoding)
    if streams:
        return frames(content)
    return _limited(content, ANSWER_LIMIT, "an answer") if good else _beginning(content, REFUSAL_LIMIT)


def _not_too_fine(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield chunks; raise StreamBrokenError where there is no end of tiny ones, each of which costs time and memory."""
    size = 0
    for count, chunk in enumerate(chunks, 1):
        size += len(chunk)
        if count > MOST_CHUNKS and size < count * LEAST_CHUNK:
            raise StreamBrokenError(
                f"The server sent its answer in more than {MOST_CHUNKS:,} pieces of a few bytes.",
                hint="What came before it is kept. Check that the address is that of a model server.",
            )
        yield chunk


def _beginning(chunks: Iterable[bytes], limit: int) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        yield chunk
        size += len(chunk)
        if size > limit:
            return


def _limited(chunks: Iterable[bytes], limit: int, what: str) -> Iterator[bytes]:
    """Yield chunks; raise StreamBrokenError where they are larger than `limit` together."""
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise too_large(what, limit)
        yield chunk


def _decompressed(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Yield what was sent without its compression, in small pieces: a few bytes may become gigabytes.

    lmchat asks for no compression; gzip and deflate are read all the same. Raise StreamBrokenError for anything else.
    """
    match encoding.strip().lower():
        case "" | "identity":
            yield from chunks
        case "gzip" | "x-gzip" | "deflate":
            yield from _inflated(chunks)
        case _:
            raise StreamBrokenError(
                "The server compressed its answer in a way that lmchat did not ask for.",
                hint="A proxy on the way may do that; name the server itself with --url.",
            )


def _inflated(chunks: Iterable[bytes]) -> Iterator[bytes]:
    decoder: zlib._Decompress | None = None
    try:
        for chunk in chunks:
            if decoder is None and chunk:
                # Some servers send deflate without the header of zlib.
                plain = chunk[0] & 0x0F == zlib.DEFLATED or chunk[0] == 0x1F
                decoder = zlib.decompressobj(zlib.MAX_WBITS | 32 if plain else -zlib.MAX_WBITS)
            rest = chunk
            while decoder is not None and rest and not decoder.eof:
                yield decoder.decompress(rest, PIECE)
                rest = decoder.unconsumed_tail
    except zlib.error as error:
        raise StreamBrokenError("The server sent compressed data that is damaged.", hint="Try again.") from error


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
