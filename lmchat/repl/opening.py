"""How a talk begins: the terminal's keyboard is opened, and the person sees where the conversation is.

The keyboard is opened also where standard input is a pipe, and where the terminal takes no escapes.
"""

import sys
from itertools import islice
from pathlib import Path
from typing import TextIO

from prompt_toolkit.input import Input, create_input
from prompt_toolkit.output.plain_text import PlainTextOutput

from lmchat.app.conversation import Conversation
from lmchat.app.invocation import BUILT_IN
from lmchat.errors import BadUseError, nearest
from lmchat.render.terminal import is_plain
from lmchat.repl.editing import PromptOptions
from lmchat.repl.keyboard import Keyboard
from lmchat.repl.picker.choice import output_to
from lmchat.repl.state import ReplState
from lmchat.repl.terminal import Terminal
from lmchat.world import World, let_libraries_paint_nothing

_HISTORY = "history"


def _history_file(world: World) -> Path:
    """Return the file of what was typed in all sessions."""
    return world.directories.state / _HISTORY


def opened_keyboard(world: World, options: PromptOptions) -> Keyboard:
    """Open the terminal's keyboard, also where standard input is a pipe; raise BadUseError where there is none."""
    source = world.stdin if world.stdin.isatty() else _controlling_terminal()
    screen = world.stdout if world.stdout.isatty() else world.stderr
    escapes = not is_plain(world.environ)
    if not escapes:
        let_libraries_paint_nothing()
    output = output_to(screen) if escapes else PlainTextOutput(screen)
    return Keyboard(_keys_of(source), output, Terminal(source, screen, escapes=escapes, focus=options.focus), options)


def _keys_of(source: TextIO) -> Input:
    if sys.platform == "win32":
        return create_input(source)
    from lmchat.repl.key_input import PastingInput

    return PastingInput(source)


def no_terminal() -> BadUseError:
    """Return the error for a talk without a terminal."""
    return BadUseError(
        "talk needs a terminal.", hint='In scripts and pipes, use lmchat ask: lmchat ask "Hello" < notes.txt'
    )


def _controlling_terminal() -> TextIO:
    path = Path("CONIN$" if sys.platform == "win32" else "/dev/tty")
    try:
        return path.open(encoding="utf-8")
    except OSError:
        raise no_terminal() from None


RESUMED_TURNS = 3


def greet(state: ReplState) -> None:
    """Show the last turns of a session that goes on, or say that it is new; in the first talk, say how to get help."""
    if state.session.head is not None:
        show_resumed(state)
    elif state.session.name and not state.kept and not state.conversation.private:
        say_new(state)
    if not _history_file(state.conversation.world).exists():
        private = "; nothing is kept" if state.conversation.private else ""
        state.say(
            f"Talking to {who_answers(state.model, state.conversation.server)}{private}. /help lists the commands."
        )


def who_answers(model: str, server: str) -> str:
    """Name the model, empty where none is chosen yet, and the server."""
    if server == BUILT_IN:
        return f"{model} on the built-in server" if model else "the built-in server"
    return f"{model or 'the server'} at {server}"


def say_unchosen(state: ReplState) -> None:
    """Say how a model is chosen, where there are some and none is."""
    if not state.model and any(model.chats for model in state.known.now()):
        state.say("No model is chosen yet. /model lets you choose one; so does your first prompt.")


def say_new(state: ReplState) -> None:
    """Say that a name is new, and which names are near it."""
    near = nearest(state.session.name, state.conversation.store.names())
    state.say(f"'{state.session.name}' is a new session." + (f" {near} /switch goes there." if near else ""))


def show_resumed(state: ReplState, most: int = RESUMED_TURNS) -> None:
    """Show the last turns as they looked, all but the very last dimmed, and say where earlier ones are."""
    from lmchat.render.history import show_turns

    turns = list(islice(state.session.lineage(), most))[::-1]
    before = turns[0].parent
    if before is not None:
        state.say(f"Session '{state.session.name}' goes on; earlier turns: /history, /tree.")
    show_turns(state.conversation.world, turns[:-1], state.theme, dim=True)
    show_turns(state.conversation.world, turns[-1:], state.theme)


def prompt_options(conversation: Conversation) -> PromptOptions:
    """Return how the input line behaves, as the settings say."""
    settings, world = conversation.settings, conversation.world
    return PromptOptions(
        environ=settings.without_secrets(world.environ),
        history=None if conversation.private else _history_file(world),
        vi=settings.text("keys") == "vi",
        focus=settings.text("notify") != "off",
        colours=settings.text("color") != "never" and not world.environ.get("NO_COLOR"),
    )
