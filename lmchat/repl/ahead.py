"""What is typed while a reply runs: it waits for the next prompt, is shown meanwhile, and can be taken back."""

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

from prompt_toolkit.input import Input
from prompt_toolkit.input.typeahead import store_typeahead
from prompt_toolkit.key_binding.key_processor import KeyPress
from prompt_toolkit.keys import Keys

from lmchat.repl.terminal import Terminal

_ENTER = frozenset({Keys.ControlM, Keys.ControlJ})
_MOST_SHOWN = 1000


@runtime_checkable
class Readable(Protocol):
    """A keyboard that can be read between two prompts."""

    def read_keys(self) -> list[KeyPress]:
        """Return the keys that came."""
        ...

    def keys_of(self, data: bytes) -> list[KeyPress]:
        """Return the keys of what was read elsewhere."""
        ...


class TypedAhead:
    """The keys that wait, in their order."""

    def __init__(self, source: Input, terminal: Terminal) -> None:
        self._source = source
        self._terminal = terminal
        self._keys: list[KeyPress] = []

    def look(self) -> str:
        """Read what is typed while a reply runs, and return all that waits, as it is shown."""
        if isinstance(self._source, Readable) and self._terminal.readable:
            self.take(self._source.read_keys())
        return self.shown

    def hand_over(self) -> None:
        """Let the next prompt read what waits, and what was typed before the terminal was made quiet."""
        keys, self._keys = self._keys, []
        if isinstance(self._source, Readable):
            keys += self._source.keys_of(self._terminal.early())
        store_typeahead(self._source, keys)

    def take(self, keys: Iterable[KeyPress]) -> None:
        """Add keys; Backspace takes back the last one, Ctrl-U the last line."""
        for key in keys:
            if key.key is Keys.ControlU:
                self._drop_line()
            elif key.key is Keys.Backspace and self._keys and _shown(self._keys[-1]):
                self._keys.pop()
            elif key.key is not Keys.Backspace or self._keys:
                self._keys.append(key)

    @property
    def shown(self) -> str:
        """Return the text that waits; what moves the cursor and the like is not shown."""
        return "".join(_shown(key) for key in self._keys[-_MOST_SHOWN:])[-_MOST_SHOWN:]

    def _drop_line(self) -> None:
        if self._keys:
            self._keys.pop()  # also where it is the Enter that sends the last line
        while self._keys and self._keys[-1].key not in _ENTER:
            self._keys.pop()


def _shown(key: KeyPress) -> str:
    if key.key in _ENTER:
        return " ⏎ "
    if key.key is Keys.BracketedPaste:
        return key.data
    return key.data if not isinstance(key.key, Keys) and key.data.isprintable() else ""
