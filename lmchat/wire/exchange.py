"""One HTTP exchange whose reader never blocks the caller: Ctrl-C works at once, and a screen can be updated.

A thread of its own does the waiting; the caller takes from a bounded queue, so that a slow caller slows the server down
by way of TCP.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from itertools import chain
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic
from typing import Any

from lmchat.dataclass import dataclass, field
from lmchat.errors import LmchatError, ServerError
from lmchat.wire.body import PIECE, Frame, body_parts
from lmchat.wire.faults import AGAIN, broken_off, connection_fault, no_http, not_lm_studio, unconnected, unreadable
from lmchat.wire.http import MODELS, Call, Connection, Head, answered
from lmchat.wire.reading import json_bytes, parse_json
from lmchat.wire.redaction import HIDDEN, redact

TICK = 0.1
"""Seconds of silence after which the caller gets a turn."""

_REFUSAL_SECONDS = 5.0
"""How long after its head the body of a refusal is waited for."""

_ROOM = 8
"""Pieces of up to 64 KB that may wait for the caller; a larger one takes the room of several."""

_LONGEST_TYPE, _LONGEST_TEXT = 100, 80
"""Characters of a content type and of a text in the debug log."""

Piece = Head | list[Frame] | bytes
Pieces = Generator[Piece | None, None, None]
Log = Callable[[str], None]


def exchange(call: Call, log: Log | None = None) -> Generator[Piece | None, None, None]:
    """Send one request; yield the head of the answer, then what comes, and None after each silent moment.

    What comes are the events of a stream, those that came together in a list (which the caller may empty), or else the
    bytes of a body.

    Closing it closes the connection, however far the exchange is. Each exchange has a connection of its own:
    a kept one may be dead (PROTOCOL.md section 1), and a chat must not be sent twice.
    Raise ServerError where the server cannot be reached or breaks off.
    """
    channel = _Channel(call.content)
    reader = Thread(target=_read, args=(call, channel), name="lmchat-wire", daemon=True)
    report = _Report(log)
    report.add(lambda: described(call))
    try:
        reader.start()
        yield from _pieces(call, channel, report)
    finally:
        try:
            channel.close()
        finally:
            # A second Ctrl-C may have come before the first try did anything.
            channel.close()
        report.add(lambda: f"{channel.received} bytes in {report.seconds:.3f} s")
        if channel.connection.sock is not None:
            # Not while it connects: nothing can cut that short, and it ends by itself.
            reader.join(timeout=1)


def _pieces(call: Call, channel: "_Channel", report: "_Report") -> Generator[Piece | None, None, None]:
    head: Head | None = None
    refused_at = float("inf")
    while True:
        # Whatever becomes of its words, a refusal's status says what it is.
        if report.seconds > refused_at + _REFUSAL_SECONDS:
            return
        try:
            piece = channel.take(TICK)
        except Empty:
            # Looking up a name knows no timeout, and each of a host's addresses has one of its own.
            if channel.connection.sock is None and report.seconds > 2 * call.connect_seconds:
                raise unconnected(call) from None
            yield None
            continue
        match piece:
            case None:
                return
            case Exception():
                fault = _fault(piece, call, channel.connection, headed=head is not None)
                if head is not None and not head.good and isinstance(fault, LmchatError):
                    return
                if fault is piece:
                    raise piece
                raise fault from piece
            case Head():
                head = piece
                refused_at = report.seconds if not head.good else refused_at
                report.add(_head_words(piece, report, call.secrets))
            case _:
                pass
        yield piece


def _fault(error: Exception, call: Call, connection: Connection, *, headed: bool) -> Exception:
    """Return the error for what ended the reading: the exception itself where it is no failure of the network."""
    if isinstance(error, LmchatError):
        return error
    return connection_fault(error, call, connection, lambda: _speaks_http(call), headed=headed) or error


def _speaks_http(call: Call) -> bool:
    """Tell, by a question that changes nothing, whether what closed a connection without an answer speaks HTTP."""
    asked = Call(call.address, "GET", MODELS, connect_seconds=1.0, read_seconds=2.0)
    try:
        with closing(exchange(asked)) as pieces:
            return any(isinstance(piece, Head) for piece in pieces)
    except ServerError as error:
        return error.message != no_http(asked).message


def _head_words(head: Head, report: "_Report", secrets: tuple[str, ...]) -> Callable[[], str]:
    return lambda: f"{head.status} {redact(head.content_type, secrets)[:_LONGEST_TYPE]} after {report.seconds:.3f} s"


@dataclass(slots=True)
class _Channel:
    """What the two threads share: what was read, and the connection, by which the caller can stop the reading."""

    content: bytes | None
    # Queues in C: no Ctrl-C leaves a lock of theirs closed.
    queue: "SimpleQueue[tuple[Piece | Exception | None, int]]" = field(default_factory=SimpleQueue)
    room: SimpleQueue[None] = field(default_factory=SimpleQueue)
    connection: Connection = field(default_factory=Connection)
    received: int = 0
    ended: bool = False

    def __post_init__(self) -> None:
        """Make all the room there is."""
        self._give(_ROOM)

    def put(self, piece: Piece) -> None:
        """Hand what came to the caller as soon as there is room for it."""
        weight = _weight(piece)
        for _ in range(weight):
            if not self.ended:
                self.room.get()
        self.queue.put((piece, weight))

    def end(self, error: Exception | None) -> None:
        """Tell the caller that nothing more comes, and what went wrong, if anything."""
        self.queue.put((error, 0))

    def take(self, seconds: float) -> "Piece | Exception | None":
        """Take what came next, None at the end; raise Empty after so much silence."""
        piece, weight = self.queue.get(timeout=seconds)
        self._give(weight)
        return piece

    def close(self) -> None:
        """End the reading at once; it may be called again."""
        self.ended = True
        self._give(_ROOM)
        self.connection.close()

    def _give(self, weight: int) -> None:
        for _ in range(weight):
            self.room.put(None)


def _weight(piece: Piece) -> int:
    """Return how much of the queue's room a piece takes."""
    match piece:
        case Head():
            size = 0
        case bytes():
            size = len(piece)
        case list():
            size = sum(map(len, chain.from_iterable(piece)))
    return min(1 + size // PIECE, _ROOM)


@dataclass(slots=True)
class _Report:
    """The lines of one exchange in the debug log."""

    log: Log | None
    since: float = field(default_factory=monotonic)

    @property
    def seconds(self) -> float:
        return monotonic() - self.since

    def add(self, text: Callable[[], str]) -> None:
        if self.log is not None:
            self.log(text())


def _read(call: Call, channel: _Channel) -> None:
    """Do the exchange and put all that comes into the queue, at last None or what went wrong."""
    try:
        with answered(call, channel.content, channel.connection) as (head, chunks):
            channel.put(head)
            for piece in body_parts(_counted(chunks, channel), head.encoding, good=head.good, streams=head.streams):
                channel.put(piece)
                if channel.ended:
                    break
        channel.end(None)
    except Exception as error:  # noqa: BLE001 - whatever it is, the caller's thread raises it
        channel.end(error)


def _counted(chunks: Iterator[bytes], channel: _Channel) -> Iterator[bytes]:
    for chunk in chunks:
        channel.received += len(chunk)
        yield chunk


def whole_answer(pieces: Iterable[Piece | None]) -> tuple[Head, bytes]:
    """Wait for an answer's end and return its head and its body."""
    head, body = Head(0), bytearray()
    for piece in pieces:
        if isinstance(piece, Head):
            head = piece
        elif isinstance(piece, bytes):
            body += piece
    return head, bytes(body)


def resumed(first: Piece | None, rest: Pieces) -> Pieces:
    """Yield a first piece and the rest; closing it closes the rest."""
    with closing(rest):
        yield first
        yield from rest


def json_object(head: Head, body: bytes, call: Call) -> Mapping[str, Any]:
    """Return the JSON object of an answer; raise LmchatError where it refuses (with 200, too) or is none."""
    if not head.good:
        raise _refusal(head, body, call)
    content = body.decode("utf-8-sig", errors="replace")
    try:
        data = parse_json(content)
    except ValueError:
        if content.lstrip().startswith("<"):
            raise not_lm_studio(call, "a web page") from None
        raise (unreadable("an answer", AGAIN) if content.strip() else broken_off(AGAIN)) from None
    if not isinstance(data, dict):
        raise unreadable("an answer", AGAIN)
    if data.get("error"):
        raise _refusal(head, body, call)
    return data


def _refusal(head: Head, body: bytes, call: Call) -> LmchatError:
    from lmchat.wire.refusals import refusal

    return refusal(head, body, call)


def described(call: Call) -> str:
    """Describe a call for the debug log, long texts and secrets left out."""
    if call.body is None:
        return f"{call.method} {call.url}"
    shown = json_bytes(_shortened(call.body)).decode()
    return redact(f"{call.method} {call.url} {shown}", call.secrets)


def _shortened(value: Any, name: str = "") -> Any:
    match value:
        case dict() if name == "headers":
            return dict.fromkeys(value, HIDDEN)
        case dict():
            return {key: _shortened(each, key) for key, each in value.items()}
        case list():
            return [_shortened(each) for each in value]
        case str() if name == "server_url":
            # A key often travels in the query.
            return value.partition("?")[0]
        case str() if len(value) > _LONGEST_TEXT:
            return f"{value[:_LONGEST_TEXT]}… ({len(value)} characters)"
        case _:
            return value
