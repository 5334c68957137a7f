"""Markdown where no cursor can be moved (a pipe, a dumb terminal): what is settled, as soon as it is."""

from typing import TYPE_CHECKING

from lmchat.render.painter import Painter
from lmchat.render.sanitize import Sanitizer
from lmchat.render.terminal import size_of
from lmchat.render.theme import Theme
from lmchat.world import World

if TYPE_CHECKING:
    from lmchat.render.markdown.stream import MarkdownStream


class MarkdownPage:
    """A page that messages of a reply are written to as rendered Markdown, rows only."""

    def __init__(self, world: World, theme: Theme) -> None:
        self._world = world
        self._theme = theme
        self._painter = Painter(self._write, size_of(world.stdout, world.environ), live=False)
        self._sanitizer = Sanitizer()
        self._message: MarkdownStream | None = None
        self._gap_due = False

    def feed(self, text: str) -> None:
        """Take the next characters of the message."""
        if self._message is None and text:
            # Loaded with the first words of an answer: the request has been sent, so it delays nothing.
            from lmchat.render.markdown.stream import MarkdownStream

            self._message = MarkdownStream(self._painter, self._theme, self._world.monotonic, gap=self._gap_due)
            self._gap_due = True
        if self._message is not None:
            self._message.feed(self._sanitizer.feed(text))

    def tick(self) -> None:
        """Write what is due."""
        if self._message is not None:
            self._message.tick()

    def end_message(self) -> None:
        """Settle the message."""
        if self._message is not None:
            self._message.feed(self._sanitizer.flush())
            self._message.finish()
            self._message = None

    def close(self) -> None:
        """Settle what is open."""
        self.end_message()

    def _write(self, text: str) -> None:
        self._world.stdout.write(text)
        self._world.stdout.flush()
