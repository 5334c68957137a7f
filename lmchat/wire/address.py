"""The address of a server as people type or paste it, in one regular form, with its credentials and its proxy."""

import ipaddress
import os
import re
import sys
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

from lmchat.dataclass import dataclass, field
from lmchat.errors import BadUseError, UnreachableError

if TYPE_CHECKING:
    import ssl

STANDARD_PORT = 1234
"""LM Studio's own port, for an address that names neither scheme nor port (PROTOCOL.md section 1)."""

_PASTED_ROUTE = re.compile(r"(/api)?/v[01](/chat|/models|/responses|/chat/completions)?/*$")
_PROXY_SCHEMES = {"http": "http", "https": "https", "socks": "socks5", "socks5": "socks5", "socks5h": "socks5h"}
"""The kinds of proxies by the names that variables have for them, and as httpx calls them."""

_EXAMPLE = "It should look like http://localhost:1234 or https://models.example.com."


@dataclass(frozen=True, slots=True)
class Address:
    """A server's base URL, always with its scheme, and without credentials, API path or trailing slash.

    Raise BadUseError for a URL or a token that cannot be used. The token and the URL's own user and password go
    into `authorization` only, and `secrets` names them for redaction.
    """

    url: str
    token: str = field(default="", repr=False)
    authorization: str = field(init=False, default="", repr=False)
    secrets: tuple[str, ...] = field(init=False, default=(), repr=False)

    def __post_init__(self) -> None:
        """Make the URL regular and take the secrets out of it."""
        token = self.token.strip()
        if not (token.isascii() and (token.isprintable() and " " not in token)):
            raise BadUseError(
                "The API token contains characters that tokens never contain.",
                hint="Look at LM_API_TOKEN or the profile's token.",
            )
        parts = _split(self.url)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        from binascii import b2a_base64

        basic = b2a_base64(f"{user}:{password}".encode(), newline=False).decode() if user or password else ""
        authorization = f"Bearer {token}" if token else f"Basic {basic}" if basic else ""
        regular = {
            "url": _regular(parts),
            "token": token,
            "authorization": authorization,
            "secrets": tuple(each for each in (token, basic, password) if each),
        }
        for name, value in regular.items():
            object.__setattr__(self, name, value)

    @property
    def host(self) -> str:
        """Return the host's name or number."""
        return urlsplit(self.url).hostname or ""

    @property
    def origin(self) -> tuple[str, str, int]:
        """Return scheme, host and port in one form, the same for every way to write the address of one server."""
        parts = urlsplit(self.url)
        host = self.host.removesuffix(".")
        number = None if "%" in host else _number(host)
        standard = {"http": 80, "https": 443}[parts.scheme]
        return parts.scheme, str(number) if number is not None else _ascii(host), parts.port or standard

    @property
    def encrypted(self) -> bool:
        """Tell whether the connection is encrypted."""
        return self.url.startswith("https:")

    @property
    def loopback(self) -> bool:
        """Tell whether this is the machine itself, so that no proxy may be used."""
        host = self.host.removesuffix(".")
        number = _number(host)
        if number is None:
            return host == "localhost" or host.endswith(".localhost")
        return number.is_loopback or number.is_unspecified

    @property
    def exposes_token(self) -> bool:
        """Tell whether a token would cross a public network unencrypted."""
        if not self.authorization or self.encrypted or self.loopback:
            return False
        number = _number(self.host)
        if number is not None:
            return not (number.is_private or number.is_link_local)
        return "." in self.host and not self.host.endswith((".local", ".lan", ".internal", ".home.arpa"))


def load_httpx() -> None:
    """Import httpx, so that a plain `import httpx` costs nothing afterwards.

    httpx's own `__init__` tries to import its command line, which imports click and, through it, rich and more
    where click is installed: some 20 to 50 ms for nothing. httpx expects that click may be missing.
    """
    if "httpx" in sys.modules:
        return
    hide = "click" not in sys.modules
    if hide:
        sys.modules["click"] = None  # type: ignore[assignment]  # the documented way to make an import fail
    try:
        import httpx  # noqa: F401 - imported for those who import it next
    finally:
        if hide:
            del sys.modules["click"]


def tls_context(*, trust_env: bool) -> "ssl.SSLContext":
    """Return the TLS settings of a connection: httpx's own list of authorities is trusted, and that of this machine."""
    import httpx

    context = httpx.create_ssl_context(trust_env=trust_env)
    context.load_default_certs()
    return context


def proxy_for(address: Address) -> str | None:
    """Return the URL of the proxy that the environment names for an address, None where there is none.

    Raise UnreachableError for one that cannot be used.
    httpx reads the same variables, but fails at entries of NO_PROXY that other programs understand: `[::1]`,
    `10.0.0.0/8`.
    """
    # A proxy from the environment knows nothing of this machine's own ports.
    if address.loopback or not _proxies_possible():
        return None
    from urllib.request import getproxies

    proxies = getproxies()
    proxy = (proxies.get("https" if address.encrypted else "http") or proxies.get("all") or "").strip()
    if not proxy or any(_covers(entry, address.host) for entry in proxies.get("no", "").split(",")):
        return None
    return _proxy_url(proxy)


