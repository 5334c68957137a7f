"""The formats of other programs that are read here."""

from collections.abc import Callable, Iterator

from lmchat.dataclass import dataclass
from lmchat.store.imports import chatgpt, claude, llm, lmstudio
from lmchat.store.imports.found import Found, LeftOut, Refused, Source


@dataclass(frozen=True, slots=True)
class Format:
    """A format: whose it is, how its files are known, and how they are read."""

    name: str
    recognise: Callable[[Source], bool]
    read: Callable[[Source, LeftOut], Iterator[Found | Refused]]


FORMATS = (
    Format("ChatGPT", chatgpt.recognise, chatgpt.read),
    Format("Claude", claude.recognise, claude.read),
    Format("LM Studio", lmstudio.recognise, lmstudio.read),
    Format("llm", llm.recognise, llm.read),
)


def format_of(source: Source) -> Format | None:
    """Return the format of a file by what is in it, whatever its name is; None where it is none of these."""
    return next((each for each in FORMATS if each.recognise(source)), None)
