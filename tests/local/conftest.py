"""What the tests of the built-in server share: a tiny GGUF head, an engine of our own, and a web server."""

import dataclasses
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from lmchat.local import run
from lmchat.local.catalogue import BUILT_IN
from lmchat.local.downloads import Downloads
from lmchat.local.embedded import Embedded, management_routes
from lmchat.local.engine import Engine, Instances, LoadOptions
from lmchat.local.fetch import fetch
from lmchat.local.history import History
from lmchat.local.models import ModelFile, Places
from lmchat.local.server import ServerState, Worker, application, openai_routes
from lmchat.local.serving import configured
from tests.local.engine import FakeEngine

KEY = "qwen2.5-coder-0.5b-instruct"


def gguf_bytes(**said: str | int) -> bytes:
    """Write the head of a GGUF file by hand: version 3, no tensors."""
    head = b"GGUF" + struct.pack("<IQQ", 3, 0, len(said))
    for name, value in said.items():
        key = name.replace("__", ".").encode()
        head += struct.pack("<Q", len(key)) + key
        if isinstance(value, str):
            head += struct.pack("<IQ", 8, len(value.encode())) + value.encode()
        else:
            head += struct.pack("<II", 4, value)
    return head


def put_built_in(cache: Path) -> None:
    """Put a file in the cache that passes for the built-in model as long as only its head is read."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / BUILT_IN.file).open("wb") as stream:
        stream.write(gguf_bytes(general__architecture="qwen2"))
        stream.truncate(BUILT_IN.size)


@dataclasses.dataclass
class Served:
    """A server that runs in this process, and its backend."""

    http: httpx.Client
    engine: FakeEngine
    state: ServerState
    places: Places
    loads: list[LoadOptions]

    def chat(self, text: str = "Hello", **more: object) -> httpx.Response:
        return self.http.post("/api/v1/chat", json={"model": KEY, "input": text, **more})


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    fake = FakeEngine()
    yield fake
    fake.close()


class Switch:
    """The way to the application under test, so that one web server serves all tests."""

    def __init__(self) -> None:
        self.app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None
        await self.app(scope, receive, send)


@pytest.fixture(scope="session")
def switch() -> Iterator[tuple[Switch, str]]:
    listening = run.bound(0)
    switch = Switch()
    server = uvicorn.Server(configured(switch))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield switch, run.address(listening)
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="session")
def http(switch: tuple[Switch, str]) -> Iterator[httpx.Client]:
    """Make one client for all tests (to make one takes 25 ms); it opens a connection for each request."""
    none = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(base_url=switch[1], timeout=20, limits=none) as client:
        yield client


@pytest.fixture
def serving(
    tmp_path: Path, engine: FakeEngine, switch: tuple[Switch, str], http: httpx.Client
) -> Callable[[str], Served]:
    """Start the server over the fake engine, with a token or none."""
    put_built_in(tmp_path / "cache")
    loads: list[LoadOptions] = []

    def load(model: ModelFile, options: LoadOptions, progress: Callable[[float], None]) -> Engine:
        loads.append(options)
        engine.running = True
        for fraction in (0.25, 1.0):
            progress(fraction)
        return Engine(engine.url, "secret", options.context or engine.window, 128, engine)

    def begin(token: str = "") -> Served:
        places = Places(tmp_path / "cache", tmp_path / "lmstudio")
        models, worker = Embedded(places, Instances(load), Downloads(places, fetch)), Worker()
        state = ServerState(models, History(tmp_path / "data" / "local.db"), worker)
        switch[0].app = application(state, [*openai_routes(), *management_routes(models, worker)], token)
        return Served(http, engine, state, places, loads)

    return begin


@pytest.fixture
def served(serving: Callable[[str], Served]) -> Served:
    return serving("")
