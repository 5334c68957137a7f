"""Server-sent events from bytes, however they are cut (PROTOCOL.md section 4).

Takes time linear in the bytes. It must not know what the events mean, nor that their data is JSON.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

# Bytes, not text: in UTF-8 no other character holds these bytes, and U+2028 or U+0085 must not end a line.
_LINE_END = re.compile(rb"\r\n|\r|\n")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Frame:
    """Hold one event: its name (empty where the server gave none) and its data lines, joined."""

    name: str
    data: str


@dataclass(slots=True)
class FrameReader:
    """Put frames together from chunks of bytes."""

    _rest: bytearray = field(default_factory=bytearray)
    _after_return: bool = False
    _at_start: bool = True
    _name: str = ""
    _data: list[bytes] = field(default_factory=list)

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """Take in the next bytes and yield the frames they complete; the iterator must be used up."""
        if self._after_return and chunk:
            chunk = chunk.removeprefix(b"\n")
            self._after_return = False
        self._after_return = self._after_return or chunk.endswith(b"\r")
        *lines, rest = _LINE_END.split(chunk)
        for line in lines:
            self._rest += line
            yield from self._line(self._taken())
        self._rest += rest

    def end(self) -> Iterator[Frame]:
        """Yield the frame that was left without its blank line, if there is one."""
        yield from self._line(self._taken())
        yield from self._line(b"")

    def _taken(self) -> bytes:
        line = bytes(self._rest)
        self._rest.clear()
        if self._at_start:
            line = line.removeprefix(_BYTE_ORDER_MARK)
            self._at_start = False
        return line

    def _line(self, line: bytes) -> Iterator[Frame]:
        if not line:
            if self._data:
                yield Frame(self._name, _text(b"\n".join(self._data)))
            self._name, self._data = "", []
            return
        key, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if key == b"data":
            self._data.append(value)
        elif key == b"event":
            self._name = _text(value)


def _text(value: bytes) -> str:
    return value.decode("utf-8", errors="replace")
