"""One line on stderr that is written over as something goes on, and gone in the end; nothing in a pipe."""

from collections.abc import Iterator
from contextlib import contextmanager

from lmchat.render.cells import shorten
from lmchat.render.notes import duration
from lmchat.render.sanitize import sanitize_line
from lmchat.render.tables import size_words
from lmchat.render.terminal import moves_cursor, size_of
from lmchat.world import World

_BAR = 24


class Gauge:
    """Show how far something is."""

    def __init__(self, world: World) -> None:
        self._stream = world.stderr
        self._live = moves_cursor(world.stderr, world.environ)
        self._size = size_of(world.stderr, world.environ)

    def show(self, text: str) -> None:
        """Write over the line with what is true now."""
        if self._live:
            self._stream.write(f"\r\x1b[2K{shorten(sanitize_line(text), self._size()[0] - 1)}")
            self._stream.flush()

    def clear(self) -> None:
        """Take the line away."""
        if self._live:
            self._stream.write("\r\x1b[2K")
            self._stream.flush()


@contextmanager
def gauge(world: World) -> Iterator[Gauge]:
    """Show a gauge for the time of a block."""
    line = Gauge(world)
    try:
        yield line
    finally:
        line.clear()


def transfer_words(done: int, total: int | None, rate: float | None) -> str:
    """Say how far a transfer is: a bar, sizes in bytes, bytes a second, and the time left."""
    if not total:
        return f"{size_words(done)} so far"
    share = min(1.0, done / total)
    filled = round(share * _BAR)
    words = f"{'█' * filled}{'░' * (_BAR - filled)} {share:4.0%}  {size_words(done)} of {size_words(total)}"
    if not rate:
        return words
    return f"{words}, {size_words(int(rate))}/s, {duration((total - done) / rate)} left"
