"""An engine: a child process that loads one model and serves it with llama.cpp's own HTTP server.

`load` starts one, follows its progress and explains its failure; `main` is the program of the child. Its settings come
on stdin; on stdout come llama.cpp's own state lines, then one line of JSON with the address or the failure.
An engine is reached over HTTP alone: `load` is the one function that depends on which engine it is.
"""

import itertools
import json
import os
import secrets
import signal
import threading
from collections.abc import Callable
from typing import Any, Protocol

from lmchat.dataclass import dataclass
from lmchat.local.child_process import Child, announce, die_with_parent, tied_settings
from lmchat.local.models import DamagedFileError, ModelFile, head
from lmchat.local.refusals import Refusal, broken, engine_failed

DEFAULT_CONTEXT = 8192
SMALLEST_CONTEXT = 256
_STATE = "cmd_child_to_router:state:"
_WINDOWS_ILLEGAL_INSTRUCTION = 0xC000001D
_KILLED = -9  # by SIGKILL, a name that Windows does not have

_ENVIRONMENT = {
    # OpenMP threads that spin while they wait fell from 130 to 2 tokens a second when one core was busy.
    "OMP_WAIT_POLICY": "passive",
    "GOMP_SPINCOUNT": "0",
    # Makes llama.cpp report its state, load progress included, on stdout (undocumented; see `_fraction`).
    "LLAMA_SERVER_ROUTER_PORT": "1",
}

Show = Callable[[float], None]
"""Takes the engine's own fractions of how far loading is, 0 to 1."""


class Process(Protocol):
    """The process of an engine."""

    @property
    def pid(self) -> int:
        """Return its number."""

    @property
    def running(self) -> bool:
        """Return whether it is alive."""

    def last_line(self) -> str:
        """Return the last line of its stderr."""

    def stop(self) -> None:
        """End it."""


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How a model is to be loaded; sizes are in tokens, None means the default."""

    context: int | None = None
    batch: int | None = None
    flash_attention: bool | None = None


@dataclass(frozen=True, slots=True)
class Engine:
    """A loaded model: the address of llama.cpp's HTTP routes and the key they ask for."""

    url: str
    secret: str
    context: int
    batch: int
    process: Process


def load(model: ModelFile, options: LoadOptions, progress: Show) -> Engine:
    """Start an engine for the model and return when it answers.

    Linux kills the engine when the calling thread ends, so call this from a thread that lasts. Raise Refusal.
    """
    try:
        head(model.path)
    except (DamagedFileError, OSError) as problem:
        raise broken(f"Model '{model.key}' cannot be loaded: {problem}") from None
    wanted = options.context or DEFAULT_CONTEXT
    context = min(max(wanted, SMALLEST_CONTEXT), model.context)
    batch = min(options.batch or 128, context)
    secret = secrets.token_hex(24)
    settings = {"path": str(model.path), "secret": secret, "context": context, "batch": batch}
    child = Child("lmchat.local.engine", {**settings, "flash_attention": options.flash_attention})
    try:
        url = _address(child, model, progress)
    except BaseException:
        child.stop()
        raise
    child.ignore_lines()
    return Engine(url, secret, context, batch, child)


def _address(child: Child, model: ModelFile, progress: Show) -> str:
    """Follow what the engine prints until it names its address."""
    reached = -1.0
    for line in child.lines():
        if line.startswith(_STATE):
            value = _fraction(line.removeprefix(_STATE))
            if value is not None and value > reached:
                reached = value
                progress(value)
        elif line.startswith("{"):
            announced = json.loads(line)
            if "listening" in announced:
                return str(announced["listening"])
            raise _failure(model, announced["failed"], announced["message"], child.last_line())
    raise _death(model, child.wait(), child.last_line())


def _fraction(state: str) -> float | None:
    """Read how far loading is; llama.cpp documents nothing of this, so anything else is not progress."""
    try:
        reported = json.loads(state)
        value = reported["payload"]["value"] if reported["state"] == "loading" else None
        return min(1.0, max(0.0, float(value))) if value is not None else None
    except (ValueError, KeyError, TypeError):
        return None


def _failure(model: ModelFile, kind: str, message: str, last_line: str) -> Refusal:
    if "libgomp" in message:
        return engine_failed(
            "The engine needs the library libgomp.so.1, which is missing. Install it: apt install libgomp1"
        )
    if kind in ("ImportError", "ModuleNotFoundError"):
        return engine_failed(f"The engine cannot be used on this machine: {message}")
    return engine_failed(
        f"Model '{model.key}' cannot be loaded: its file is damaged or of a kind the engine does not know, or there "
        f"is not enough memory. {last_line}".strip()
    )


def _death(model: ModelFile, status: int, last_line: str) -> Refusal:
    if status in (-signal.SIGILL, _WINDOWS_ILLEGAL_INSTRUCTION):
        return engine_failed(
            "This CPU has no AVX2, which the built-in engine needs. Use LM Studio on another machine instead."
        )
    if status == _KILLED:
        return engine_failed(f"The engine was killed while it loaded '{model.key}', most likely for lack of memory.")
    return engine_failed(f"The engine ended while it loaded '{model.key}' (status {status}). {last_line}".strip())


