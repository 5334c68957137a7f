"""One call to a server and the head of its answer, as values, and as lines of the debug log."""

import json
from collections.abc import Mapping
from typing import Any

from lmchat import __version__
from lmchat.dataclass import dataclass, field
from lmchat.errors import BadUseError
from lmchat.wire.address import Address
from lmchat.wire.redaction import HIDDEN, redact

CHAT = "/api/v1/chat"
MODELS = "/api/v1/models"
GREETING = "/lmstudio-greeting"

_LONG = 80


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked of a server; `read_seconds` is how long it may be silent (None: for ever).

    A `built_in` one is lmchat's own, which starts again by itself.
    """

    address: Address
    method: str
    path: str
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    connect_seconds: float = 5.0
    read_seconds: float | None = None
    built_in: bool = False

    @property
    def url(self) -> str:
        """Return the whole URL."""
        return self.address.url + self.path

    @property
    def content(self) -> bytes | None:
        """Return the body's bytes; raise BadUseError for a number that JSON does not have."""
        return None if self.body is None else json_bytes(self.body)

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers, the secret one among them."""
        headers = {
            "Accept": "*/*",
            "User-Agent": f"lmchat/{__version__}",
            # A compressed stream comes in lumps.
            "Accept-Encoding": "identity",
            "Connection": "close",
        }
        if self.body is not None:
            headers["Content-Type"] = "application/json"
        if self.address.authorization:
            headers["Authorization"] = self.address.authorization
        return headers

    @property
    def chats(self) -> bool:
        """Tell whether this asks for a reply, and not for a list or an action."""
        return self.method == "POST" and self.read_seconds is None and not self.path.startswith(MODELS)

    @property
    def native(self) -> bool:
        """Tell whether this is a route of LM Studio's own API."""
        return self.path in {CHAT, GREETING} or self.path.startswith(MODELS)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return everything that must not be shown: the token, and the headers of MCP servers."""
        integrations = (self.body or {}).get("integrations", ())
        headers = [each.get("headers", {}) for each in integrations if isinstance(each, dict)]
        # "Bearer" is no secret, and what follows it is one also where a server repeats it alone.
        words = (value.partition(" ")[2] or value for each in headers for value in each.values())
        return (*self.address.secrets, *words)

    def described(self) -> str:
        """Describe the call for the debug log, long texts and secrets left out."""
        if self.body is None:
            return f"{self.method} {self.url}"
        shown = json_bytes(_shortened(self.body)).decode()
        return redact(f"{self.method} {self.url} {shown}", self.secrets)


def json_bytes(body: Mapping[str, Any]) -> bytes:
    """Return a JSON object as UTF-8; raise BadUseError for a number that JSON does not have."""
    try:
        text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError as error:
        raise BadUseError("An option is not a finite number.", hint="Give it a number, or leave it out.") from error
    # Half of a surrogate pair (from a damaged file name or paste) has no UTF-8.
    return text.encode("utf-8", errors="replace")


@dataclass(frozen=True, slots=True)
class Head:
    """The first part of an answer."""

    status: int
    content_type: str = ""
    location: str = ""

    @property
    def good(self) -> bool:
        """Tell whether the status is one of success; the body may still be a refusal."""
        return 200 <= self.status < 300

    @property
    def streams(self) -> bool:
        """Tell whether events follow."""
        return self.good and self.content_type.lower().startswith("text/event-stream")


def _shortened(value: Any, name: str = "") -> Any:
    match value:
        case dict() if name == "headers":
            return dict.fromkeys(value, HIDDEN)
        case dict():
            return {key: _shortened(each, key) for key, each in value.items()}
        case list():
            return [_shortened(each) for each in value]
        case str() if name == "server_url":
            # A key often travels in the query.
            return value.partition("?")[0]
        case str() if len(value) > _LONG:
            return f"{value[:_LONG]}… ({len(value)} characters)"
        case _:
            return value
