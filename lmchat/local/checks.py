"""Checks of the values in a request's JSON: each is returned as it is to be used, or refused by its name."""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

from lmchat.chat.values import join_surrogates
from lmchat.local.refusals import Refusal

Check = Callable[[str, Any], Any]
"""Takes a key and its value, returns the value as it is to be used, or raises Refusal."""


def json_object(body: bytes) -> dict[str, Any]:
    """Parse a body that must be one JSON object."""
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_not_json)
    except (ValueError, RecursionError) as problem:
        raise Refusal(f"The request body is not valid JSON: {problem}", code="invalid_json") from None
    if not isinstance(value, dict):
        raise Refusal(f"Expected object, received {kind(value)}", code="invalid_type")
    return value


def checked(body: Mapping[str, Any], checks: Mapping[str, Check]) -> dict[str, Any]:
    """Return the values of an object, each as its check returns it; every key must have one."""
    return {key: checks[key](key, value) for key, value in body.items()}


def unknown_keys(names: Iterable[str]) -> str:
    """Say which keys there are that should not be there, as LM Studio does."""
    return "Unrecognized key(s) in object: " + ", ".join(f"'{join_surrogates(name)}'" for name in names)


def text(key: str, value: Any) -> str:
    """Check a string."""
    if not isinstance(value, str):
        wrong_type(key, "string", value)
    return join_surrogates(value)


def flag(key: str, value: Any) -> bool:
    """Check a boolean."""
    if not isinstance(value, bool):
        wrong_type(key, "boolean", value)
    return value


def number(lowest: float, highest: float = math.inf, *, above: bool = False) -> Check:
    """Return the check of a number in a range; with `above`, it must be greater than the lowest."""

    def check(key: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            wrong_type(key, "number", value)
        _in_range(key, value, lowest, highest, above=above)
        return float(value)

    return check


def whole(lowest: int) -> Check:
    """Return the check of an integer from `lowest` on."""

    def check(key: str, value: Any) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            wrong_type(key, "integer", value)
        # Larger ones do not fit the engine's own integers.
        _in_range(key, value, lowest, 2**31 - 1)
        return int(value)

    return check


def sequence(key: str, value: Any) -> tuple[Any, ...]:
    """Check an array."""
    if not isinstance(value, list):
        wrong_type(key, "array", value)
    return tuple(value)


def mapping(key: str, value: Any) -> dict[str, Any]:
    """Check an object."""
    if not isinstance(value, dict):
        wrong_type(key, "object", value)
    return value


def picture(key: str, value: Any) -> str:
    """Check the URL of a picture, which must contain it."""
    url = text(key, value)
    if not (url.startswith("data:image/") and ";base64," in url[:100]):
        raise Refusal(
            "A picture must be a base64 data URL, such as 'data:image/png;base64,…'.", code="invalid_value", param=key
        )
    return url


def wrong_type(key: str, expected: str, value: Any) -> NoReturn:
    """Refuse a value of another type than expected."""
    raise Refusal(f"Expected {expected}, received {kind(value)}", code="invalid_type", param=key)


def kind(value: Any) -> str:
    """Name a value's type as JSON does."""
    names = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "null")


def _in_range(key: str, value: float, lowest: float, highest: float, *, above: bool = False) -> None:
    if above and value <= lowest:
        raise Refusal(f"Number must be greater than {lowest:g}", code="too_small", param=key)
    if value < lowest:
        raise Refusal(f"Number must be greater than or equal to {lowest:g}", code="too_small", param=key)
    if value > highest:
        raise Refusal(f"Number must be less than or equal to {highest:g}", code="too_big", param=key)


def _not_json(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")
