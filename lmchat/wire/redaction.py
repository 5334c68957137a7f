"""Keeping secrets out of every text that leaves this room: errors, the debug log, raw events."""

import re
from collections.abc import Iterable
from typing import Any

HIDDEN = "[hidden]"

_ECHO = 6
"""The shortest beginning of a secret that counts as the secret: LM Studio echoes ten characters of a
token it does not accept (PROTOCOL.md section 1)."""

_USER_IN_URL = re.compile(r"(?<=://)[^/@\s\"']+@")


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return `text` without the secrets, without longer beginnings of them, and without users in URLs."""
    for secret in secrets:
        if len(secret) < _ECHO:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", HIDDEN, text)
            continue
        for end in range(len(secret), _ECHO - 1, -1):
            text = text.replace(secret[:end], HIDDEN)
    return _USER_IN_URL.sub("", text)


def redact_all(value: Any, secrets: tuple[str, ...]) -> Any:
    """Return a JSON value with every string in it redacted."""
    match value:
        case str():
            return redact(value, secrets)
        case list():
            return [redact_all(each, secrets) for each in value]
        case dict():
            return {key: redact_all(each, secrets) for key, each in value.items()}
        case _:
            return value
