"""What lmchat itself says on stderr: failures with their hints, notes and lines, as safe in a log as on a terminal."""

from lmchat.errors import LmchatError
from lmchat.render.sanitize import sanitize, sanitize_line
from lmchat.render.terminal import fitted
from lmchat.render.theme import PLAIN, Theme, When, theme_for
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
    _write_line(world, note, theme, theme.styles.faint)


def show_line(world: World, sentence: str) -> None:
    """Write one line to stderr in the terminal's ordinary text."""
    _write_line(world, sentence)


def show_question(world: World, question: str) -> None:
    """Write a question to stderr whose answer is typed after it."""
    world.stderr.write(sanitize(question))
    world.stderr.flush()


def show_sign(world: World, sign: str) -> None:
    """Write a sign for the person to stderr, such as a bell; it must be lmchat's own."""
    world.stderr.write(sign)
    world.stderr.flush()


def show_traceback(world: World, fault: BaseException) -> None:
    """Write where a bug is, for `--debug`; it may contain what a server sent."""
    import traceback

    world.stderr.write(sanitize("".join(traceback.format_exception(fault))))


def _write_line(world: World, sentence: str, theme: Theme = PLAIN, style: str = "") -> None:
    line = fitted(sanitize_line(sentence), world.stderr, world.environ)
    world.stderr.write(theme.styled(line, style) + "\n")
    world.stderr.flush()
