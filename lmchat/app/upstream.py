"""`serve --upstream`: a server of the OpenAI-style routes, as the functions that the server on loopback needs."""

from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from lmchat.app.connect import connection_to
from lmchat.app.conversation import settings_of
from lmchat.app.invocation import Invocation
from lmchat.errors import LmchatError
from lmchat.wire.body import Frame
from lmchat.wire.client import Client
from lmchat.wire.dialects import COMPLETIONS
from lmchat.wire.http import exchange
from lmchat.wire.redaction import redact
from lmchat.wire.request import Call, Head
from lmchat.wire.route import Route

if TYPE_CHECKING:
    from lmchat.local.upstream import Passed, Upstream


def serve_upstream(invocation: Invocation, url: str, *, port: int, token: str, token_variable: str = "") -> None:
    """Serve LM Studio's stateful API in front of another server until Ctrl-C.

    The token for that comes from the variable named, or else from where it would come for `--url`.
    """
    from lmchat.local.run import bound

    if not all(find_spec(package) for package in ("starlette", "uvicorn")):
        raise LmchatError("The packages that serve are not installed.", hint="pip install 'lmchat[local]' brings them.")
    from lmchat.local.upstream import serve_in_front

    invocation = replace(invocation, url=url)
    client = _client(invocation, url, token_variable)
    with bound(port) as listening:
        try:
            client.models()
        except LmchatError as problem:  # it may be started later
            invocation.say(f"lmchat: {problem.message}")
        serve_in_front(invocation.world, listening, as_upstream(client), token=token, name=client.address.url)


def _client(invocation: Invocation, url: str, token_variable: str) -> Client:
    settings = settings_of(invocation)
    connection = connection_to(invocation, settings, url, remember=False, token_variable=token_variable)
    return replace(connection.client, route=Route(COMPLETIONS, keeps=False, program=None))


def as_upstream(client: Client) -> "Upstream":
    """Return a client of a server as what the server on loopback needs of it."""
    from lmchat.local.upstream import Passed, Upstream

    def pass_on(method: str, path: str, body: dict[str, Any] | None) -> Generator["Passed | bytes | None"]:
        good = True
        with closing(exchange(Call(client.address, method, path, body), client.log)) as pieces:
            for piece in pieces:
                match piece:
                    case Head():
                        good = piece.good
                        yield Passed(piece.status, piece.content_type or "application/json")
                    case list():
                        yield b"".join(map(_event, piece))
                    case bytes() if not good:
                        yield redact(piece.decode("utf-8", "replace"), client.address.secrets).encode()
                    case _:
                        yield piece

    return Upstream(client.chat, client.models, pass_on)


def _event(frame: Frame) -> bytes:
    name, data = frame
    event = f"event: {name}\n" if name else ""
    lines = "".join(f"data: {line}\n" for line in data.split("\n"))
    return f"{event}{lines}\n".encode()
