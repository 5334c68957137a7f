"""Failures of an exchange as those of `lmchat.errors`: what httpx, h11 and the system raise, and refusals as read.

What a server says when it refuses may have any form (PROTOCOL.md section 2, Refusals); `refusals` says what it means.
"""

import re
import socket
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lmchat.chat.exchange import PARTLY_KEPT
from lmchat.dataclass import dataclass
from lmchat.errors import RefusedError, ServerError, StreamBrokenError, UnreachableError
from lmchat.wire.http import Call, Connection
from lmchat.wire.reading import mapping, parse_json, text
from lmchat.wire.redaction import redact

_ELSEWHERE = (
    "Start LM Studio's server (`lms server start`), name another with `--url`, "
    "or use the built-in model with `--url local`."
)
_PLAIN = "If the server speaks plain HTTP, write http://"
NOT_LM_STUDIO = (
    "LM Studio 0.4.0 or newer is needed: update it, or name its address with `--url` if this is another program."
)
BUILT_IN = "Ask again: the built-in model starts again. If it ends once more, close other programs to free memory."
AGAIN = "Try again, or check that it is LM Studio that answers there."
_LONGEST = 500
"""Characters of a refusal that are shown."""

_BEGINNING = 10_000
"""Characters of a message or a page that are looked at."""


def unconnected(call: Call) -> UnreachableError:
    """Return the error for a connection that cannot be made in time."""
    # A server that waits for a line of HTTP, such as llama-server, never answers the beginning of TLS.
    plain = f"{_PLAIN}. " if call.address.encrypted else ""
    return UnreachableError(
        f"No answer from {call.address.url}: the connection timed out.", hint=f"{plain}{_ELSEWHERE}"
    )


def connection_fault(
    error: Exception,
    call: Call,
    connection: Connection,
    speaks_http: Callable[[], bool] = lambda: True,
    *,
    headed: bool,
) -> ServerError | None:
    """Return the error for an exchange that failed before or after (`headed`) its answer began.

    Where nothing was received over the connection, `speaks_http` finds out whether HTTP is spoken there. None says that
    the exception is not the network's.
    """
    if not _of_network(error):
        return None
    if headed:
        return broken_off(PARTLY_KEPT if call.chats else AGAIN)
    fault = _unbegun(error, call, connection, speaks_http)
    return type(fault)(fault.message, hint=BUILT_IN) if call.built_in else fault


def _unbegun(error: Exception, call: Call, connection: Connection, speaks_http: Callable[[], bool]) -> ServerError:
    url, said, kinds = call.address.url, redact(str(error), call.secrets), _kinds(error)
    if "ProxyError" in kinds:
        return _no_proxy(call, said)
    if connection.sock is None or kinds & {"ConnectError", "ConnectTimeout"}:
        # A name that is not ASCII is connected to by another spelling.
        by_proxy = call.address.host.isascii() and connection.host not in {"", call.address.host}
        return _no_proxy(call, said) if by_proxy else _unreachable(error, call)
    if kinds & {"TimeoutError", "TimeoutException"}:
        return UnreachableError(
            f"{url} accepted the connection, but did not answer within {call.read_seconds or 0:g} seconds.",
            hint=_ELSEWHERE,
        )
    if connection.first_bytes and not b"HTTP/".startswith(connection.first_bytes):
        return no_http(call)
    if not kinds & {"OSError", "NetworkError", "RemoteProtocolError"}:
        return UnreachableError(f"{url} cannot be reached: {said}", hint=_ELSEWHERE)
    silent = "RemoteProtocolError" not in kinds or "disconnected" in said
    if silent and call.chats and (call.built_in or speaks_http()):
        return StreamBrokenError(
            "The server closed the connection before its reply began.",
            hint="Check that LM Studio is still running (`lms server status`), then ask again.",
        )
    return no_http(call)


def _kinds(error: BaseException) -> set[str]:
    """Return the names of an exception's classes: httpx, h11 and the system call the same things the same."""
    return {each.__name__ for each in type(error).__mro__}


def no_http(call: Call) -> UnreachableError:
    """Return the error for something that speaks another protocol."""
    encrypted = "" if call.address.encrypted else "If its port is for encrypted connections, write https://. "
    return UnreachableError(f"What answers at {call.address.url} does not speak HTTP.", hint=f"{encrypted}{_ELSEWHERE}")


def _of_network(error: Exception) -> bool:
    """Tell whether an exception is about the exchange: the libraries' own, the system's, or a value they refuse."""
    room = type(error).__module__.partition(".")[0]
    return room in {"httpx", "httpcore", "h11", "idna", "socksio"} or isinstance(error, OSError | ValueError | EOFError)


def with_nothing_kept(error: StreamBrokenError, call: Call) -> StreamBrokenError:
    """Return the error for a reply of which nothing came: its hint must not promise that something is kept."""
    if error.advice != PARTLY_KEPT:
        return error
    return StreamBrokenError(error.message, hint=BUILT_IN if call.built_in else AGAIN)


def broken_off(hint: str = PARTLY_KEPT) -> StreamBrokenError:
    """Return the error for an answer that ended before its end."""
    return StreamBrokenError("The connection ended before the reply was complete.", hint=hint)


def unreadable(what: str, hint: str = PARTLY_KEPT) -> StreamBrokenError:
    """Return the error for an answer that cannot be understood; `what` says which part of it."""
    return StreamBrokenError(f"The server sent {what} that makes no sense.", hint=hint)


def not_lm_studio(call: Call, what: str) -> RefusedError:
    """Return the error for a server that answers with something else; `what` says with what."""
    return RefusedError(f"{call.address.url} answers with {what}, not as LM Studio does.", hint=NOT_LM_STUDIO)


def _no_proxy(call: Call, said: str) -> UnreachableError:
    said = re.sub(r"^\[Errno -?\d+\] ", "", said)
    return UnreachableError(
        f"The proxy on the way to {call.address.url} cannot be used: {said}",
        hint="Look at HTTP_PROXY, HTTPS_PROXY and ALL_PROXY, or name the host in NO_PROXY.",
    )


def _unreachable(error: Exception, call: Call) -> UnreachableError:
    url, host = call.address.url, call.address.host
    if _kinds(error) & {"ConnectTimeout", "TimeoutError"}:
        return unconnected(call)
    causes = list(_causes(error))
    if any("SSLError" in _kinds(each) for each in causes):
        return UnreachableError(
            f"No encrypted connection to {url}: {redact(str(error), call.secrets)}",
            hint=f"{_PLAIN}; a certificate of your own goes into SSL_CERT_FILE.",
        )
    if any(isinstance(each, socket.gaierror) for each in causes):
        return UnreachableError(f"There is no host called '{host}', or no network to ask.", hint=_ELSEWHERE)
    if any(isinstance(each, ConnectionRefusedError) for each in causes):
        return UnreachableError(f"Nothing answers at {url}.", hint=_ELSEWHERE)
    return UnreachableError(f"{url} cannot be reached: {redact(str(error), call.secrets)}", hint=_ELSEWHERE)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


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
    from html import unescape

    title = re.search(r"<title[^>]*>([^<]*)", content[:_BEGINNING], re.IGNORECASE)
    return f"a web page, '{unescape(title[1]).strip()}'" if title else "a web page"
