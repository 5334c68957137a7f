"""What the value of a setting may look like, in words for people and as a check.

A shape says what it `expected`, whether it `accepts` a value, how it would `read` one from a command line and the
`choices` there are. It must not know which settings there are.
"""

import re
import shlex
import sys
from dataclasses import dataclass

ONE_LINE = r"[^\x00-\x1f\x7f]*"
LARGEST_WHOLE = 2**31 - 1
"""Engines count tokens in 32 bits."""


@dataclass(frozen=True, slots=True)
class Text:
    """Accept text that matches `pattern` from end to end; an empty one always fits.

    A `secret` text is never shown, not even in the message that it does not fit.
    """

    expected: str = "a line of text"
    pattern: str = ONE_LINE
    secret: bool = False
    choices: tuple[str, ...] = ()

    def accepts(self, value: object) -> bool:
        """Tell whether `value` fits."""
        return isinstance(value, str) and (not value or re.fullmatch(self.pattern, value) is not None)

    def read(self, text: str) -> object:
        """Read what was typed."""
        return text


@dataclass(frozen=True, slots=True)
class CommandLine:
    """Accept a program and its arguments; only the program's name is ever shown."""

    expected: str = "a program and its arguments"
    secret: bool = True
    choices: tuple[str, ...] = ()

    def accepts(self, value: object) -> bool:
        """Tell whether `value` fits; an empty one does."""
        if not isinstance(value, str) or not re.fullmatch(ONE_LINE, value):
            return False
        try:
            return not value or bool(shlex.split(value))
        except ValueError:
            return False

    def read(self, text: str) -> object:
        """Read what was typed."""
        return text


@dataclass(frozen=True, slots=True)
class Number:
    """Accept a number from `low` to `high`; `above` leaves `low` itself out, `whole` all but whole numbers."""

    low: float
    high: float = sys.float_info.max
    whole: bool = False
    above: bool = False
    secret: bool = False
    choices: tuple[str, ...] = ()

    @property
    def expected(self) -> str:
        """Say what fits."""
        kind = "a whole number" if self.whole else "a number"
        if self.above:
            return f"{kind} above {self.low:g}"
        limited = self.high < LARGEST_WHOLE
        return f"{kind} from {self.low:g} to {self.high:g}" if limited else f"{kind}, {self.low:g} or more"

    def accepts(self, value: object) -> bool:
        """Tell whether `value` fits; neither `true` nor `nan` is a number here."""
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            return False
        return (self.low < value if self.above else self.low <= value) and value <= self.high

    def read(self, text: str) -> object:
        """Read what was typed; what is no number stays text, which never fits."""
        for kind in (int,) if self.whole else (int, float):
            try:
                return kind(text)
            except ValueError:
                continue
        return text


@dataclass(frozen=True, slots=True)
class Choice:
    """Accept one of a few words."""

    choices: tuple[str, ...]
    secret: bool = False

    @property
    def expected(self) -> str:
        """Say what fits."""
        return f"{', '.join(self.choices[:-1])} or {self.choices[-1]}"

    def accepts(self, value: object) -> bool:
        """Tell whether `value` is one of the words."""
        return value in self.choices

    def read(self, text: str) -> object:
        """Read what was typed."""
        return text.strip().lower()


@dataclass(frozen=True, slots=True)
class Switch:
    """Accept true or false."""

    expected: str = "true or false"
    secret: bool = False
    choices: tuple[str, ...] = ("true", "false")

    def accepts(self, value: object) -> bool:
        """Tell whether `value` is one of the two."""
        return isinstance(value, bool)

    def read(self, text: str) -> object:
        """Read what was typed: also on, off, yes and no."""
        words = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}
        return words.get(text.strip().lower(), text)


@dataclass(frozen=True, slots=True)
class Names:
    """Accept a list of names; on a command line they are typed with commas between."""

    expected: str = "a list of names"
    secret: bool = False
    choices: tuple[str, ...] = ()

    def accepts(self, value: object) -> bool:
        """Tell whether `value` is a list of names."""
        return isinstance(value, list) and all(
            isinstance(each, str) and each and re.fullmatch(ONE_LINE, each) for each in value
        )

    def read(self, text: str) -> object:
        """Read what was typed."""
        return [name.strip() for name in text.split(",") if name.strip()]


Shape = Text | CommandLine | Number | Choice | Switch | Names


def misfit(shape: Shape, value: object) -> str:
    """Say what a value must be and is not, or nothing where it fits."""
    if shape.accepts(value):
        return ""
    return f"must be {shape.expected}" if shape.secret else f"must be {shape.expected}, not {_quoted(value)}"


def _quoted(value: object) -> str:
    """Show a value as TOML would write it, cut where it is long; a table may hold anything, so only say it is one."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            shown = repr(without_password(value))
            return shown if len(shown) <= 60 else f"{shown[:57]}…"
        case int() if abs(value) > 10**50:
            return "a number that long"
        case int() | float():
            return str(value)
        case dict():
            return "a table"
        case list():
            return "a list"
        case _:
            return f"{value}"


def without_password(text: str) -> str:
    """Return an address without the user and password it may hold."""
    return re.sub(r"(^|//)[^/\s]*@", r"\1", text)
