"""What goes along with a prompt: text files, quoted under their names, and pictures."""

from collections.abc import Sequence
from pathlib import Path, PurePath

from lmchat.advice import Action, Do
from lmchat.app.invocation import Invocation
from lmchat.chat.values import Image
from lmchat.errors import BadUseError
from lmchat.world import path_of


def text_or_file(text: str) -> str:
    """Return the text, or what the file behind an `@` holds."""
    if not text.startswith("@"):
        return text
    path = path_of(text[1:])
    try:
        return path.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError:
        raise BadUseError(f"'{path}' is not a text file.") from None
    except OSError as error:
        raise BadUseError(f"'{path}' cannot be read: {error.strerror}.") from None


def quoted(name: str, data: bytes) -> str:
    """Quote what a file holds; raise BadUseError where that is no text."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise BadUseError(
            f"'{name}' is not a text file.", hint=("A picture is sent with ", Do(Action.ATTACH_PICTURE), ".")
        )
    fence = "```"
    while fence in text:
        fence += "`"
    return f"File `{name}`:\n{fence}{PurePath(name).suffix.lstrip('.')}\n{text.rstrip()}\n{fence}"


def quoted_file(path: Path) -> str:
    """Quote a text file into a prompt; raise BadUseError where it cannot be read or is no text."""
    try:
        return quoted(path.name, path.read_bytes())
    except OSError as error:
        raise BadUseError(f"'{path}' cannot be read: {error.strerror}.") from None


def pictures(invocation: Invocation, paths: Sequence[Path]) -> tuple[Image, ...]:
    """Read the pictures that go along with a prompt, scaled down where they are too large, which is said.

    Raise BadUseError for a file that is none.
    """
    return tuple(_picture(invocation, path) for path in paths)


def _picture(invocation: Invocation, path: Path) -> Image:
    from lmchat.chat.images import read_picture
    from lmchat.pictures import scaled

    try:
        image, note = scaled(read_picture(path.name, path.read_bytes()))
    except OSError as error:
        raise BadUseError(f"'{path}' cannot be read: {error.strerror}.") from None
    if note:
        invocation.say(note)
    return image
