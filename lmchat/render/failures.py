"""How a failure meets a person: one sentence, one hint, on stderr.

It must not know where failures come from, nor end the program.
"""

from lmchat.errors import LmchatError
from lmchat.render.text import safe_line
from lmchat.render.theme import Theme, When, theme_for
from lmchat.world import World


def show_failure(world: World, error: LmchatError, *, colour: When = When.AUTO) -> None:
    """Write `lmchat: error: One sentence.` and, where there is one, `hint: …` to stderr."""
    theme = theme_for(world.environ, terminal=world.stderr.isatty(), colour=colour)
    world.stderr.write(failure_text(error.message, error.hint, theme))
    world.stderr.flush()


def failure_text(message: str, hint: str, theme: Theme) -> str:
    """Make the lines of a failure, safe for a terminal."""
    text = f"lmchat: {theme.styled('error:', theme.looks.failure)} {safe_line(message)}\n"
    return text + f"{theme.styled('hint:', theme.looks.faint)} {safe_line(hint)}\n" if hint else text


def show_note(world: World, note: str, *, colour: When = When.AUTO) -> None:
    """Write one faint line to stderr: something to know, not a failure."""
    theme = theme_for(world.environ, terminal=world.stderr.isatty(), colour=colour)
    world.stderr.write(theme.styled(safe_line(note), theme.looks.faint) + "\n")
    world.stderr.flush()
