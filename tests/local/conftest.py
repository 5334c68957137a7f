"""What the tests of the embedded server share: a tiny GGUF head, an engine of our own, and the real thing."""

import dataclasses
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from lmchat.dataclass import replace
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
from lmchat.world import Directories, World, this_world
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
    """Put a file in the cache that passes for the built-in model until somebody reads on."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / BUILT_IN.file).open("wb") as stream:
        stream.write(gguf_bytes(general__architecture="qwen2"))
        stream.truncate(BUILT_IN.size)


@dataclasses.dataclass
class Served:
    """A server that runs in this process, and what stands behind it."""

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
    """Stand in front of the application under test, so that one web server does for all tests."""

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


@pytest.fixture
def serving(tmp_path: Path, engine: FakeEngine, switch: tuple[Switch, str]) -> Iterator[Callable[[str], Served]]:
    """Start the server over the fake engine, with a token or none."""
    put_built_in(tmp_path / "cache")
    loads: list[LoadOptions] = []

    def load(model: ModelFile, options: LoadOptions, progress: Callable[[float], None]) -> Engine:
        loads.append(options)
        engine.running = True
        for fraction in (0.25, 1.0):
            progress(fraction)
        return Engine(engine.url, "secret", options.context or engine.window, 128, engine)

    with httpx.Client(base_url=switch[1], timeout=20) as client:

        def begin(token: str = "") -> Served:
            places = Places(tmp_path / "cache", tmp_path / "lmstudio")
            models, worker = Embedded(places, Instances(load), Downloads(places, fetch)), Worker()
            state = ServerState(models, History(tmp_path / "data" / "local.db"), worker)
            switch[0].app = application(state, [*openai_routes(), *management_routes(models, worker)], token)
            return Served(client, engine, state, places, loads)

        yield begin


@pytest.fixture
def served(serving: Callable[[str], Served]) -> Served:
    return serving("")


def world_at(root: Path, **environ: str) -> World:
    """Make a world whose directories lie below `root`."""
    ours = this_world()
    variables = {**ours.environ, "HOME": str(root), "LMCHAT_MODEL_CACHE": str(root / "models"), **environ}
    return replace(ours, environ=variables, directories=Directories(root, root, root, root / "cache"))


@pytest.fixture(scope="session")
def real(model_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Start the whole server with the real model, once."""
    world = world_at(tmp_path_factory.mktemp("real"), LMCHAT_MODEL_CACHE=str(model_cache))
    with run.started(world) as url, httpx.Client(base_url=url, timeout=100) as client:
        yield client
