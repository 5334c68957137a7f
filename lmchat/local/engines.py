"""Bring a model into memory: start an engine child, follow its progress, explain its death.

An engine is reached over HTTP alone: `load` is the one function that depends on which engine it is.
"""

import itertools
import json
import secrets
import signal
from collections.abc import Callable
from typing import Any, Protocol

from lmchat.dataclass import dataclass
from lmchat.local.child_process import Child
from lmchat.local.gguf import DamagedFileError, head
from lmchat.local.models import ModelFile
from lmchat.local.refusals import Refusal, broken, engine_failed

DEFAULT_CONTEXT = 8192
SMALLEST_CONTEXT = 256
_STATE = "cmd_child_to_router:state:"
_WINDOWS_ILLEGAL_INSTRUCTION = 0xC000001D
_KILLED = -9  # by SIGKILL, a name that Windows does not have


class Process(Protocol):
    """The process of an engine."""

    @property
    def pid(self) -> int:
        """Return its number."""

    @property
    def running(self) -> bool:
        """Tell whether it is alive."""

    def last_words(self) -> str:
        """Return the end of what it wrote to its stderr."""

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
    """A loaded model: where it answers (llama.cpp's HTTP routes) and with which key."""

    url: str
    secret: str
    context: int
    batch: int
    process: Process


def load(model: ModelFile, options: LoadOptions, progress: Callable[[float], None]) -> Engine:
    """Start an engine for the model and return when it answers.

    `progress` is given the engine's own fractions (0 to 1), where it reports any. Linux kills the engine when the
    calling thread ends, so call this from a thread that lasts. Raises Refusal.
    """
    try:
        head(model.path)
    except (DamagedFileError, OSError) as problem:
        raise broken(f"Model '{model.key}' cannot be loaded: {problem}") from None
    wanted = options.context or DEFAULT_CONTEXT
    context = min(max(wanted, SMALLEST_CONTEXT), model.context)
    batch = min(options.batch or 128, context)
    secret = secrets.token_hex(24)
    child = Child(
        "lmchat.local.engine",
        {
            "path": str(model.path),
            "secret": secret,
            "context": context,
            "batch": batch,
            "flash_attention": options.flash_attention,
        },
    )
    try:
        url = _address(child, model, progress)
    except BaseException:
        child.stop()
        raise
    child.ignore_lines()
    return Engine(url, secret, context, batch, child)


def _address(child: Child, model: ModelFile, progress: Callable[[float], None]) -> str:
    """Follow what the engine prints until it names its address."""
    reached = -1.0
    for line in child.lines():
        if line.startswith(_STATE):
            value = _fraction(line.removeprefix(_STATE))
            if value is not None and value > reached:
                reached = value
                progress(value)
        elif line.startswith("{"):
            said = json.loads(line)
            if "listening" in said:
                return str(said["listening"])
            raise _failure(model, said["failed"], said["message"], child.last_words())
    raise _death(model, child.wait(), child.last_words())


def _fraction(state: str) -> float | None:
    """Read how far loading is; llama.cpp documents nothing of this, so anything else is no progress."""
    try:
        said = json.loads(state)
        value = said["payload"]["value"] if said["state"] == "loading" else None
        return min(1.0, max(0.0, float(value))) if value is not None else None
    except (ValueError, KeyError, TypeError):
        return None


def _failure(model: ModelFile, kind: str, message: str, words: str) -> Refusal:
    if "libgomp" in message:
        return engine_failed(
            "The engine needs the library libgomp.so.1, which is missing: `apt install libgomp1` brings it."
        )
    if kind in ("ImportError", "ModuleNotFoundError"):
        return engine_failed(f"The engine cannot be used on this machine: {message}")
    return engine_failed(
        f"Model '{model.key}' cannot be loaded: its file is damaged or of a kind the engine does not know, or there "
        f"is not enough memory. {_last_line(words)}".strip()
    )


def _death(model: ModelFile, status: int, words: str) -> Refusal:
    if status in (-signal.SIGILL, _WINDOWS_ILLEGAL_INSTRUCTION):
        return engine_failed(
            "This CPU has no AVX2, which the built-in engine needs; LM Studio on another machine would do."
        )
    if status == _KILLED:
        return engine_failed(f"Loading '{model.key}' was ended from outside, most likely because memory ran out.")
    return engine_failed(
        f"The engine ended while it loaded '{model.key}' (status {status}). {_last_line(words)}".strip()
    )


def _last_line(words: str) -> str:
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""


Load = Callable[[ModelFile, LoadOptions, Callable[[float], None]], Engine]


class Instances:
    """The loaded models of one server."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._loaded: dict[str, tuple[ModelFile, Engine]] = {}

    def find(self, name: str) -> tuple[str, ModelFile, Engine] | None:
        """Find a loaded model by its instance id or, the oldest first, by its key."""
        self._bury()
        for instance, (model, engine) in self._loaded.items():
            if name in (instance, model.key):
                return instance, model, engine
        return None

    def next_id(self, model: ModelFile) -> str:
        """Return the id the next instance of a model will have: its key, then `key:2` and so on."""
        self._bury()
        ids = itertools.chain([model.key], (f"{model.key}:{number}" for number in itertools.count(2)))
        return next(each for each in ids if each not in self._loaded)

    def load(self, model: ModelFile, options: LoadOptions, progress: Callable[[float], None]) -> tuple[str, Engine]:
        """Load one more instance of a model; raise Refusal."""
        instance = self.next_id(model)
        engine = self._load(model, options, progress)
        self._loaded[instance] = (model, engine)
        return instance, engine

    def unload(self, instance: str) -> bool:
        """End an instance; tell whether there was one of that id."""
        self._bury()
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

    def _bury(self) -> None:
        """Forget engines that have died, so that the next request loads the model again."""
        for instance, (_model, engine) in list(self._loaded.items()):
            if not engine.process.running:
                engine.process.stop()
                del self._loaded[instance]
