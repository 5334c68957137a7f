"""What a server answered, as events or as one JSON object, judged by its type and its body, not only its status.

It must not know how the bytes travelled.
"""

import re
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any

from lmchat.chat.events import (
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
from lmchat.errors import StreamBrokenError
from lmchat.wire.bounds import REPLY_LIMIT, too_large
from lmchat.wire.faults import AGAIN, broken_off, not_lm_studio, refusal, senseless, stream_refusal
from lmchat.wire.http import TICK, Piece
from lmchat.wire.lmstudio.events import event_kind, read_event, read_reply, replay
from lmchat.wire.loose_json import Torn, parse_json
from lmchat.wire.redaction import redact_all
from lmchat.wire.request import Call, Head
from lmchat.wire.sse import Frame

Pieces = Generator[Piece, None, None]
Tap = Callable[[Mapping[str, Any]], None]

_FAULT_GRACE = 5.0
"""Seconds of silence after an `error` event in which the promised `chat.end` may still come."""

_ITEM = 500
"""Characters that an item of a reply counts for besides its own."""

# `[DONE]` and other bare words that some servers send where JSON belongs.
_LONGEST_WORD = 40
_BARE_WORD = re.compile(r"\s*\[?[A-Za-z_ ]*\]?\s*")


def chat_events(pieces: Pieces, call: Call, tap: Tap | None) -> Generator[Event, None, None]:
    """Yield the events of a reply, however the server sends it; `Quiet` stands for each silent moment.

    Raise LmchatError where the server refuses, or breaks off.
    """
    head, body = Head(0), []
    for piece in pieces:
        match piece:
            case None:
                yield Quiet()
            case bytes():
                body.append(piece)
            case Frame():
                pass  # only where events follow
            case Head():
                head = piece
                if head.streams:
                    yield from _streamed(pieces, call, tap)
                    return
    data = json_object(head, b"".join(body), call)
    if "output" not in data:
        raise senseless("a reply", AGAIN)
    if tap is not None:
        tap({"type": "chat.end", "result": data})
    yield from replay(read_reply(data))


def whole_answer(pieces: Pieces) -> tuple[Head, bytes]:
    """Wait for an answer's end and return its head and its body."""
    head, body = Head(0), []
    for piece in pieces:
        if isinstance(piece, Head):
            head = piece
        elif isinstance(piece, bytes):
            body.append(piece)
    return head, b"".join(body)


def json_object(head: Head, body: bytes, call: Call) -> Mapping[str, Any]:
    """Return the JSON object of an answer; raise LmchatError where it refuses (with 200, too) or is none."""
    if not head.good:
        raise refusal(head, body, call)
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
        raise refusal(head, body, call)
    return data


def _streamed(pieces: Pieces, call: Call, tap: Tap | None) -> Generator[Event, None, None]:
    faulted, silent, torn, length = False, 0.0, Torn(), ReplyLength()
    try:
        for frame in pieces:
            if not isinstance(frame, Frame):
                silent += TICK
                if faulted and silent > _FAULT_GRACE:
                    return
                yield Quiet()
                continue
            silent = 0.0
            try:
                event = _event(frame, call, tap, torn)
            except StreamBrokenError:
                # Half an event is better explained by the break that follows it.
                next(pieces, None)
                raise
            size = len(frame.data)
            del frame  # it may be large, and what follows takes its time
            if isinstance(event, Finished):
                # Some servers leave the socket open.
                pieces.close()
                yield event
                return
            if event is not None:
                length.add(event, size)
                faulted = faulted or isinstance(event, Fault)
                yield event
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

    def add(self, event: Event, size: int) -> None:
        """Count one event of `size` characters; raise StreamBrokenError where the reply becomes too long."""
        match event:
            case MessageDelta(text) | ReasoningDelta(text) if type(event) is self.last:
                self.characters += len(text)
            case MessageDelta() | ReasoningDelta() | ToolDone() | ToolFailed() | PartStarted() | PartEnded():
                self.characters += size + _ITEM
            case _:
                return
        self.last = type(event)
        if self.characters > REPLY_LIMIT:
            raise too_large("a reply", REPLY_LIMIT)


def _event(frame: Frame, call: Call, tap: Tap | None, torn: Torn) -> Event | None:
    try:
        data = parse_json(frame.data)
    except ValueError:
        if len(frame.data) <= _LONGEST_WORD and _BARE_WORD.fullmatch(frame.data):
            return None
        raise senseless("an event") from None
    if not isinstance(data, dict):
        return None
    kind = event_kind(frame.name, data)
    data = torn.joined(kind, data, frame.data)
    if kind == "error":
        data = redact_all(data, call.secrets)
    if tap is not None:
        tap(data)
    return Fault(stream_refusal(data, call)) if kind == "error" else read_event(kind, data)
