"""`!command`: the person's own shell runs it, and what it printed is quoted in the next prompt."""

from lmchat.app.programs import ShownOutput, run_in_shell
from lmchat.chat.transcript import quoted_output
from lmchat.dataclass import replace
from lmchat.errors import BadUseError
from lmchat.render.notes import counted
from lmchat.render.terminal import moves_cursor
from lmchat.render.text import sanitize_line
from lmchat.repl.state import Quoted, ReplState

_LINE_AGAIN = "\r\x1b[K"


def run_command(state: ReplState, command: str) -> ReplState:
    """Run a command, show what it prints, and attach that to the next prompt.

    Raise BadUseError where there is no command, the shell does not start, or the output is no text.
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
        state.say(f"{_capitalised(ended)}; it printed nothing, so nothing is sent.")
        return state
    try:
        text = ran.text()
    except BadUseError:
        state.say(f"{_capitalised(ended)}; what it printed is not text, so it is not sent.")
        return state
    lines = counted(text.count("\n") + 1, "line")
    state.say(f"{_capitalised(ended)}; its output ({lines}) is sent with the next prompt; /file off drops it.")
    output = Quoted(f"!{first_line}", quoted_output(first_line, text, ended))
    return replace(state, files=(*state.files, output))


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
