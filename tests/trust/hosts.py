"""What web pages could send to the embedded server: hosts and origins as raw bytes, of which few may pass."""

import random
import re
import socket
from contextlib import suppress
from urllib.parse import urlsplit

from lmchat.local.run import started
from lmchat.world import World
from tests.trust.section import Section

_PIECES: tuple[bytes, ...] = (
    b"localhost", b"LocalHost", b"127.0.0.1", b"[::1]", b"evil.com", b".", b":", b"@", b"80", b"65536", b"0", b"/",
    b"\\", b"`",
    b"{", b"%2e", b"%00", b" ", b"\t", b",", b"xn--", b"\xff", b"\xc5\xbf", b"#", b"?", b"http://", b"[", b"]",
    b"::ffff:127.0.0.1",
    b"127.1", b"0x7f000001", b"a", b"-", b"_", b"null", b"file://", b"//", b";",
    b"'", b"*", b"localhost:1234", b"evil.localhost",
)  # fmt: skip

_AUTHORITY = rb"(([A-Za-z0-9_-]+\.)*localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?"


def run_hosts(world: World, count: int, seed: int = 17) -> Section:
    """Ask with hosts and origins made of pieces; an answer other than a refusal is a fault, where it is not ours."""
    section, chance = Section("hostile hosts"), random.Random(seed)  # noqa: S311 - the same hosts each time
    with started(world) as url:
        for _ in range(count):
            made = b"".join(chance.choice(_PIECES) for _ in range(chance.randrange(1, 5)))
            is_host = chance.random() < 0.6
            headers = (b"Host: " + made,) if is_host else (b"Host: localhost", b"Origin: " + made)
            target = chance.choice(
                [b"/lmstudio-greeting", b"/api/v1/models", b"http://evil.com/api/v1/models", b"//x/api/v1/models"]
            )
            status, body = _asked(url, target, headers)
            ours = _is_ours(made.strip(b" \t"), origin=not is_host)
            fault = "" if ours or status in {0, 400, 403} else f"{headers} {target!r}: {status}"
            if status >= 500 or (status == 200 and not ours) or b"Traceback" in body:
                fault = f"{headers} {target!r}: {status} {body[:100]!r}"
            section.saw(0, fault)
    return section


def _is_ours(made: bytes, *, origin: bool) -> bool:
    """Judge in another way than the server does."""
    pattern = rb"[A-Za-z][A-Za-z0-9+.-]*://" + _AUTHORITY if origin else _AUTHORITY
    if not re.fullmatch(pattern, made, re.IGNORECASE):
        return False
    port = made.rpartition(b":")[2]
    return not port.isdigit() or 0 < int(port) < 65536


def _asked(url: str, target: bytes, headers: tuple[bytes, ...]) -> tuple[int, bytes]:
    """Send a request and return the status of the answer, 0 for a connection that was closed without one."""
    place = urlsplit(url)
    with socket.create_connection((place.hostname or "", place.port or 0), timeout=20) as connection:
        connection.sendall(b"\r\n".join([b"GET " + target + b" HTTP/1.1", *headers, b"Connection: close", b"", b""]))
        data = b""
        with suppress(ConnectionResetError):
            while more := connection.recv(65536):
                data += more
    head, _, body = data.partition(b"\r\n\r\n")
    return (int(head.split()[1]) if head.startswith(b"HTTP/") else 0), body
