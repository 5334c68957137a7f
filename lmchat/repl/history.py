"""The history of what was typed, in one file that all sessions and programs share.

Each entry is one line of JSON, written in one piece and under a lock, so that programs do not mix up their entries.
"""

import json
import os
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from prompt_toolkit.auto_suggest import AutoSuggest, Suggestion
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document
from prompt_toolkit.history import History

from lmchat.repl.editing import Folds

MOST_ENTRIES = 20_000
_PRIVATE_FILE = 0o600
_PRIVATE_DIRECTORY = 0o700


class SharedHistory(History):
    """The history that all programs share; other programs' entries are seen at the next prompt."""

    def __init__(self, path: Path, folds: Folds) -> None:
        super().__init__()
        self._path = path
        self._folds = folds
        self._read_to = 0

    async def load(self) -> AsyncGenerator[str, None]:
        """Offer the newest entries first, as they are in the file now."""
        for entry in self.load_history_strings():
            yield entry

    def load_history_strings(self) -> Iterable[str]:
        """Return the newest entries first."""
        self.refresh()
        return list(self._loaded_strings)

    def refresh(self) -> None:
        """Read what was added to the file since it was read last; an unreadable file is ignored."""
        with suppress(OSError), self._path.open("rb") as file:
            if os.fstat(file.fileno()).st_size < self._read_to:
                self._read_to, self._loaded_strings = 0, []
            file.seek(self._read_to)
            self._take(file.read())

    def append_string(self, string: str) -> None:
        """Add what was typed, unless it begins with a space, is blank or repeats the entry before it."""
        if not string.strip() or string.startswith(" "):
            return
        line = _line(self._folds.whole(string))
        with suppress(OSError):
            self._path.parent.mkdir(mode=_PRIVATE_DIRECTORY, parents=True, exist_ok=True)
            number = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, _PRIVATE_FILE)
            try:
                with _locked(number):
                    self.refresh()
                    if self._loaded_strings[:1] != [string]:
                        os.write(number, _missing_newline(number) + line)
            finally:
                os.close(number)
        self.refresh()

    def begun_with(self, text: str) -> str:
        """Return the newest entry that begins with a text and has more in the same line, empty where there is none."""
        matching = (entry for entry in self._loaded_strings if entry.startswith(text))
        return next((entry for entry in matching if entry[len(text) :].partition("\n")[0].strip()), "")

    def store_string(self, string: str) -> None:
        """Do nothing: `append_string` has written it."""

    def _take(self, data: bytes) -> None:
        """Add the complete lines; an incomplete one is read the next time."""
        whole = data[: data.rfind(b"\n") + 1]
        self._read_to += len(whole)
        entries = [self._folds.fold(entry) for entry in map(_entry, whole.splitlines()[-MOST_ENTRIES:]) if entry]
        if entries:
            self._loaded_strings = [*reversed(entries), *self._loaded_strings][:MOST_ENTRIES]


class FromHistory(AutoSuggest):
    """The rest of the newest entry that begins with what is typed, in grey; Right and Ctrl-E take it."""

    def __init__(self, begun_with: Callable[[str], str]) -> None:
        self._begun_with = begun_with

    def get_suggestion(
        self,
        buffer: Buffer,  # noqa: ARG002 - the library hands it in
        document: Document,
    ) -> Suggestion | None:
        """Suggest the rest of that entry's line."""
        text = document.text
        if not text.strip() or text.startswith(" "):
            return None
        return Suggestion(self._begun_with(text)[len(text) :].partition("\n")[0])


def _line(text: str) -> bytes:
    # A lone surrogate becomes \udXXX, which is just how JSON writes it.
    return json.dumps(text, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


def _entry(line: bytes) -> str:
    try:
        entry = json.loads(line)
    except ValueError:  # incomplete after a power cut: only this entry is lost
        return ""
    return entry if isinstance(entry, str) else ""


def _missing_newline(number: int) -> bytes:
    """Return a newline where the last line has none."""
    size = os.fstat(number).st_size
    if not size:
        return b""
    os.lseek(number, size - 1, os.SEEK_SET)
    return b"" if os.read(number, 1) == b"\n" else b"\n"


@contextmanager
def _locked(number: int) -> Iterator[None]:
    """Keep other programs from writing for a block; where there are no such locks, a single write has to do."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    fcntl.flock(number, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(number, fcntl.LOCK_UN)