def _proxies_possible() -> bool:
    """Tell whether a proxy may be named: asking urllib costs 30 ms, and only two systems have other places for it."""
    names = os.environ  # noqa: TID251 - what urllib reads, too
    return sys.platform in {"darwin", "win32"} or any(name.lower().endswith("_proxy") for name in names)


def _proxy_url(text: str) -> str:
    """Return the URL of a proxy as httpx takes it; raise UnreachableError for anything else."""
    scheme, _, place = text.rpartition("://")
    scheme = _PROXY_SCHEMES.get(scheme.lower(), scheme) if scheme else "http"
    # What precedes an @ may be a password.
    shown = f"{scheme}://{place.rpartition('@')[2]}"
    try:
        parts = urlsplit(f"{scheme}://{place}")
        valid = parts.port != 0 and re.fullmatch(r"[\w.:%-]+", parts.hostname or "")
    except ValueError:
        valid = None
    if not valid or scheme not in _PROXY_SCHEMES.values():
        raise UnreachableError(
            f"The proxy that the environment names, {_shown(shown)}, is not the URL of one.",
            hint="Correct HTTP_PROXY, HTTPS_PROXY or ALL_PROXY: http://HOST:PORT, or socks5://HOST:PORT.",
        )
    from importlib.util import find_spec

    if scheme.startswith("socks") and find_spec("socksio") is None:
        raise UnreachableError(
            f"The proxy {_shown(shown)} needs an extra of lmchat that is not installed.",
            hint="Install it: pip install 'lmchat[socks]', or name the host in NO_PROXY.",
        )
    return f"{scheme}://{place}"


def _covers(entry: str, host: str) -> bool:
    """Tell whether an entry of NO_PROXY covers a host; a malformed one covers none."""
    entry = entry.strip().lower().rpartition("://")[2]
    if entry == "*":
        return True
    name = entry.strip("[]") if entry.count(":") != 1 else entry.partition(":")[0]
    if entry.startswith("["):
        name = entry[1:].partition("]")[0]
    try:
        number = ipaddress.ip_address(host.partition("%")[0])
        return number in ipaddress.ip_network(name, strict=False)
    except (ValueError, TypeError):
        name = name.removeprefix("*").strip(".")
        return bool(name) and (host == name or host.endswith(f".{name}"))


def _split(url: str) -> SplitResult:
    text = url.strip()
    named = re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text)
    try:
        parts = urlsplit(text if named else f"http://{text}")
        port, host = parts.port, parts.hostname or ""
        host.encode("idna" if _number(host) is None else "ascii")
    except ValueError as error:
        raise BadUseError(f"{_shown(text)} is not a URL.", hint=_EXAMPLE) from error
    if parts.scheme not in {"http", "https"}:
        raise BadUseError(f"{_shown(text)} does not begin with http:// or https://.", hint=_EXAMPLE)
    if not re.fullmatch(r"[\w.:%-]+", host) or port == 0 or re.search(r"[\s\x00-\x1f\\]", text):
        raise BadUseError(f"{_shown(text)} is not a URL.", hint=_EXAMPLE)
    if parts.query or parts.fragment:
        raise BadUseError(
            f"{_shown(text)} has a query or a fragment, which the address of a server cannot have.", hint=_EXAMPLE
        )
    if not named and port is None:
        return parts._replace(netloc=f"{parts.netloc.removesuffix(':')}:{STANDARD_PORT}")
    return parts


def _regular(parts: SplitResult) -> str:
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    standard = {"http": 80, "https": 443}[parts.scheme]
    port = "" if parts.port in {None, standard} else f":{parts.port}"
    path = _PASTED_ROUTE.sub("", parts.path.rstrip("/")).rstrip("/")
    return f"{parts.scheme}://{host}{port}{path}"


def _ascii(host: str) -> str:
    """Write a host's name as it goes over the network, as httpx does it; another way could name another server."""
    if host.isascii():
        return host.lower()
    import idna

    try:
        return idna.encode(host.lower()).decode("ascii")
    except idna.IDNAError:
        return host


def _number(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    address = host.partition("%")[0]  # without a zone, which only IPv6 has
    try:
        number = ipaddress.ip_address(address if ":" in address else host)
    except ValueError:
        return None
    mapped = number.ipv4_mapped if isinstance(number, ipaddress.IPv6Address) else None
    return mapped or number


def _shown(text: str) -> str:
    """Quote what was typed, without user and password."""
    return repr(re.sub(r"//[^/]*@|^[^/]*@", "//", text)) if text else "An empty text"
