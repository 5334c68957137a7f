"""What is sent with a prompt: text files, quoted under their names, and pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lmchat.advice import Say
from lmchat.app.invocation import Invocation
from lmchat.chat.quoting import quoted
from lmchat.chat.values import Image
from lmchat.errors import BadUseError
from lmchat.world import LARGEST_INPUT, LARGEST_TEXT, World, input_bytes, path_of, within

if TYPE_CHECKING:
    from lmchat.decoding import Decoded


STDIN = Path("-")
"""Standard input, where a file is named."""


def text_or_file(text: str, say: Say, encoding: str | None = None) -> str:
    """Return the text, or what is in the file that an `@` names."""
    return read_text(path_of(text[1:]), say, encoding).strip() if text.startswith("@") else text


def read_text(path: Path, say: Say, encoding: str | None = None, most: int = LARGEST_TEXT) -> str:
    """Read a text file in whatever encoding it is, saying which where that is not UTF-8.

    Raise BadUseError where it cannot be read, is no text or has more than `most` bytes.
    """
    from lmchat.decoding import decode

    return said(decode(input_bytes(path, most), f"'{path}'", encoding), say)


def said(read: "Decoded", say: Say) -> str:
    """Return the text that was read, once its note is said."""
    if read.note:
        say(f"lmchat: {read.note}")
    return read.text


def quoted_file(path: Path, say: Say, encoding: str | None = None) -> str:
    """Quote a text file into a prompt; raise BadUseError where it cannot be read or is no text."""
    return quoted(path.name, read_text(path, say, encoding))


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
    return tuple(_picture(invocation, path) for path in paths)


def _picture(invocation: Invocation, path: Path) -> Image:
    from lmchat.pictures import prepared

    piped = path == STDIN
    data = stdin_bytes(invocation.world) if piped else input_bytes(path, LARGEST_INPUT)
    image, note = prepared("picture" if piped else path.name, data)
    if note:
        invocation.say(f"lmchat: {note}")
    return image
