"""The model files on this machine: what a GGUF file says about its model, and how the API lists it.

Files come from anywhere, so nothing in one is trusted: nothing is read of a pipe or a device, and of a file only the
first megabytes, whatever lengths it names.
"""

import io
import os
import stat
import struct
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from lmchat.chat.values import join_surrogates
from lmchat.dataclass import dataclass, replace
from lmchat.local.catalogue import CATALOGUE, KnownModel

_EMBEDDING = ("bert", "embed")
"""Architectures that make vectors, not text: bert, nomic-bert, gemma-embedding and the like."""
_FORMATS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _ARRAY = 8, 9
_LONGEST_HEAD = 4 << 20
"""How many bytes are read of a file: what is wanted comes first, whatever lengths the file names."""

# llama.cpp's `llama_ftype`, as far as published files use it: name and whole bits per weight.
_FILE_TYPES = {
    0: ("F32", 32), 1: ("F16", 16), 2: ("Q4_0", 4), 3: ("Q4_1", 4), 7: ("Q8_0", 8), 8: ("Q5_0", 5), 9: ("Q5_1", 5),
    10: ("Q2_K", 2), 11: ("Q3_K_S", 3), 12: ("Q3_K_M", 3), 13: ("Q3_K_L", 3), 14: ("Q4_K_S", 4), 15: ("Q4_K_M", 4),
    16: ("Q5_K_S", 5), 17: ("Q5_K_M", 5), 18: ("Q6_K", 6), 25: ("IQ4_NL", 4), 30: ("IQ4_XS", 4), 32: ("BF16", 16),
}  # fmt: skip


class DamagedFileError(Exception):
    """A file that is not GGUF, or breaks off in its head."""


@dataclass(frozen=True, slots=True)
class Head:
    """What a GGUF file says about its model; what it does not say is None or empty."""

    architecture: str = ""
    name: str = ""
    size_label: str = ""
    quantization: tuple[str, int] | None = None
    context: int | None = None


@dataclass(frozen=True, slots=True)
class Places:
    """Where model files are: lmchat's own cache, LM Studio's directory, and one file the person named."""

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
    head: Head
    known: KnownModel | None = None

    @property
    def context(self) -> int:
        """Return the longest context in tokens; a file that does not say gets the common 4,096."""
        return self.head.context or 4096

    @property
    def variant(self) -> str:
        """Return the key with the quantization, where that is known."""
        return f"{self.key}@{self.head.quantization[0].lower()}" if self.head.quantization else self.key

    @property
    def embedding(self) -> bool:
        """Return whether the model makes vectors instead of text."""
        return any(mark in self.head.architecture for mark in _EMBEDDING)

    def listed(self, instances: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the model's row of `GET /api/v1/models` (PROTOCOL.md section 5)."""
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
        except (OSError, DamagedFileError) as problem:
            problems.append((path, reason(problem)))
            continue
        key = model.key if model.key not in found else f"{model.publisher}/{model.key}".lower()
        found.setdefault(key, replace(model, key=key))
    return list(found.values()), problems


def reason(problem: OSError | DamagedFileError) -> str:
    """Return why a file cannot be used."""
    return str(problem.strerror if isinstance(problem, OSError) else problem)


def _candidates(places: Places) -> Iterator[tuple[Path, KnownModel | None]]:
    if places.chosen is not None:
        yield places.chosen, None
    for known in CATALOGUE:
        if known.is_in(places.cache):
            yield places.cache / known.file, known
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
    found = _head(path, status.st_mtime_ns, status.st_size)
    if known is None:
        # A file's name may have bytes that are not text.
        stem, publisher = join_surrogates(path.stem), join_surrogates(path.parent.parent.name)
        return ModelFile(stem.lower(), path, status.st_size, publisher, found.name or stem, found)
    quantization = (known.quantization, known.bits_per_weight)
    found = Head(known.architecture, known.display_name, known.parameters, quantization, known.context)
    return ModelFile(known.key, path, status.st_size, known.publisher, known.display_name, found, known)


@lru_cache(maxsize=512)
def _head(path: Path, changed: int, size: int) -> Head:  # noqa: ARG001  # both only distinguish an old answer from a new file
    return head(path)


def head(path: Path) -> Head:
    """Read what a GGUF file says about its model.

    Raise DamagedFileError, or OSError where the file cannot be read.
    """
    start = _start(path)
    metadata: dict[str, Any] = {}
    try:
        for name, value in _metadata(io.BytesIO(start), path.name):
            # The tokenizer's tables come last and are long.
            if name.startswith("tokenizer."):
                break
            metadata[name] = value
    except (struct.error, UnicodeDecodeError, KeyError, EOFError) as problem:
        # What is beyond the first bytes of a sound file was not read.
        if len(start) < _LONGEST_HEAD:
            raise DamagedFileError(f"{path.name} is damaged: it ends or breaks off in its head.") from problem
    architecture = _text(metadata.get("general.architecture"))
    file_type, context = metadata.get("general.file_type"), metadata.get(f"{architecture}.context_length")
    return Head(
        architecture=architecture,
        name=_text(metadata.get("general.name")),
        size_label=_text(metadata.get("general.size_label")),
        quantization=_FILE_TYPES.get(file_type) if isinstance(file_type, int) else None,
        context=context if isinstance(context, int) and context > 0 else None,
    )


def _start(path: Path) -> bytes:
    """Read the first bytes of an ordinary file; anything else (a pipe, a device) could be read without end."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise DamagedFileError(f"{path.name} is not an ordinary file.")
    # Should a pipe have taken its place since, opening it must not wait for a writer.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags), "rb") as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise DamagedFileError(f"{path.name} is not an ordinary file.")
        return stream.read(_LONGEST_HEAD)


def _metadata(stream: BinaryIO, file: str) -> Iterator[tuple[str, Any]]:
    if stream.read(4) != b"GGUF":
        raise DamagedFileError(f"{file} is not a GGUF file.")
    version, _tensors, count = struct.unpack("<IQQ", stream.read(20))
    if version not in (2, 3):
        raise DamagedFileError(f"{file} is a GGUF file of version {version}, which cannot be read.")
    for _ in range(count):
        name = _read_text(stream)
        yield name, _read_value(stream, _read(stream, "I"))


def _read(stream: BinaryIO, form: str) -> Any:
    return struct.unpack(f"<{form}", stream.read(struct.calcsize(f"<{form}")))[0]


def _read_bytes(stream: BinaryIO, count: int) -> bytes:
    data = stream.read(min(count, _LONGEST_HEAD))
    if len(data) < count:
        raise EOFError
    return data


def _read_text(stream: BinaryIO) -> str:
    return _read_bytes(stream, _read(stream, "Q")).decode("utf-8")


def _read_value(stream: BinaryIO, kind: int) -> Any:
    if kind == _TEXT:
        return _read_text(stream)
    if kind != _ARRAY:
        return _read(stream, _FORMATS[kind])
    # Nothing that is wanted is in an array, so it is skipped; an array in an array is not read (KeyError).
    inner, count = _read(stream, "I"), _read(stream, "Q")
    if inner == _TEXT:
        for _ in range(count):
            _read_bytes(stream, _read(stream, "Q"))
    else:
        _read_bytes(stream, count * struct.calcsize(_FORMATS[inner]))
    return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
