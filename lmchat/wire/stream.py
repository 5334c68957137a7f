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
from lmchat.dataclass import dataclass, field
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
    stream, silent, length = _Stream(call, reader, tap), 0.0, ReplyLength()
    try:
        for piece in pieces:
            if not isinstance(piece, list):
                silent += TICK
                if stream.faulted and silent > _FAULT_GRACE:
                    return
                yield Quiet()
                continue
            silent = 0.0
            for event in _joined(stream.events(piece)):
                if isinstance(event, Finished):
                    # Some servers leave the socket open.
                    pieces.close()
                    yield event
                    return
                if isinstance(event, LmchatError):
                    _give_up(event, pieces)
                length.add(event)
                yield event
        rest = () if stream.faulted else tuple(reader.end(done=False))
        yield from rest
        if not rest:
            raise broken_off()
    except StreamBrokenError:
        # After a fault the stream may end as it likes: the fault is what matters.
        if not stream.faulted:
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


@dataclass(slots=True)
class _Stream:
    """The events of one stream as they are read; `faulted` says that one of them was an error."""

    call: Call
    reader: ReplyReader
    tap: Tap | None
    torn: TornCharacters = field(default_factory=TornCharacters)
    faulted: bool = False

    def events(self, frames: list[Frame]) -> list[Event | LmchatError]:
        """Return the events of frames that came together, at last what is wrong with a bad one; empty the list."""
        events: list[Event | LmchatError] = []
        try:
            for name, written in frames:
                try:
                    data = parse_json(written)
                except ValueError:
                    events += self._word(written)
                else:
                    if isinstance(data, dict):
                        events += self._event(name, data, written)
                if events and isinstance(events[-1], Finished):
                    break
        except LmchatError as error:
            events.append(error)
        frames.clear()  # they may be large, and what follows takes its time
        return events

    def _word(self, word: str) -> Iterable[Event]:
        """Read what is no JSON: `[DONE]`, or another bare word; after a fault no reply is complete."""
        if word.strip() == _DONE:
            return () if self.faulted else self.reader.end(done=True)
        if len(word) > _LONGEST_WORD or not _BARE_WORD.fullmatch(word):
            raise senseless("an event")
        return ()

    def _event(self, name: str, data: Data, written: str) -> Iterable[Event]:
        """Read an event with its name and the JSON that it was written in."""
        kind = text(data.get("type")) or name or ("error" if "error" in data else "")
        if self.torn.waiting or "\\u" in written:
            data = self.torn.joined(kind, data, written)
        fault = _fault(kind, data)
        if fault is not None:
            data = redact_all(data, self.call.secrets)
            self.faulted = True
        if self.tap is not None:
            self.tap(data)
        if fault is not None:
            return (_refused(_fault(kind, data), self.call),)
        # In one go: what the reader refuses is raised before any of it is passed on.
        return tuple(self.reader.event(kind, data))


def _fault(kind: str, data: Data) -> Data | None:
    """Return the error in an event, None where there is none: it is an event, a member of one, or in a response."""
    if kind == "error":
        return data
    if kind == "response.failed":
        return {"error": mapping(data.get("response")).get("error")}
    if data.get("error"):
        return data
    if "choices" in data:
        for choice in sequence(data["choices"]):
            # OpenRouter: the provider behind it broke off.
            if error := mapping(choice).get("error"):
                return {"error": error}
    return None


def _joined(events: Iterable[Event | LmchatError]) -> Iterator[Event | LmchatError]:
    """Yield events that came together, each run of deltas as one: a server may be faster than what follows."""
    for kind, run in groupby(events, type):
        if kind is MessageDelta:
            yield MessageDelta("".join([event.text for event in run if isinstance(event, MessageDelta)]))
        elif kind is ReasoningDelta:
            yield ReasoningDelta("".join([event.text for event in run if isinstance(event, ReasoningDelta)]))
        else:
            yield from run
