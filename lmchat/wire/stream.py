"""A server's reply as the events of a turn, whether it streams or not.

Some models write their reasoning into the answer, as `<think>…</think>` at its start: it becomes events of reasoning.
"""

import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from enum import Enum
from itertools import groupby
from typing import Any, NoReturn

from lmchat.chat.exchange import (
    Event,
    Fault,
    Finished,
    MessageDelta,
    Part,
    PartEnded,
    PartStarted,
    Quiet,
    ReasoningDelta,
    ToolDone,
    ToolFailed,
)
from lmchat.chat.values import Item, Message, Reasoning
from lmchat.dataclass import dataclass, field, replace
from lmchat.errors import LmchatError, StreamBrokenError
from lmchat.wire.body import Frame, ReplyLength
from lmchat.wire.dialects import Data, ReplyReader
from lmchat.wire.exchange import TICK, Pieces, json_object
from lmchat.wire.faults import AGAIN, broken_off, unreadable, with_nothing_kept
from lmchat.wire.http import Call, Head
from lmchat.wire.reading import TornCharacters, mapping, parse_json, sequence, text
from lmchat.wire.redaction import redact_all

Tap = Callable[[Mapping[str, Any]], None]

_FAULT_GRACE = 5.0
"""Seconds of silence after an `error` event in which the promised `chat.end` may still come."""

_FAILURES = frozenset({"error", "response.failed"})
"""Events that are errors; others may have one."""

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
        raise unreadable("a reply", AGAIN)
    if tap is not None:
        tap(reader.closing(data))
    yield from events


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
        """Read what is not JSON: `[DONE]`, or another bare word; after a fault no reply is complete."""
        if word.strip() == _DONE:
            return () if self.faulted else self.reader.end(done=True)
        if len(word) > _LONGEST_WORD or not _BARE_WORD.fullmatch(word):
            raise unreadable("an event")
        return ()

    def _event(self, name: str, data: Data, written: str) -> Iterable[Event]:
        """Read an event with its name and the JSON that it was written in."""
        kind = text(data.get("type")) or name or ("error" if "error" in data else "")
        if self.torn.waiting or "\\u" in written:
            data = self.torn.joined(kind, data, written)
        fault = _fault(kind, data) if kind in _FAILURES or "error" in data or "choices" in data else None
        if fault is not None:
            data = redact_all(data, self.call.secrets)
            self.faulted = True
        if self.tap is not None:
            self.tap(data)
        if fault is not None:
            from lmchat.wire.refusals import stream_refusal

            return (Fault(stream_refusal(_fault(kind, data), self.call)),)
        # In one go: what the reader refuses is raised before any of it is passed on.
        return tuple(self.reader.event(kind, data))


def _fault(kind: str, data: Data) -> Data | None:
    """Return the error in an event, None where there is none: it is an event, a member of one, or in a response."""
    if kind == "response.failed":
        return {"error": mapping(data.get("response")).get("error")}
    if kind == "error" or data.get("error"):
        return data
    for choice in sequence(data.get("choices")):
        # OpenRouter, where its provider broke off.
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


_OPENING, _CLOSING = "<think>", "</think>"


class _Place(Enum):
    """Where in a text that may begin with reasoning the next characters are."""

    START = "nothing of the answer is known yet"
    THOUGHT = "within the tag"
    GAP = "after the tag, before the first word"
    ANSWER = "in the answer"


@dataclass(slots=True)
class InlineThinking:
    """The reasoning in an answer, event by event; `waiting` may be half a tag."""

    place: _Place = _Place.START
    waiting: str = ""

    def feed(self, event: Event) -> Iterator[Event]:
        """Yield the events that one becomes."""
        match event:
            case MessageDelta(text) if text:
                yield from self._text(text)
            case Finished(reply):
                yield from self.flush()
                items = tuple(part for item in reply.items for part in _split_item(item))
                yield replace(event, reply=replace(reply, items=items))
            case ReasoningDelta():
                self.place = _Place.ANSWER
                yield event
            case _:
                yield event

    def flush(self) -> Iterator[Event]:
        """Yield what was kept back, at the end or where the stream breaks."""
        text, self.waiting = self.waiting, ""
        if text and self.place is not _Place.GAP:
            yield ReasoningDelta(text) if self.place is _Place.THOUGHT else MessageDelta(text)

    def _text(self, text: str) -> Iterator[Event]:
        if self.place is _Place.ANSWER:
            yield MessageDelta(text)
            return
        text, self.waiting = self.waiting + text, ""
        if self.place is _Place.START:
            begun = text.lstrip()
            if not begun.startswith(_OPENING):
                if _OPENING.startswith(begun):
                    self.waiting = text
                else:
                    self.place = _Place.ANSWER
                    yield MessageDelta(text)
                return
            self.place, text = _Place.THOUGHT, begun.removeprefix(_OPENING)
            yield PartStarted(Part.REASONING)
        if self.place is _Place.THOUGHT:
            thought, closed, text = text.partition(_CLOSING)
            if not closed:
                kept = _half_tag(thought)
                thought, self.waiting = thought[: len(thought) - kept], thought[len(thought) - kept :]
            if thought:
                yield ReasoningDelta(thought)
            if not closed:
                return
            self.place = _Place.GAP
            yield from (PartEnded(Part.REASONING), PartStarted(Part.MESSAGE))
        if text := text.lstrip("\r\n "):
            self.place = _Place.ANSWER
            yield MessageDelta(text)


def _split_item(item: Item) -> tuple[Item, ...]:
    """Return a message that begins with reasoning as two items, anything else as it is."""
    if not isinstance(item, Message) or not item.text.lstrip().startswith(_OPENING):
        return (item,)
    thought, closed, rest = item.text.lstrip().removeprefix(_OPENING).partition(_CLOSING)
    answer = rest.lstrip("\r\n ")
    return (Reasoning(thought), *([Message(answer)] if closed and answer else []))


def _half_tag(text: str) -> int:
    """Return how many characters at the end of a text may begin the closing tag."""
    lengths = range(min(len(_CLOSING) - 1, len(text)), 0, -1)
    return next((length for length in lengths if text.endswith(_CLOSING[:length])), 0)
