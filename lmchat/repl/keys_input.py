"""Keys as a POSIX terminal sends them: a paste is taken in as fast as it comes (the library's own way is quadratic)."""

from typing import TextIO

from prompt_toolkit.input.vt100 import Vt100Input
from prompt_toolkit.input.vt100_parser import Vt100Parser
from prompt_toolkit.key_binding.key_processor import KeyPress
from prompt_toolkit.keys import Keys

from lmchat.repl.sequences import Sequences

_END = "\x1b[201~"
_AT_ONCE = 65536


class PastingInput(Vt100Input):
    """An input that reads keys in large pieces."""

    def __init__(self, stdin: TextIO) -> None:
        super().__init__(stdin)
        self.vt100_parser = self._parser = PastingParser(self._buffer_key)

    @property
    def focused(self) -> bool | None:
        """Tell whether the window has the focus, None where the terminal has not said so."""
        return self._parser.focused

    def _buffer_key(self, key: KeyPress) -> None:
        self._buffer.append(key)

    def keys_of(self, data: bytes) -> list[KeyPress]:
        """Return the keys of what was read elsewhere."""
        self.vt100_parser.feed(data.decode(errors="surrogateescape"))
        return self.flush_keys()

    def read_keys(self) -> list[KeyPress]:
        """Return the keys that came."""
        self.vt100_parser.feed(self.stdin_reader.read(_AT_ONCE))
        keys, self._buffer = self._buffer, []
        return keys


class PastingParser(Vt100Parser):
    """A parser that collects what is pasted piece by piece, and looks for its end in the newest piece only."""

    def reset(self, request: bool = False) -> None:
        """Start again."""
        super().reset(request)
        self._pieces: list[str] = []
        self._last = ""
        self._sequences = Sequences()
        self.focused: bool | None = getattr(self, "focused", None)

    def flush(self) -> None:
        """Take what came as it is: nothing follows."""
        super().feed(self._sequences.rest())
        super().flush()

    def feed(self, data: str) -> None:
        """Take in the next characters."""
        self.focused = focus_in(data, self.focused)
        if not self._in_bracketed_paste:
            keys, pasted = self._sequences.keys_in(data)
            super().feed(keys)
            if pasted:
                self.feed(pasted)
            return
        newest = self._last + data
        end = newest.find(_END)
        if end < 0:
            # The end mark may be cut in two.
            keep = len(_END) - 1
            self._pieces.append(newest[:-keep])
            self._last = newest[-keep:]
            return
        pasted = "".join([*self._pieces, newest[:end]])
        self._in_bracketed_paste, self._pieces, self._last = False, [], ""
        self.feed_key_callback(KeyPress(Keys.BracketedPaste, pasted))
        self.feed(newest[end + len(_END) :])


_FOCUS = {"\x1b[I": True, "\x1b[O": False}
"""What is sent when the window gets and when it loses the focus."""


def focus_in(data: str, before: bool | None) -> bool | None:
    """Return whether the window has the focus after what came from the terminal; None where it never said so."""
    place, latest = max((data.rfind(sequence), sequence) for sequence in _FOCUS)
    return before if place < 0 else _FOCUS[latest]
