"""What goes wrong on the way to a server and back: httpx's exceptions as the errors of `lmchat.errors`."""

import re
import socket
from collections.abc import Callable, Iterator

from lmchat.errors import (
    RefusedError,
    ServerError,
    StreamBrokenError,
    UnreachableError,
)
from lmchat.wire.redaction import redact
from lmchat.wire.request import Call

_ELSEWHERE = (
    "Start LM Studio's server (`lms server start`), name another with `--url`, "
    "or use the built-in model with `--url local`."
)
NOT_LM_STUDIO = (
    "LM Studio 0.4.0 or newer is needed: update it, or name its address with `--url` if this is another program."
)
KEPT = "What came is kept; the next prompt carries it along."
BUILT_IN = "Ask again: the built-in model starts again. If it ends once more, close other programs to free memory."
AGAIN = "Try again, or check that it is LM Studio that answers there."


def unconnected(call: Call) -> UnreachableError:
    """Return the error for a connection that does not come about."""
    return UnreachableError(f"No answer from {call.address.url}: the connection timed out.", hint=_ELSEWHERE)


def connection_fault(
    error: Exception,
    call: Call,
    speaks_http: Callable[[], bool] = lambda: True,
    *,
    headed: bool,
    by_proxy: bool = False,
    heard: bytes = b"",
) -> ServerError | None:
    """Return the error for an exchange that failed before or after (`headed`) its answer began.

    `by_proxy` says that it went to a proxy, `heard` is how the answer began; where nothing was heard, `speaks_http`
    finds out whether HTTP is spoken there. None says that the exception is not the network's.
    """
    if not _of_network(error):
        return None
    if headed:
        return broken_off(KEPT if call.chats else AGAIN)
    fault = _unbegun(error, call, heard, speaks_http, by_proxy=by_proxy)
    return type(fault)(fault.message, hint=BUILT_IN) if call.built_in else fault


def _unbegun(
    error: Exception, call: Call, heard: bytes, speaks_http: Callable[[], bool], *, by_proxy: bool
) -> ServerError:
    import httpx

    url, said = call.address.url, redact(str(error), call.secrets)
    match error:
        case httpx.ProxyError() | httpx.ConnectError() | httpx.ConnectTimeout():
            through_proxy = by_proxy or isinstance(error, httpx.ProxyError)
            return _no_proxy(call, said) if through_proxy else _unreachable(error, call)
        case httpx.TimeoutException():
            return UnreachableError(
                f"{url} took the connection, but did not answer within {call.read_seconds or 0:g} seconds.",
                hint=_ELSEWHERE,
            )
        case _ if heard and not b"HTTP/".startswith(heard):
            return _no_http(call)
        case httpx.RemoteProtocolError() if "disconnected" not in said:
            return _no_http(call)
        case httpx.NetworkError() | httpx.RemoteProtocolError() if call.chats and (call.built_in or speaks_http()):
            return StreamBrokenError(
                "The server closed the connection before its reply began.",
                hint="Check that LM Studio is still running (`lms server status`), then ask again.",
            )
        case httpx.NetworkError() | httpx.RemoteProtocolError():
            return _no_http(call)
        case _:
            return UnreachableError(f"{url} cannot be reached: {said}", hint=_ELSEWHERE)


def _no_http(call: Call) -> UnreachableError:
    encrypted = "" if call.address.encrypted else "If its port is for encrypted connections, write https://. "
    return UnreachableError(f"What answers at {call.address.url} does not speak HTTP.", hint=f"{encrypted}{_ELSEWHERE}")


def _of_network(error: Exception) -> bool:
    """Tell whether an exception is about the exchange: the libraries' own, the system's, or a value they refuse."""
    room = type(error).__module__.partition(".")[0]
    return room in {"httpx", "httpcore", "h11", "idna", "socksio"} or isinstance(error, OSError | ValueError | EOFError)


def with_nothing_kept(error: StreamBrokenError, call: Call) -> StreamBrokenError:
    """Return the error of a reply of which nothing came, without the promise to keep what came."""
    if error.advice != KEPT:
        return error
    return StreamBrokenError(error.message, hint=BUILT_IN if call.built_in else AGAIN)


def broken_off(hint: str = KEPT) -> StreamBrokenError:
    """Return the error for an answer that ended before its end."""
    return StreamBrokenError("The connection ended before the reply was complete.", hint=hint)


def senseless(what: str, hint: str = KEPT) -> StreamBrokenError:
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
    import ssl

    import httpx

    url, host = call.address.url, call.address.host
    if isinstance(error, httpx.ConnectTimeout):
        return unconnected(call)
    causes = list(_causes(error))
    if any(isinstance(each, ssl.SSLError) for each in causes):
        return UnreachableError(
            f"No encrypted connection to {url}: {redact(str(error), call.secrets)}",
            hint="If the server speaks plain HTTP, write http://; a certificate of your own goes into SSL_CERT_FILE.",
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
