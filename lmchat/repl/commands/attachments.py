"""Commands that attach something to the next prompt: pictures, text files, the clipboard."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from lmchat.app.attachments import quoted
from lmchat.chat.images import read_picture
from lmchat.chat.models import require_sight
from lmchat.chat.values import Image
from lmchat.errors import BadUseError, LmchatError
from lmchat.pictures import scaled
from lmchat.render.tables import size_words
from lmchat.repl.clipboard import pasted_picture, pasted_text
from lmchat.repl.commands.command import Command, Takes, nothing, paths, required
from lmchat.repl.state import Quoted, ReplState


def image(desk: ReplState, text: str) -> ReplState:
    """Attach pictures, or drop them."""
    required(text, "picture", "/image photo.png")
    if text == "off":
        desk.say("No picture goes along with the next prompt.")
        return replace(desk, images=())
    _check_sight(desk)
    return _with_pictures(desk, [read_picture(path.name, _read(path)) for path in paths(text)])


def file(desk: ReplState, text: str) -> ReplState:
    """Quote text files in the next prompt, or drop them."""
    required(text, "file", "/file notes.txt")
    if text == "off":
        desk.say("No file goes along with the next prompt.")
        return replace(desk, files=())
    added = tuple(Quoted(path.name, quoted(path.name, _read(path))) for path in paths(text))
    desk.say(f"{', '.join(each.name for each in added)} goes along with the next prompt; /file off drops it.")
    return replace(desk, files=(*desk.files, *added))


def paste(desk: ReplState, text: str) -> ReplState:
    """Attach the clipboard's picture, or insert its text."""
    nothing(text)
    data = pasted_picture(desk.parts.world)
    if data is None:
        return replace(desk, draft=pasted_text(desk.parts.world))
    _check_sight(desk)
    return _with_pictures(desk, [read_picture("clipboard.png", data)])


def _with_pictures(desk: ReplState, read: Sequence[Image]) -> ReplState:
    pictures = []
    for image in read:
        each, note = scaled(image)
        pictures.append(each)
        if note:
            desk.say(note)
        size = f"{each.width} × {each.height}, {size_words(len(each.data))}"
        desk.say(f"{each.name} ({size}) goes along with the next prompt; /image off drops it.")
    return replace(desk, images=(*desk.images, *pictures))


def _check_sight(desk: ReplState) -> None:
    """Refuse pictures for a model that is known not to see; where nothing is known, the server decides."""
    models = desk.known.now()
    if not models:
        with suppress(LmchatError):
            models = desk.known.fetched()
    require_sight(models, desk.model)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadUseError(f"'{path}' cannot be read: {error.strerror}.") from None


COMMANDS = (
    Command("image", "FILE… or off", "Send pictures along with the next prompt.", image, Takes.ATTACHED),
    Command("file", "FILE… or off", "Quote text files in the next prompt.", file, Takes.ATTACHED),
    Command("paste", "", "Attach the clipboard's picture, or insert its text.", paste),
)
