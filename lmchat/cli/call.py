"""What stands before the command on the command line: the world and the options every command shares."""

from dataclasses import dataclass

from lmchat.world import World

BUILT_IN = "local"
"""The URL people write for the built-in model, and the name its response ids are kept under."""


@dataclass(frozen=True, slots=True)
class Call:
    """Carry the world and the shared options to a command."""

    world: World
    url: str | None = None
    profile: str | None = None
    color: str | None = None
    debug: bool = False

    def log(self, line: str) -> None:
        """Write one line of `--debug`."""
        self.say(f"debug: {line}")

    def say(self, sentence: str) -> None:
        """Say on stderr what was done; stdout is for answers. A server's names may be in it."""
        from lmchat.render.terminal import fitted
        from lmchat.render.text import safe_line

        stderr = self.world.stderr
        line = fitted(safe_line(sentence), stderr, self.world.environ) if stderr.isatty() else sentence
        stderr.write(f"{line}\n")
        stderr.flush()
