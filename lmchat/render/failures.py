"""How a failure meets a person: one sentence, one hint, on stderr."""

from lmchat.errors import LmchatError
from lmchat.render.sanitize import sanitize_line
from lmchat.render.terminal import fitted
from lmchat.render.theme import When, theme_for
from lmchat.world import World


def show_failure(world: World, error: LmchatError, *, colour: When = When.AUTO) -> None:
    """Write `lmchat: error: One sentence.` and, where there is one, `hint: …` to stderr."""
    theme = theme_for(world.environ, terminal=world.stderr.isatty(), colour=colour)
    said = [("lmchat: ", "error:", theme.styles.failure, error.message), ("", "hint:", theme.styles.faint, error.hint)]
    for before, word, look, sentence in said:
        if sentence:
            line = fitted(f"{before}{word} {sanitize_line(sentence)}", world.stderr, world.environ)
            world.stderr.write(line.replace(word, theme.styled(word, look), 1) + "\n")
    world.stderr.flush()


def show_note(world: World, note: str, *, colour: When = When.AUTO) -> None:
    """Write one faint line to stderr: something to know, not a failure."""
    theme = theme_for(world.environ, terminal=world.stderr.isatty(), colour=colour)
    line = fitted(sanitize_line(note), world.stderr, world.environ)
    world.stderr.write(theme.styled(line, theme.styles.faint) + "\n")
    world.stderr.flush()
