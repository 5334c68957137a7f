"""What a server answered, as events or as one JSON object, judged by its type and its body, not only its status."""

import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from itertools import groupby
from typing import Any, NoReturn

from lmchat.chat.exchange import (
    Event,
    Fault,
    Finished,
    MessageDelta,
    PartEnded,
    PartStarted,
    Quiet,
    ReasoningDelta,
    ToolDone,
    ToolFailed,
)
from lmchat.dataclass import dataclass
from lmchat.errors import LmchatError, StreamBrokenError
from lmchat.wire.body import REPLY_LIMIT, Frame, too_large
from lmchat.wire.dialect import Data, ReplyReader
from lmchat.wire.faults import AGAIN, broken_off, not_lm_studio, senseless, with_nothing_kept
from lmchat.wire.http import TICK, Piece
from lmchat.wire.loose_json import TornCharacters, mapping, parse_json, sequence, text
from lmchat.wire.redaction import redact_all
from lmchat.wire.request import Call, Head
from lmchat.wire.thinking import InlineThinking

Pieces = Generator[Piece | None, None, None]
Tap = Callable[[Mapping[str, Any]], None]

_FAULT_GRACE = 5.0
"""Seconds of silence after an `error` event in which the promised `chat.end` may still come."""

_ITEM = 500
"""Characters that an item of a reply counts for besides its own."""

# Bare words that some servers send where JSON belongs.
_LONGEST_WORD = 40
_DONE = "[DONE]"
_BARE_WORD = re.compile(r"\s*\[?[A-Za-z_ ]*\]?\s*")


def chat_events(pieces: Pieces, call: Call, reader: ReplyReader, tap: Tap | None) -> Generator[Event, None, None]:
    """Yield the events of a reply, however the server sends it; `Quiet` for each silent moment.

    Raise LmchatError where the server refuses, or breaks off.
    """
    thinking, came = InlineThinking(), False
    try:
        for event in _answered(pieces, call, reader, tap):
            came = came or isinstance(event, MessageDelta | ReasoningDelta | ToolDone | ToolFailed)
            yield from thinking.feed(event)
    except LmchatError as error:
        yield from thinking.flush()
        if isinstance(error, StreamBrokenError) and not came:
            raise with_nothing_kept(error, call) from error
        raise


def _answered(pieces: Pieces, call: Call, reader: ReplyReader, tap: Tap | None) -> Iterator[Event]:
    head, body = Head(0), bytearray()
    for piece in pieces:
        match piece:
            case None:
                yield Quiet()
            case bytes():
                body += piece
            case list():
                pass  # only where events follow
            case Head():
                head = piece
                if head.streams:
                    yield from _streamed(pieces, call, reader, tap)
                    return
    data = json_object(head, bytes(body), call)
    events = list(reader.whole(data))
    if not events:
        raise senseless("a reply", AGAIN)
    if tap is not None:
        tap(reader.closing(data))
    yield from events


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
        raise (senseless("an answer", AGAIN) if content.strip() else broken_off(AGAIN)) from None
    if not isinstance(data, dict):
        raise senseless("an answer", AGAIN)
    if data.get("error"):
        raise _refusal(head, body, call)
    return data


def _refusal(head: Head, body: bytes, call: Call) -> LmchatError:
    from lmchat.wire.refusals import refusal

    return refusal(head, body, call)


def _refused(data: object, call: Call) -> Fault:
    from lmchat.wire.refusals import stream_refusal

    return Fault(stream_refusal(data, call))


