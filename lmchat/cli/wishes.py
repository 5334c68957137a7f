"""What the command line asks of one conversation, as one value; what is None or empty was not asked for."""

from dataclasses import dataclass, field
from pathlib import Path

from lmchat.chat.values import Options


@dataclass(frozen=True, slots=True)
class Wishes:
    """Hold the options that `ask` and `talk` share."""

    name: str | None = None
    resume: bool = False
    at: int | None = None
    model: str | None = None
    system: str | None = None
    images: tuple[Path, ...] = ()
    files: tuple[Path, ...] = ()
    options: Options = field(default_factory=Options)
    mcp: tuple[str, ...] = ()
    private: bool = False
    stats: bool | None = None
    show_reasoning: bool | None = None
    plain: bool | None = None
    stream: bool = True
    as_json: bool = False
    as_jsonl: bool = False
    quiet: bool = False

    @property
    def apart(self) -> bool:
        """Tell whether the saved conversations have no part in this: it keeps nothing and names none of them."""
        return self.private and self.name is None and not self.resume
