"""The JSON schema that a reply must fit: read, and compared with a reply. Nothing is ever fetched for it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lmchat.errors import BadUseError, UnfitReplyError
from lmchat.world import path_of

_EXAMPLE = 'A schema is a JSON object such as {"type": "object", "properties": {"city": {"type": "string"}}}.'
_ASK_AGAIN = "Ask again, allow a longer reply (--max-output-tokens), or use a larger model."
_LONGEST = 200


def read_schema(given: str) -> Mapping[str, Any]:
    """Return the schema that is given as JSON or as the name of a file; raise BadUseError if it is not a schema."""
    from jsonschema.exceptions import SchemaError

    text = given if given.lstrip().startswith("{") else _content(path_of(given))
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise BadUseError(f"The schema is not JSON: {problem}.", hint=_EXAMPLE) from None
    if not isinstance(schema, dict):
        raise BadUseError("The schema is not a JSON object.", hint=_EXAMPLE)
    try:
        _validator(schema).check_schema(schema)
    except SchemaError as problem:
        raise BadUseError(f"The schema cannot be used: {_words(problem)}.", hint=_EXAMPLE) from None
    return schema


def check_reply(schema: Mapping[str, Any], reply: str) -> None:
    """Raise UnfitReplyError if a reply is not JSON that fits the schema."""
    from jsonschema.exceptions import best_match
    from jsonschema_specifications import REGISTRY
    from referencing.exceptions import Unresolvable

    try:
        value = json.loads(reply)
    except (ValueError, RecursionError):
        raise UnfitReplyError("The reply is not JSON, so it does not fit the schema.", hint=_ASK_AGAIN) from None
    try:
        # With an explicit registry, no reference is looked up on the network.
        problem = best_match(_validator(schema)(schema, registry=REGISTRY).iter_errors(value))
    except Unresolvable as unknown:
        raise BadUseError(f"The schema refers to {unknown.ref}, which is not in it.") from None
    if problem is not None:
        raise UnfitReplyError(f"The reply does not fit the schema: {_words(problem)}.", hint=_ASK_AGAIN)


def _validator(schema: Mapping[str, Any]) -> Any:
    from jsonschema import Draft202012Validator
    from jsonschema.validators import validator_for

    return validator_for(schema, default=Draft202012Validator)


def _words(problem: Any) -> str:
    where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in problem.absolute_path).lstrip(".")
    message = problem.message if len(problem.message) <= _LONGEST else problem.message[:_LONGEST] + "…"
    return f"{where}: {message}" if where else message


def _content(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "it is not text in UTF-8"
        raise BadUseError(f"The schema {path} cannot be read: {reason}.", hint=_EXAMPLE) from None
