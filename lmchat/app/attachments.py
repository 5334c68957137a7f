"""What is sent with a prompt: text files, quoted under their names, and pictures."""

import glob
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from lmchat.advice import Say
from lmchat.app.invocation import STDIN, Invocation
from lmchat.chat.transcript import quoted
from lmchat.chat.values import Image
from lmchat.errors import BadUseError
from lmchat.world import LARGEST_INPUT, LARGEST_PROMPT, World, input_bytes, path_of, within

if TYPE_CHECKING:
    from lmchat.decoding import Decoded


LARGEST_QUOTED = 4 * 1024 * 1024
"""Bytes of a file that is quoted: about a million tokens, more than any context takes."""

MOST_FILES = 200
"""How many files one pattern may fit."""

_NEVER_MEANT = frozenset({"node_modules", "__pycache__"})
"""Directories of files that programs wrote; `**` leaves them out, as it does what is hidden."""


def text_or_file(text: str, say: Say, encoding: str | None = None) -> str:
    """Return the text, or what is in the file that an `@` names."""
    return read_text(path_of(text[1:]), say, encoding).strip() if text.startswith("@") else text


def read_text(path: Path, say: Say, encoding: str | None = None, most: int = LARGEST_PROMPT) -> str:
    """Read a text file in whatever encoding it is, saying which where that is not UTF-8.

    Raise BadUseError where it cannot be read, is not text or has more than `most` bytes.
    """
    from lmchat.decoding import decode

    return said(decode(input_bytes(path, most), f"'{path}'", encoding), say)


def said(read: "Decoded", say: Say) -> str:
    """Return the text that was read, once its note is said."""
    if read.note:
        say(f"lmchat: {read.note}")
    return read.text


def quoted_file(path: Path, say: Say, encoding: str | None = None, name: str = "") -> str:
    """Quote a text file into a prompt; raise BadUseError where it cannot be read or is not text."""
    return quoted(name or path.name, read_text(path, say, encoding, LARGEST_QUOTED))


def is_pattern(written: str) -> bool:
    """Tell whether a path is a pattern: `*.md`, `src/**/*.py`, `[ab].txt`."""
    return glob.has_magic(written)


def files_matching(path: Path) -> list[Path]:
    """Return the file of that name, or else those that it fits as a pattern, none where there are none.

    Raise BadUseError where it fits too many.
    """
    if not is_pattern(str(path)) or path.exists():
        return [path]
    # pathlib's own takes no absolute pattern, and finds what is hidden.
    found = (Path(each) for each in glob.iglob(str(path), recursive=True))  # noqa: PTH207 - as above
    meant = (each for each in found if each.is_file() and not (_NEVER_MEANT - {*path.parts}) & {*each.parts})
    files = list(islice(meant, MOST_FILES + 1))
    if len(files) > MOST_FILES:
        raise BadUseError(f"'{path}' fits more than {MOST_FILES} files.", hint="Name fewer.")
    return sorted(dict.fromkeys(files))


def files_named(paths: Sequence[Path]) -> list[Path]:
    """Return the files that paths and patterns name, each once; raise BadUseError for a pattern that fits none."""
    files: list[Path] = []
    for path in paths:
        found = files_matching(path)
        if not found:
            raise BadUseError(f"No file fits '{path}'.")
        files += found
    return list(dict.fromkeys(files))


def is_picture(path: Path) -> bool:
    """Tell whether a file begins as a picture does."""
    from lmchat.pictures import HEAD_BYTES, begins_picture

    try:
        with path.open("rb") as file:
            return begins_picture(file.read(HEAD_BYTES))
    except OSError:
        return False


def picture(path: Path) -> tuple[Image, str]:
    """Read a picture, made fit to send, and a sentence on what was changed, else an empty one.

    Raise BadUseError for a file that is none.
    """
    from lmchat.pictures import prepared

    return prepared(path.name, input_bytes(path, LARGEST_INPUT))


def stdin_bytes(world: World) -> bytes:
    """Read standard input to its end; raise BadUseError where it cannot be read or is too large."""
    try:
        return within(world.stdin.buffer.read, "Standard input", LARGEST_INPUT)
    except OSError as error:
        raise BadUseError(f"Standard input cannot be read: {error.strerror or error}.") from None


def pictures(invocation: Invocation, paths: Sequence[Path]) -> tuple[Image, ...]:
    """Read the pictures of a prompt, made fit to send, and say what was changed; `-` is standard input.

    Raise BadUseError for a file that is none.
    """
    return tuple(_picture(invocation, path) for path in files_named(paths))


def _picture(invocation: Invocation, path: Path) -> Image:
    from lmchat.pictures import prepared

    if path == STDIN:
        image, note = prepared("picture", stdin_bytes(invocation.world))
    else:
        image, note = picture(path)
    if note:
        invocation.say(f"lmchat: {note}")
    return image
