"""What a server says when it refuses, in any form that servers use (PROTOCOL.md section 2, Refusals).

`refusals` says what it means.
"""

import re
from collections.abc import Mapping
from html import unescape
from typing import Any

from lmchat.dataclass import dataclass
from lmchat.wire.reading import mapping, parse_json, text
from lmchat.wire.redaction import redact

_LONGEST = 500

_BEGINNING = 10_000
"""Characters of a message or a page that are looked at."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """A server's own words, redacted, on one line; each may be empty.

    `structured` says whether they came under `error`, as the API sends them.
    """

    status: int
    message: str = ""
    type: str = ""
    code: str = ""
    param: str = ""
    structured: bool = False

    def says(self, *words: str) -> bool:
        """Tell whether one of `words` (in lower case) is in the message."""
        lower = self.message.lower()
        return any(word in lower for word in words)

    def names(self, *kinds: str) -> bool:
        """Tell whether the code or the type is one of `kinds`."""
        return self.code in kinds or self.type in kinds


def read_complaint(status: int, body: bytes, secrets: tuple[str, ...]) -> Complaint:
    """Read the body of a refusal: the API's JSON, another's JSON, a web page, plain text or nothing."""
    content = body.decode("utf-8-sig", errors="replace")
    if event := re.search(r"^data:(.*)$", content[:_BEGINNING], re.MULTILINE):
        # LiteLLM sends an error as the first event of a stream, with its status.
        content = event[1]
    try:
        return complaint_of(status, parse_json(content), secrets)
    except ValueError:
        return Complaint(status, _line(_page_title(content), secrets))


def complaint_of(status: int, value: object, secrets: tuple[str, ...]) -> Complaint:
    """Read a refusal from JSON: `{"error": {…}}`, `{"error": "…"}`, the bare error, or what others write."""
    data = mapping(value)
    error: object = data.get("error") or data or value
    about: Mapping[str, Any] = mapping(error)
    if not about:
        return Complaint(status, _line(text(error), secrets), structured="error" in data)
    message = text(about.get("message")) or text(about.get("detail")) or text(about.get("error"))
    return Complaint(
        status=status,
        message=_line(message, secrets),
        type=_word(about.get("type"), secrets),
        code=_word(about.get("code"), secrets),
        param=_word(about.get("param"), secrets),
        structured="error" in data,
    )


def _word(value: object, secrets: tuple[str, ...]) -> str:
    return _line(text(value), secrets)


def _line(message: str, secrets: tuple[str, ...]) -> str:
    line = " ".join(redact(message[:_BEGINNING], secrets)[: 4 * _LONGEST].split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST].rstrip()}…"


def _page_title(content: str) -> str:
    """Return a web page's title in place of the page, any other text as it is."""
    if not re.match(r"\s*<(!doctype|html|head|\?xml)", content, re.IGNORECASE):
        return content
    title = re.search(r"<title[^>]*>([^<]*)", content[:_BEGINNING], re.IGNORECASE)
    return f"a web page, '{unescape(title[1]).strip()}'" if title else "a web page"
