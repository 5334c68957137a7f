"""How fast a reply came, measured here where a server does not say it itself."""

from dataclasses import dataclass, field
from time import monotonic


@dataclass(slots=True)
class Stopwatch:
    """The times of one reply, in seconds since its request."""

    begun: float = field(default_factory=monotonic)
    first: float | None = None
    last: float | None = None
    pieces: int = 0

    def piece(self) -> None:
        """Note that a piece of the reply came."""
        self.last = monotonic() - self.begun
        self.first = self.last if self.first is None else self.first
        self.pieces += 1

    def tokens_per_second(self, tokens: int | None) -> float | None:
        """Return the speed after the first piece, None where there is none."""
        if tokens is None or self.first is None or self.last is None or self.pieces < 2:
            return None
        return (tokens - 1) / (self.last - self.first) if self.last > self.first and tokens > 1 else None
