"""Commands that attach something to the next prompt: pictures, text files, the clipboard."""

from collections.abc import Iterator

from lmchat.app.attachments import files_named, picture
from lmchat.dataclass import replace
from lmchat.pictures import prepared
from lmchat.repl.attaching import check_sight, with_files, with_pictures
from lmchat.repl.clipboard import pasted_picture, pasted_text
from lmchat.repl.commands.command import Command, nothing, paths, required
from lmchat.repl.line import literal
from lmchat.repl.offers import Suggestion, several_files
from lmchat.repl.state import ReplState


def image(state: ReplState, text: str) -> ReplState:
    """Attach pictures, or drop them."""
    required(text, "picture", "/image photo.png")
    if text == "off":
        state.say("No picture is sent with the next prompt.")
        return replace(state, images=())
    check_sight(state)
    return with_pictures(state, [picture(path) for path in files_named(paths(text))])


def file(state: ReplState, text: str) -> ReplState:
    """Quote text files in the next prompt, or drop them."""
    required(text, "file", "/file notes.txt")
    if text == "off":
        state.say("No file is sent with the next prompt, nor what a command printed.")
        return replace(state, files=())
    return with_files(state, files_named(paths(text)))


def paste(state: ReplState, text: str) -> ReplState:
    """Attach the clipboard's picture, or insert its text."""
    nothing(text)
    data = pasted_picture(state.conversation.world)
    if data is None:
        return replace(state, draft=literal(pasted_text(state.conversation.world)))
    check_sight(state)
    return with_pictures(state, [prepared("clipboard.png", data)])


def _attached(state: ReplState, typed: str) -> Iterator[Suggestion]:
    if (state.images or state.files) and "off".startswith(typed):
        yield Suggestion("off", "Drop what is attached.", typed)
    yield from several_files(state, typed)


COMMANDS = (
    Command("image", "FILE… or off", "Send pictures along with the next prompt.", image, _attached),
    Command("file", "FILE… or off", "Quote text files in the next prompt.", file, _attached),
    Command("paste", "", "Attach the clipboard's picture, or insert its text.", paste),
)
