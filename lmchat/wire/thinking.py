"""Reasoning that a model writes into its answer: `<think>…</think>` at the start of a text, however it is cut."""

from collections.abc import Iterator
from enum import Enum

from lmchat.chat.exchange import Event, Finished, MessageDelta, Part, PartEnded, PartStarted, ReasoningDelta
from lmchat.chat.values import Item, Message, Reasoning
from lmchat.dataclass import dataclass, replace

_OPENING, _CLOSING = "<think>", "</think>"


class _Place(Enum):
    START = "nothing of the answer is known yet"
    THOUGHT = "within the tag"
    GAP = "after the tag, before the first word"
    ANSWER = "in the answer"


@dataclass(slots=True)
class InlineThinking:
    """Turn such a text into reasoning and message, event by event; what may be half a tag is kept back."""

    place: _Place = _Place.START
    waiting: str = ""

    def feed(self, event: Event) -> Iterator[Event]:
        """Yield the events that one becomes."""
        match event:
            case MessageDelta(text) if text:
                yield from self._text(text)
            case Finished(reply):
                yield from self.flush()
                items = tuple(part for item in reply.items for part in split_item(item))
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


def split_item(item: Item) -> tuple[Item, ...]:
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
