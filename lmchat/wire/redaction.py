"""Keeping secrets out of every text that leaves this package: errors, the debug log, raw events."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

HIDDEN = "[hidden]"

_ECHO = 6
"""The shortest beginning of a secret that counts as the secret: LM Studio echoes ten characters of a
token it does not accept (PROTOCOL.md section 1)."""

_USER_IN_URL = re.compile(r"(?<=://)[^/@\s\"']+@")


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return `text` without the secrets, without longer beginnings of them, and without users in URLs.

    A secret is known in other letter case too, and where some or all of it is percent-encoded.
    """
    for secret in secrets:
        if secret:
            text = _without(text, secret)
    return _USER_IN_URL.sub("", text)


def redact_all(value: Any, secrets: tuple[str, ...]) -> Any:
    """Return a JSON value with every string in it redacted, the names of members too."""
    match value:
        case str():
            return redact(value, secrets)
        case list():
            return [redact_all(each, secrets) for each in value]
        case dict():
            return {redact(key, secrets): redact_all(each, secrets) for key, each in value.items()}
        case _:
            return value


def _without(text: str, secret: str) -> str:
    letters = _letters(secret)
    if len(secret) < _ECHO:
        whole = "".join(letter.pattern for letter in letters)
        return re.sub(rf"(?<!\w){whole}(?!\w)", HIDDEN, text, flags=re.IGNORECASE)
    kept, at = [], 0
    for found in _beginning(secret).finditer(text):
        if found.start() < at:
            continue
        kept.append(text[at : found.start()])
        at = found.end()
        for letter in letters[_ECHO:]:
            if (following := letter.match(text, at)) is None:
                break
            at = following.end()
    return HIDDEN.join((*kept, text[at:]))


@lru_cache(maxsize=64)
def _beginning(secret: str) -> re.Pattern[str]:
    return re.compile("".join(letter.pattern for letter in _letters(secret[:_ECHO])), re.IGNORECASE)


@lru_cache(maxsize=64)
def _letters(secret: str) -> list[re.Pattern[str]]:
    """Return a pattern for each character, as it is or percent-encoded."""
    encoded = ("".join(f"%{byte:02x}" for byte in letter.encode("utf-8", "replace")) for letter in secret)
    pairs = zip(secret, encoded, strict=True)
    return [re.compile(f"(?:{re.escape(letter)}|{percent})", re.IGNORECASE) for letter, percent in pairs]
