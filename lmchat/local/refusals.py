"""Refusals as LM Studio words them (PROTOCOL.md section 2), and the checks of a request's JSON that raise them."""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

from lmchat.chat.values import join_surrogates


class Refusal(Exception):  # noqa: N818  # named after what it is; it is sent, not shown as an error of lmchat
    """An error as the API sends it; `details` are its `code` and `param`, null where LM Studio says null."""

    def __init__(
        self, message: str, *, status: int = 400, kind: str = "invalid_request", **details: str | None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error: dict[str, Any] = {"message": message, "type": kind, **details}


class Overflow(Refusal):
    """A prompt that is larger than the model's context."""


def not_found(message: str, param: str = "model", code: str = "model_not_found") -> Refusal:
    """Refuse what does not exist."""
    return Refusal(message, status=404, param=param, code=code)


def unknown_model(model: str, examples: Sequence[str]) -> Refusal:
    """Refuse a model that is not on this machine."""
    hint = f"(e.g., {', '.join(examples[:3])}, ...)" if examples else "(none is downloaded yet)"
    return not_found(f'Invalid model identifier "{model}". Please specify a valid downloaded model {hint}.')


def missing(key: str) -> Refusal:
    """Refuse a request without a key that it must have."""
    return Refusal(f'"{key}" is required', code="missing_required_parameter", param=key)


def unsupported(what: str, key: str) -> Refusal:
    """Refuse what the OpenAI-style routes allow and this server cannot do."""
    return Refusal(f"{what} is not supported by this server.", code="unsupported_parameter", param=key)


def lost_chain(response_id: str) -> Refusal:
    """Refuse to follow a response that is not stored, or no longer."""
    return Refusal(
        f"Could not find stored response for previous_response_id '{response_id}'. Please ensure the ID is correct. "
        "Current previous response auto-deletion policy: Responses older than 30 days are automatically deleted.",
        param="previous_response_id",
        code="invalid_value",
    )


def lost_node(response_id: str) -> Refusal:
    """Refuse to follow a response that is not stored, as `/v1/responses` words it (PROTOCOL.md section 6)."""
    return Refusal(
        f"Prediction history node with id '{response_id}' not found while attempting to build chat history chain that "
        "includes this node.",
        param="previous_response_id",
        code="previous_response_not_found",
    )


def overflow() -> Overflow:
    """Refuse a prompt that is larger than the model's context."""
    return Overflow(
        "The number of tokens to keep from the initial prompt is greater than the context length. Try to load the "
        "model with a larger context length, or provide a shorter input",
        status=500,
        kind="internal_error",
        code="unknown",
        param=None,
    )


def no_tools(integration: Any) -> Refusal:
    """Refuse an integration as LM Studio does where a plugin is not installed or not allowed."""
    plugin = integration.get("id") if isinstance(integration, dict) else integration
    if isinstance(plugin, str):
        return Refusal(
            f"Unable to get plugin tools for '{plugin}'. Error: Cannot find plugin handle for plugin: {plugin}",
            kind="plugin_connection_error",
            param="integrations",
        )
    if isinstance(integration, dict) and integration.get("type") == "ephemeral_mcp":
        label = integration.get("server_label")
        named = f" '{label}'" if isinstance(label, str) else ""
        message = f"Permission denied to use ephemeral MCP server{named}. The built-in server runs no tools."
        return Refusal(message, status=403, param="integrations", code=None)
    expected = "Invalid discriminator value. Expected 'plugin' | 'ephemeral_mcp'"
    return Refusal(expected, param="integrations", code="invalid_union")


def broken(message: str, code: str = "unknown") -> Refusal:
    """Report that the server itself failed."""
    return Refusal(message, status=500, kind="internal_error", code=code, param=None)


def bug(problem: Exception) -> Refusal:
    """Report an exception that is not expected."""
    return broken(f"The server failed: {type(problem).__name__}: {problem}")


def engine_failed(message: str) -> Refusal:
    """Report that the engine ended, broke off its answer or cannot be started."""
    return broken(message, "engine_failed")


Check = Callable[[str, Any], Any]
"""Takes a key and its value, returns the value as it is to be used, or raises Refusal."""


def json_object(body: bytes) -> dict[str, Any]:
    """Parse a body that must be one JSON object."""
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_not_json)
    except (ValueError, RecursionError) as problem:
        raise Refusal(f"The request body is not valid JSON: {problem}", code="invalid_json") from None
    if not isinstance(value, dict):
        raise Refusal(f"Expected object, received {_kind(value)}", code="invalid_type")
    return value


def strict(body: Mapping[str, Any], checks: Mapping[str, Check], required: Iterable[str]) -> dict[str, Any]:
    """Return the checked values of an object; refuse it if it has an unknown key or lacks a required one."""
    if unknown := [key for key in body if key not in checks]:
        raise Refusal(unknown_keys(unknown), code="unrecognized_keys")
    for key in required:
        if key not in body:
            raise missing(key)
    return checked(body, checks)


def checked(body: Mapping[str, Any], checks: Mapping[str, Check]) -> dict[str, Any]:
    """Return those values of an object that have a check, each as its check returns it."""
    return {key: checks[key](key, value) for key, value in body.items() if key in checks}


def unknown_keys(names: Iterable[str]) -> str:
    """Name the keys that should not be there, as LM Studio does."""
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


def integer(lowest: int) -> Check:
    """Return the check of an integer that is at least `lowest`."""

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
    """Check the URL of a picture, which must contain the picture itself."""
    url = text(key, value)
    if not (url.startswith("data:image/") and ";base64," in url[:100]):
        message = "A picture must be a base64 data URL, such as 'data:image/png;base64,…'."
        raise Refusal(message, code="invalid_value", param=key)
    return url


def wrong_type(key: str, expected: str, value: Any) -> NoReturn:
    """Refuse a value of another type than expected."""
    raise Refusal(f"Expected {expected}, received {_kind(value)}", code="invalid_type", param=key)


def _kind(value: Any) -> str:
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
    raise ValueError(f"{name} is not JSON")
