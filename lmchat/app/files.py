"""Files that are written for a person: none that is there is replaced without a yes."""

import os
import re
import stat
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from lmchat.errors import BadUseError, LmchatError
from lmchat.store import SIGNATURE
from lmchat.world import replace_file

Ask = Callable[[str], bool]
"""Asks the person a question and tells whether the answer is yes."""

_STREAM = re.compile(r"/dev/(std(in|out|err)|fd/\d+)|/proc/[^/]+/fd/\d+")
"""Names of this program's own streams: what they lead to may be a file, which is added to."""

_NO_TEXT = re.compile(
    r"\.(avif|bmp|docx?|epub|gif|gz|heic|jpe?g|mp3|mp4|odp|ods|odt|pdf|png|pptx?|rtf|tiff?|wav|webp|xlsx?|zip)"
)
"""Suffixes of files that hold no text."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is written: the absolute path; it may be a pipe or a device, or replace a file."""

    path: Path
    stream: bool = False
    replaces: bool = False

    @property
    def instead(self) -> str:
        """Say what becomes of the file that was there, empty where there was none."""
        return ", in place of what was there" if self.replaces else ""


def place_for(
    path: Path, *, ask: Ask | None, force: bool = False, suffixes: Collection[str] | None = None, what: str = "A reply"
) -> Place:
    """Return where to write to, once the person agrees that a file there is replaced (`force`: without a question).

    `ask` is None where there is nobody to ask. `what` is written with one of `suffixes`; None means any of a text.
    Raise BadUseError where nothing can be written there, LmchatError after a no. An empty file has nothing to lose.
    """
    place = Path(os.path.abspath(path))  # noqa: PTH100 - pathlib's own leaves .. in, or follows links
    try:
        is_stream = _is_stream(place)
    except OSError as error:
        raise BadUseError(f"'{path}' cannot be written: {error.strerror}.") from None
    if is_stream:
        return Place(place, stream=True)
    _refuse_form(place, suffixes, what)
    _refuse_place(place)
    if not place.exists() or not place.stat().st_size or force:
        return Place(place, replaces=place.exists() and place.stat().st_size > 0)
    if ask is None:
        raise BadUseError(f"'{place}' exists already.", hint="Give another name, or --force to replace it.")
    if not ask(f"Replace {place}?"):
        raise LmchatError(f"'{place}' was left as it is.", hint="Give another name.")
    return Place(place, replaces=True)


def write_text(place: Place, text: str) -> None:
    """Write a text; raise BadUseError where that fails, and what was there is then as it was."""
    if is_database(place.path):
        raise BadUseError(f"'{place.path}' is a database, which is not written over.", hint="Give another name.")
    text = text.encode("utf-8", "replace").decode("utf-8")
    try:
        if place.stream:
            with place.path.open("a", encoding="utf-8") as stream:
                stream.write(text)
        elif place.path.exists():
            replace_file(place.path, text, durable=False)
        else:
            with place.path.open("x", encoding="utf-8") as file:
                file.write(text)
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadUseError(f"'{place.path}' cannot be written: {reason}.") from None


def is_database(path: Path) -> bool:
    """Tell whether a file is a database or lies beside one, as a part of it."""
    file = Path(re.sub(r"-(wal|shm|journal)$", "", str(path)))
    try:
        if not file.is_file():  # a pipe would lose what is read of it
            return False
        with file.open("rb") as opened:
            return opened.read(len(SIGNATURE)) == SIGNATURE
    except OSError:
        return False


def _is_stream(path: Path) -> bool:
    if _STREAM.fullmatch(str(path)):
        return True
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _refuse_form(path: Path, suffixes: Collection[str] | None, what: str) -> None:
    suffix = path.suffix.lower()
    if suffixes is None and _NO_TEXT.fullmatch(suffix):
        raise BadUseError(
            f"{what} is text, and cannot be written as {suffix}.",
            hint="Give a name like answer.md, answer.txt or x.py.",
        )
    if suffixes is not None and suffix not in suffixes:
        known = ", ".join(each for each in suffixes if each)
        raise BadUseError(f"{what} cannot be written as {suffix}.", hint=f"The name decides the form: {known}.")


def _refuse_place(path: Path) -> None:
    if path.is_dir():
        raise BadUseError(f"'{path}' is a directory.", hint="Name a file in it.")
    if not path.parent.is_dir():
        raise BadUseError(f"There is no directory '{path.parent}'.", hint="Make it first, or name another.")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise BadUseError(f"'{path}' cannot be written: Permission denied.")