class Instances:
    """The loaded models of one server."""

    def __init__(self, load: Callable[[ModelFile, LoadOptions, Show], Engine]) -> None:
        self._load = load
        self._loaded: dict[str, tuple[ModelFile, Engine]] = {}

    def find(self, name: str) -> tuple[str, ModelFile, Engine] | None:
        """Find a loaded model by its instance id or, the oldest first, by its key."""
        self._drop_ended()
        for instance, (model, engine) in self._loaded.items():
            if name in (instance, model.key):
                return instance, model, engine
        return None

    def next_id(self, model: ModelFile) -> str:
        """Return the id the next instance of a model will have: its key, then `key:2` and so on."""
        self._drop_ended()
        ids = itertools.chain([model.key], (f"{model.key}:{number}" for number in itertools.count(2)))
        return next(each for each in ids if each not in self._loaded)

    def load(self, model: ModelFile, options: LoadOptions, progress: Show) -> tuple[str, Engine]:
        """Load one more instance of a model; raise Refusal."""
        instance = self.next_id(model)
        engine = self._load(model, options, progress)
        self._loaded[instance] = (model, engine)
        return instance, engine

    def unload(self, instance: str) -> bool:
        """End an instance; return whether there was one of that id."""
        self._drop_ended()
        found = self._loaded.pop(instance, None)
        if found is not None:
            found[1].process.stop()
        return found is not None

    def listed(self, model: ModelFile) -> list[dict[str, Any]]:
        """Return a model's `loaded_instances`, as the API lists them."""
        return [
            {"id": instance, "config": {"context_length": engine.context, "parallel": 1}}
            for instance, (file, engine) in list(self._loaded.items())
            if file.path == model.path and engine.process.running
        ]

    def running(self) -> list[tuple[str, Engine]]:
        """Return the instances that are in memory, each with its id."""
        return [(instance, engine) for instance, (_, engine) in list(self._loaded.items()) if engine.process.running]

    def stop_all(self) -> None:
        """End every engine."""
        for _model, engine in list(self._loaded.values()):
            engine.process.stop()

    def _drop_ended(self) -> None:
        """Remove engines that have ended, so that the next request loads the model again."""
        for instance, (_model, engine) in list(self._loaded.items()):
            if not engine.process.running:
                engine.process.stop()
                del self._loaded[instance]


def main() -> None:
    """Load the model the settings name, serve it on a free loopback port, and end when stdin closes."""
    die_with_parent()
    settings = tied_settings()
    # llama.cpp redirects stdout in this mode.
    stdout = os.dup(1)
    for name, value in _ENVIRONMENT.items():
        os.putenv(name, value)
    try:
        import xllamacpp

        server = xllamacpp.Server(_parameters(xllamacpp, settings))
    except (ImportError, RuntimeError) as problem:
        announce({"failed": type(problem).__name__, "message": str(problem)}, stdout)
        return
    announce({"listening": server.listening_address}, stdout)
    threading.Event().wait()


def _parameters(xllamacpp: Any, settings: dict[str, Any]) -> Any:
    """Fill in llama.cpp's parameters; what is not set here has a default that suits a single reader."""
    parameters = xllamacpp.CommonParams()
    parameters.model.path = settings["path"]
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.api_keys = [settings["secret"]]
    parameters.cors_origins = ""
    parameters.ui = False
    parameters.endpoint_slots = False
    parameters.verbosity = 0
    parameters.n_ctx = settings["context"]
    parameters.n_parallel = 1
    # A model is loaded when a prompt waits for it, which an empty run before it would only delay.
    parameters.warmup = False
    # A cancelled prompt ends with its batch: 128 tokens take 0.7 s on two cores, 2,048 took up to 38 s.
    parameters.n_batch = parameters.n_ubatch = settings["batch"]
    parameters.cache_ram_mib = 256
    # To see what fits into a GPU's memory, llama.cpp reads the model twice: without a GPU, 0.6 of 1.5 s for nothing.
    kinds = xllamacpp.ggml_backend_dev_type
    gpu = (kinds.GGML_BACKEND_DEVICE_TYPE_GPU, kinds.GGML_BACKEND_DEVICE_TYPE_IGPU)
    parameters.fit_params = any(device["type"] in gpu for device in xllamacpp.get_device_info())
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    parameters.cpuparams.n_threads = 1 if cores <= 2 else min(4, cores // 2)
    parameters.cpuparams_batch.n_threads = cores
    if settings["flash_attention"] is not None:
        attention = xllamacpp.llama_flash_attn_type
        on, off = attention.LLAMA_FLASH_ATTN_TYPE_ENABLED, attention.LLAMA_FLASH_ATTN_TYPE_DISABLED
        parameters.flash_attn_type = on if settings["flash_attention"] else off
    return parameters
