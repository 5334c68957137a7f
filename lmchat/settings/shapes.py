"""The shapes of values of settings: a description for people, and a check.

Each function makes one `Shape`; the table in `keys` says which setting has which.
"""

import re
import sys
from collections.abc import Callable
from typing import TypeGuard

from lmchat.dataclass import dataclass

ONE_LINE = r"[^\x00-\x1f\x7f\ud800-\udfff]*"
LARGEST_WHOLE = 2**31 - 1
"""Engines count tokens with 32 bits."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape of a value: what is `expected` in words, which values it `accepts`, and how to `read` a typed one.

    `read` returns what it cannot read as text, which is then not accepted. `kind` is the type a command line parses
    the value as. A `secret` value is never shown, not even in the message that it does not fit.
    """

    expected: str
    accepts: Callable[[object], bool]
    read: Callable[[str], object] = str
    kind: type[str | int | float | bool] = str
    choices: tuple[str, ...] = ()
    secret: bool = False


def text(expected: str = "a line of text", pattern: str = ONE_LINE, *, secret: bool = False) -> Shape:
    """Return the shape of a text that matches all of `pattern`, or is empty; it never contains half a character."""

    def accepts(value: object) -> bool:
        return isinstance(value, str) and (not value or (re.fullmatch(pattern, value) is not None and _is_whole(value)))

    return Shape(expected, accepts, secret=secret)


def command_line() -> Shape:
    """Return the shape of a program with its arguments, or of an empty text."""

    def accepts(value: object) -> bool:
        if not isinstance(value, str) or not re.fullmatch(ONE_LINE, value):
            return False
        import shlex

        try:
            return not value or bool(shlex.split(value))
        except ValueError:
            return False

    return Shape("a program and its arguments", accepts, secret=True)


def number(low: float, high: float = sys.float_info.max, *, above: bool = False) -> Shape:
    """Return the shape of a number from `low` to `high`; `above` excludes `low` itself."""

    def accepts(value: object) -> bool:
        return _is_number(value) and (low < value if above else low <= value) and value <= high

    limited = f" from {low:g} to {high:g}" if high < LARGEST_WHOLE else f", {low:g} or more"
    return Shape(f"a number above {low:g}" if above else f"a number{limited}", accepts, _read_number, kind=float)


def count() -> Shape:
    """Return the shape of a whole number, 1 or more."""

    def accepts(value: object) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= LARGEST_WHOLE

    return Shape("a whole number, 1 or more", accepts, _read_whole, kind=int)


def choice(*choices: str) -> Shape:
    """Return the shape of one of a few words."""
    expected = f"{', '.join(choices[:-1])} or {choices[-1]}"
    return Shape(expected, lambda value: value in choices, lambda typed: typed.strip().lower(), choices=choices)


def switch() -> Shape:
    """Return the shape of true or false; on, off, yes and no can be typed, too."""
    words = {"true": True, "on": True, "yes": True, "1": True, "false": False, "off": False, "no": False, "0": False}
    return Shape(
        "true or false",
        lambda value: isinstance(value, bool),
        lambda typed: words.get(typed.strip().lower(), typed),
        kind=bool,
        choices=("true", "false"),
    )


def names() -> Shape:
    """Return the shape of a list of names, which are typed with commas between them."""

    def accepts(value: object) -> bool:
        return isinstance(value, list) and all(
            isinstance(each, str) and each and re.fullmatch(ONE_LINE, each) for each in value
        )

    return Shape("a list of names", accepts, lambda typed: [name.strip() for name in typed.split(",") if name.strip()])


def misfit(shape: Shape, value: object) -> str:
    """Return what a value must be and is not, empty if it fits."""
    if shape.accepts(value):
        return ""
    return f"must be {shape.expected}" if shape.secret else f"must be {shape.expected}, not {_quoted(value)}"


def without_password(address: str) -> str:
    """Return an address without the user and password in it."""
    return re.sub(r"(^|//)[^/\s]*@", r"\1", address)


def _is_whole(value: str) -> bool:
    """Tell whether a text can be written as UTF-8; other bytes of a command line become half characters."""
    return not any("\ud800" <= character <= "\udfff" for character in value)


def _is_number(value: object) -> TypeGuard[float]:
    """Tell whether a value is a number; `true` is not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _read_number(typed: str) -> object:
    whole = _read_whole(typed)
    try:
        return float(typed) if whole is typed else whole
    except ValueError:
        return typed


def _read_whole(typed: str) -> object:
    try:
        return int(typed)
    except ValueError:
        return typed


def _quoted(value: object) -> str:
    """Return a value as TOML would write it, cut if it is long; for a table or a list, say only that it is one."""
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
