"""The body of an answer, decompressed, as events or bytes, and within bounds whatever a server sends.

A million tokens of text are about 5 MB, and the largest thing that an honest server sends is one event or answer that
repeats a whole reply, with what its tools returned. Events are read here (PROTOCOL.md section 4), since httpx-sse takes
three times as long for 60,000 of them.
"""

import codecs
import zlib
from collections.abc import Iterable, Iterator

from lmchat.chat.exchange import Event, MessageDelta, PartEnded, PartStarted, ReasoningDelta, ToolDone, ToolFailed
from lmchat.dataclass import dataclass, field
from lmchat.errors import StreamBrokenError

PIECE = 64 * 1024
"""Bytes that are decompressed at a time, and that are read from a socket at a time."""

HEAD_LIMIT = 1024 * 1024
"""Bytes before the end of an answer's head, with all the provisional heads before it."""

EVENT_LIMIT = 16 * 1024 * 1024
"""Bytes of one event of a stream, or of its lines and comments between two events."""

ANSWER_LIMIT = 16 * 1024 * 1024
"""Bytes of one JSON answer, after decompression."""

REFUSAL_LIMIT = 8 * 1024 * 1024
"""Bytes of an error's body that are read: the rest is not waited for, since the status says what it is."""

MOST_CHUNKS, LEAST_CHUNK = 500_000, 8
"""Pieces of any size that a server may cut an answer into; if there are more, their average must be this many bytes."""

REPLY_LIMIT = 8 * 1024 * 1024
"""Characters of one reply, all its parts together: more than any model's context."""

_ITEM = 500
"""Characters that an item of a reply counts for besides its own."""

Frame = tuple[str, str]
"""One event: its name (empty where the server gave none) and its data lines, joined."""


def _too_large(what: str, limit: int) -> StreamBrokenError:
    """Return the error for `what`, which is larger than `limit` (bytes or characters)."""
    return StreamBrokenError(
        f"The server sent {what} of more than {limit // (1024 * 1024)} MB.",
        hint="What came before is kept. Check that the address is that of a model server.",
    )


@dataclass(slots=True)
class ReplyLength:
    """The length of a reply so far, in characters."""

    characters: int = 0
    last: type[Event] | None = None

    def add(self, event: Event) -> None:
        """Count one event; raise StreamBrokenError where the reply becomes too long."""
        match event:
            case MessageDelta(text) | ReasoningDelta(text):
                self.characters += len(text) + (0 if type(event) is self.last else _ITEM)
            case ToolDone(call):
                self.characters += len(call.output) + len(str(call.arguments)) + _ITEM
            case ToolFailed(call):
                self.characters += len(call.reason) + len(str(call.arguments)) + _ITEM
            case PartStarted() | PartEnded():
                self.characters += _ITEM
            case _:
                return
        self.last = type(event)
        if self.characters > REPLY_LIMIT:
            raise _too_large("a reply", REPLY_LIMIT)


def body_parts(
    chunks: Iterable[bytes], encoding: str, *, good: bool, streams: bool
) -> Iterator[list[Frame]] | Iterator[bytes]:
    """Return the events of a body that streams, or the bytes of another; of a refusal (not `good`) only the beginning.

    Raise StreamBrokenError where it is larger than its bound, damaged or compressed in an unknown way.
    """
    content = _decompressed(_not_too_fine(chunks), encoding)
    if streams:
        return frames(content)
    return _limited(content, ANSWER_LIMIT, "an answer") if good else _beginning(content, REFUSAL_LIMIT)


def _not_too_fine(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield chunks; raise StreamBrokenError for too many tiny ones, each of which costs time and memory."""
    size = 0
    for count, chunk in enumerate(chunks, 1):
        size += len(chunk)
        if count > MOST_CHUNKS and size < count * LEAST_CHUNK:
            raise StreamBrokenError(
                f"The server sent its answer in more than {MOST_CHUNKS:,} pieces of a few bytes.",
                hint="What came before is kept. Check that the address is that of a model server.",
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
            raise _too_large(what, limit)
        yield chunk


def _decompressed(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Yield the chunks decompressed, in small pieces: a few bytes may become gigabytes.

    lmchat asks for no compression; gzip and deflate are read all the same. Raise StreamBrokenError for anything else.
    """
    match encoding.strip().lower():
        case "" | "identity":
            yield from chunks
        case "gzip" | "x-gzip" | "deflate":
            yield from _inflated(chunks)
        case _:
            raise StreamBrokenError(
                "The server compressed its answer in a way that lmchat does not read.",
                hint="A proxy may have done that: name the server itself with --url.",
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


def frames(chunks: Iterable[bytes]) -> Iterator[list[Frame]]:
    """Yield the events of a stream, all that a chunk completes at once; a last one may lack its blank line.

    An exception of `chunks` is raised after the events that came before it. Raise StreamBrokenError where one event is
    too large.
    """
    decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
    coming = _Coming()
    broken: Exception | None = None
    try:
        for chunk in chunks:
            if found := coming.events(decoder.decode(chunk)):
                yield found
            if coming.size > EVENT_LIMIT:
                break
    except Exception as error:  # noqa: BLE001 - raised below
        broken = error
    if coming.size > EVENT_LIMIT:
        raise _too_large("an event", EVENT_LIMIT)
    if found := coming.events(decoder.decode(b"", final=True) + "\n\n"):
        yield found
    if broken is not None:
        raise broken


_END = "\n\n"


@dataclass(slots=True)
class _Coming:
    """The beginning of an event that is not complete, `size` characters."""

    parts: list[str] = field(default_factory=list)
    size: int = 0
    half_end: str = ""

    def events(self, text: str) -> list[Frame]:
        """Return the events that `text` completes."""
        text = self.half_end + text
        # "\r" may be the first half of "\r\n".
        self.half_end = "\r" if text.endswith("\r") else ""
        if "\r" in text:
            text = text.removesuffix("\r").replace("\r\n", "\n").replace("\r", "\n")
        if not text:
            return []
        complete = text.startswith("\n") and bool(self.parts) and self.parts[-1].endswith("\n")
        self.parts.append(text)
        self.size += len(text)
        if not complete and _END not in text:
            return []
        text = "".join(self.parts)
        self.parts.clear()  # it may be large, and so may each of the next steps
        text, _, rest = text.rpartition(_END)
        if rest:
            self.parts.append(rest)
        self.size = len(rest)
        return [each for each in map(_event, text.split(_END)) if each[1]]


def _event(text: str) -> Frame:
    """Read the lines of one event, without comments and what only browsers need."""
    name, data = "", []
    for line in text.split("\n"):
        field, _, value = line.partition(":")
        if field == "data":
            data.append(value.removeprefix(" "))
        elif field == "event":
            name = value.removeprefix(" ")
    # That is the name of an event without one.
    return "" if name == "message" else name, "\n".join(data)
