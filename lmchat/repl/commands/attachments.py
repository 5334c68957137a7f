"""Commands that attach something to the next prompt: pictures, text files, the clipboard."""

from collections.abc import Iterator

from lmchat.app.attachments import files_named, picture
from lmchat.app.programs import ShownOutput, run_in_shell
from lmchat.chat.transcript import quoted_output
from lmchat.dataclass import replace
from lmchat.errors import BadUseError
from lmchat.pictures import prepared
from lmchat.render.notes import counted
from lmchat.render.terminal import moves_cursor
from lmchat.render.text import sanitize_line
from lmchat.repl.clipboard import pasted_picture, pasted_text
from lmchat.repl.commands.command import Command, Suggestion, nothing, offer_files, paths, required
from lmchat.repl.line import literal
from lmchat.repl.state import Quoted, ReplState
from lmchat.repl.turns import check_sight, with_files, with_pictures


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
    yield from offer_files(state, typed)


COMMANDS = (
    Command("image", "FILE… or off", "Send pictures with the next prompt.", image, _attached),
    Command("file", "FILE… or off", "Quote text files in the next prompt.", file, _attached),
    Command("paste", "", "Attach the clipboard's picture, or insert its text.", paste),
)


_LINE_AGAIN = "\r\x1b[K"


def run_command(state: ReplState, command: str) -> ReplState:
    """Run a command, show what it prints, and attach that to the next prompt.

    Raise BadUseError where there is no command, the shell does not start, or the output is not text.
    """
    if not command:
        raise BadUseError("There is no command.", hint="Like this: !git diff; \\! sends the character itself.")
    world = state.conversation.world
    shown = ShownOutput(_LINE_AGAIN if moves_cursor(world.stdout, world.environ) else "\n")
    terminal = state.keyboard.terminal
    environ = state.conversation.settings.without_secrets(world.environ)
    with terminal.ordinary():
        ran = run_in_shell(command, environ, terminal.number, lambda data: state.write(shown.feed(data)))
    # The terminal shows Ctrl-C where the cursor is.
    state.write(shown.flush() + ("\n" if ran.interrupted else ""))
    ended, first_line = ran.ended, sanitize_line(command.split("\n", 1)[0])
    if not ran.output.strip():
        state.say(f"{_capitalized(ended)}; it printed nothing, so nothing is sent.")
        return state
    try:
        text = ran.text()
    except BadUseError:
        state.say(f"{_capitalized(ended)}; what it printed is not text, so it is not sent.")
        return state
    lines = counted(text.count("\n") + 1, "line")
    state.say(f"{_capitalized(ended)}; its output ({lines}) is sent with the next prompt; /file off drops it.")
    output = Quoted(f"!{first_line}", quoted_output(first_line, text, ended))
    return replace(state, files=(*state.files, output))


def _capitalized(text: str) -> str:
    return text[:1].upper() + text[1:]
