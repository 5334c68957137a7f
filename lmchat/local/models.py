"""The model files on this machine, as the API lists them (PROTOCOL.md section 5).

It looks at directories and at the heads of files.
"""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from lmchat.chat.values import join_surrogates
from lmchat.dataclass import dataclass, replace
from lmchat.local import gguf
from lmchat.local.catalogue import CATALOGUE, KnownModel

_EMBEDDING = ("bert", "embed")
"""Architectures that make vectors, not text: bert, nomic-bert, gemma-embedding and the like."""


@dataclass(frozen=True, slots=True)
class Places:
    """Name where model files are: lmchat's own cache, LM Studio's directory, and one file the person named."""

    cache: Path
    lmstudio: Path
    chosen: Path | None = None


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One model on this machine; `known` is set for a model of lmchat's own catalogue."""

    key: str
    path: Path
    size: int
    publisher: str
    display_name: str
    head: gguf.Head
    known: KnownModel | None = None

    @property
    def context(self) -> int:
        """Return the longest context in tokens; a file that does not say gets the common 4,096."""
        return self.head.context or 4096

    @property
    def variant(self) -> str:
        """Return the name that says how the model is quantized, too."""
        return f"{self.key}@{self.head.quantization[0].lower()}" if self.head.quantization else self.key

    @property
    def embedding(self) -> bool:
        """Tell whether the model makes vectors instead of text."""
        return any(mark in self.head.architecture for mark in _EMBEDDING)

    def listed(self, instances: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the model's row of `GET /api/v1/models`."""
        quantization = self.head.quantization
        row: dict[str, Any] = {
            "type": "embedding" if self.embedding else "llm",
            "publisher": self.publisher,
            "key": self.key,
            "display_name": self.display_name,
            "architecture": self.head.architecture or None,
            "quantization": {"name": quantization[0], "bits_per_weight": quantization[1]} if quantization else None,
            "size_bytes": self.size,
            "params_string": self.head.size_label or None,
            "loaded_instances": instances,
            "max_context_length": self.context,
            "format": "gguf",
        }
        if not self.embedding:
            row |= {
                "capabilities": {"vision": False, "trained_for_tool_use": False},
                "description": None,
                "variants": [self.variant],
                "selected_variant": self.variant,
            }
        return row


def present(places: Places) -> list[ModelFile]:
    """List the models on this machine: the one the person named, then lmchat's own, then LM Studio's.

    Files that cannot be used are left out (`left_out` names them), as are the pieces and companions of other files.
    """
    return _survey(places)[0]


def left_out(places: Places) -> list[tuple[Path, str]]:
    """List the files that look like models but cannot be used, each with the reason."""
    return _survey(places)[1]


def _survey(places: Places) -> tuple[list[ModelFile], list[tuple[Path, str]]]:
    found: dict[str, ModelFile] = {}
    seen: set[Path] = set()
    problems = []
    for path, known in _candidates(places):
        if path in seen:
            continue
        seen.add(path)
        try:
            model = _described(path, known)
        except (OSError, gguf.DamagedFileError) as problem:
            problems.append((path, str(problem.strerror if isinstance(problem, OSError) else problem)))
            continue
        key = model.key if model.key not in found else f"{model.publisher}/{model.key}".lower()
        found.setdefault(key, replace(model, key=key))
    return list(found.values()), problems


def in_cache(places: Places, known: KnownModel) -> Path | None:
    """Return where a model of the catalogue is, or None; the hash was checked before it got that name."""
    path = places.cache / known.file
    try:
        return path if path.stat().st_size == known.size else None
    except OSError:
        return None


def _candidates(places: Places) -> Iterator[tuple[Path, KnownModel | None]]:
    if places.chosen is not None:
        yield places.chosen, None
    for known in CATALOGUE:
        if path := in_cache(places, known):
            yield path, known
    for path in _files(places.lmstudio):
        later_piece = "-of-" in path.stem and "-00001-of-" not in path.stem
        if "mmproj" not in path.stem.lower() and not later_piece:
            yield path, None


def _files(directory: Path) -> list[Path]:
    try:
        return sorted(directory.glob("*/*/*.gguf"))
    except OSError:
        return []


def _described(path: Path, known: KnownModel | None) -> ModelFile:
    status = path.stat()
    head = _head(path, status.st_mtime_ns, status.st_size)
    if known is None:
        # A file's name need not be text.
        stem, publisher = join_surrogates(path.stem), join_surrogates(path.parent.parent.name)
        return ModelFile(stem.lower(), path, status.st_size, publisher, head.name or stem, head)
    quantization = (known.quantization, known.bits_per_weight)
    head = gguf.Head(known.architecture, known.display_name, known.parameters, quantization, known.context)
    return ModelFile(known.key, path, status.st_size, known.publisher, known.display_name, head, known)


@lru_cache(maxsize=512)
def _head(path: Path, changed: int, size: int) -> gguf.Head:  # noqa: ARG001  # both only tell an old answer from a new file
    return gguf.head(path)