def _streamed(pieces: Pieces, call: Call, reader: ReplyReader, tap: Tap | None) -> Iterator[Event]:
    faulted, silent, torn, length = False, 0.0, TornCharacters(), ReplyLength()
    try:
        for piece in pieces:
            if not isinstance(piece, list):
                silent += TICK
                if faulted and silent > _FAULT_GRACE:
                    return
                yield Quiet()
                continue
            silent = 0.0
            for event in _joined(_together(piece, call, reader, tap, torn, faulted=faulted)):
                if isinstance(event, Finished):
                    # Some servers leave the socket open.
                    pieces.close()
                    yield event
                    return
                if isinstance(event, LmchatError):
                    _give_up(event, pieces)
                length.add(event)
                faulted = faulted or isinstance(event, Fault)
                yield event
        rest = () if faulted else tuple(reader.end(done=False))
        yield from rest
        if not rest:
            raise broken_off()
    except StreamBrokenError:
        # After a fault the stream may end as it likes: the fault is what matters.
        if not faulted:
            raise


@dataclass(slots=True)
class ReplyLength:
    """How much a reply has grown to, in characters."""

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
            raise too_large("a reply", REPLY_LIMIT)


def _give_up(error: LmchatError, pieces: Pieces) -> NoReturn:
    """Raise what is wrong with an event; half an event is better explained by the break that follows it."""
    if isinstance(error, StreamBrokenError):
        next(pieces, None)
    raise error


def _together(
    frames: list[Frame], call: Call, reader: ReplyReader, tap: Tap | None, torn: TornCharacters, *, faulted: bool
) -> list[Event | LmchatError]:
    """Return the events of frames that came together, at last what is wrong with the first bad one; empty the list."""
    events: list[Event | LmchatError] = []
    try:
        for frame in frames:
            if _ends(frame):
                events += _done(reader, faulted=faulted)
            else:
                events += _events(frame, call, reader, tap, torn)
            if events and isinstance(events[-1], Finished):
                break
            faulted = faulted or (bool(events) and isinstance(events[-1], Fault))
    except LmchatError as error:
        events.append(error)
    frames.clear()  # they may be large, and what follows takes its time
    return events


def _joined(events: Iterable[Event | LmchatError]) -> Iterator[Event | LmchatError]:
    """Yield events that came together, each run of deltas as one: a server may be faster than what follows."""
    for kind, run in groupby(events, type):
        if kind is MessageDelta:
            yield MessageDelta("".join([event.text for event in run if isinstance(event, MessageDelta)]))
        elif kind is ReasoningDelta:
            yield ReasoningDelta("".join([event.text for event in run if isinstance(event, ReasoningDelta)]))
        else:
            yield from run


def _events(frame: Frame, call: Call, reader: ReplyReader, tap: Tap | None, torn: TornCharacters) -> Iterable[Event]:
    name, written = frame
    try:
        data = parse_json(written)
    except ValueError:
        if len(written) > _LONGEST_WORD or not _BARE_WORD.fullmatch(written):
            raise senseless("an event") from None
        return ()
    if not isinstance(data, dict):
        return ()
    kind = text(data.get("type")) or name or ("error" if "error" in data else "")
    data = torn.joined(kind, data, written)
    fault = _fault(kind, data)
    if fault is not None:
        data = redact_all(data, call.secrets)
    if tap is not None:
        tap(data)
    # In one go: what the reader refuses is raised before any of it is passed on.
    return tuple(reader.event(kind, data)) if fault is None else (_refused(_fault(kind, data), call),)


def _ends(frame: Frame) -> bool:
    return frame[1].strip() == _DONE


def _done(reader: ReplyReader, *, faulted: bool) -> Iterable[Event]:
    """Return what is left at a stream's `[DONE]`; after a fault no reply is complete."""
    return () if faulted else reader.end(done=True)


def _fault(kind: str, data: Data) -> Data | None:
    """Return the error in an event, None where there is none: it is an event, a member of one, or in a response."""
    if kind == "error":
        return data
    if kind == "response.failed":
        return {"error": mapping(data.get("response")).get("error")}
    if data.get("error"):
        return data
    # OpenRouter: the provider behind it broke off.
    errors = (mapping(choice).get("error") for choice in sequence(data.get("choices")))
    return next(({"error": error} for error in errors if error), None)
