"""Commands that attach something to the next prompt: pictures, text files, the clipboard."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from lmchat.app.attachments import quoted_file
from lmchat.chat.models import require_sight
from lmchat.chat.values import Image
from lmchat.errors import LmchatError
from lmchat.pictures import prepared
from lmchat.render.tables import size_words
from lmchat.repl.clipboard import pasted_picture, pasted_text
from lmchat.repl.commands.command import Command, nothing, paths, required
from lmchat.repl.offers import Suggestion, several_files
from lmchat.repl.state import Quoted, ReplState
from lmchat.world import LARGEST_INPUT, input_bytes


def image(state: ReplState, text: str) -> ReplState:
    """Attach pictures, or drop them."""
    required(text, "picture", "/image photo.png")
    if text == "off":
        state.say("No picture is sent with the next prompt.")
        return replace(state, images=())
    _check_sight(state)
    return _with_pictures(state, [prepared(path.name, input_bytes(path, LARGEST_INPUT)) for path in paths(text)])


def file(state: ReplState, text: str) -> ReplState:
    """Quote text files in the next prompt, or drop them."""
    required(text, "file", "/file notes.txt")
    if text == "off":
        state.say("No file is sent with the next prompt.")
        return replace(state, files=())
    added = tuple(Quoted(path.name, quoted_file(path, state.say)) for path in paths(text))
    state.say(f"{', '.join(each.name for each in added)} is sent with the next prompt; /file off drops it.")
    return replace(state, files=(*state.files, *added))


def paste(state: ReplState, text: str) -> ReplState:
    """Attach the clipboard's picture, or insert its text."""
    nothing(text)
    data = pasted_picture(state.conversation.world)
    if data is None:
        return replace(state, draft=pasted_text(state.conversation.world))
    _check_sight(state)
    return _with_pictures(state, [prepared("clipboard.png", data)])


def _with_pictures(state: ReplState, read: Sequence[tuple[Image, str]]) -> ReplState:
    for each, note in read:
        if note:
            state.say(note)
        size = f"{each.width} × {each.height}, {size_words(len(each.data))}"
        state.say(f"{each.name} ({size}) is sent with the next prompt; /image off drops it.")
    return replace(state, images=(*state.images, *(image for image, _ in read)))


def _check_sight(state: ReplState) -> None:
    """Refuse pictures for a model that is known not to see; where nothing is known, the server decides."""
    models = state.known.now()
    if not models:
        with suppress(LmchatError):
            models = state.known.fetched()
    require_sight(models, state.model)


def _attached(state: ReplState, typed: str) -> Iterator[Suggestion]:
    if (state.images or state.files) and "off".startswith(typed):
        yield Suggestion("off", "Drop what is attached.", typed)
    yield from several_files(state, typed)


COMMANDS = (
    Command("image", "FILE… or off", "Send pictures along with the next prompt.", image, _attached),
    Command("file", "FILE… or off", "Quote text files in the next prompt.", file, _attached),
    Command("paste", "", "Attach the clipboard's picture, or insert its text.", paste),
)
