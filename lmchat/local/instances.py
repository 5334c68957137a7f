"""The models in memory: one engine each, found by model key or instance id.

Everything but `listed` and `stop_all` is called from the worker thread only. It must not know of HTTP or of turns.
"""

import itertools
from collections.abc import Callable
from typing import Any

from lmchat.local.loading import Engine, LoadOptions
from lmchat.local.models import ModelFile

Load = Callable[[ModelFile, LoadOptions, Callable[[float], None]], Engine]


class Instances:
    """Hold the loaded models of one server."""

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

    def stop_all(self) -> None:
        """End every engine."""
        for _model, engine in list(self._loaded.values()):
            engine.process.stop()

    def _bury(self) -> None:
        """Forget engines that have died, so that the next request loads the model anew."""
        for instance, (_model, engine) in list(self._loaded.items()):
            if not engine.process.running:
                engine.process.stop()
                del self._loaded[instance]
