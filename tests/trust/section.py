"""One part of the trial by hand: what was done how often, what went wrong, and what was measured."""

from dataclasses import dataclass, field


@dataclass
class Section:
    """A row of the table; `losses` counts words that should be kept and are not."""

    name: str
    cases: int = 0
    losses: int = 0
    peak: int = 0
    faults: list[str] = field(default_factory=list)

    def saw(self, peak: int, fault: str = "") -> None:
        """Count a case, with its peak memory and what was wrong with it."""
        self.cases += 1
        self.peak = max(self.peak, peak)
        if fault:
            self.faults.append(fault)
