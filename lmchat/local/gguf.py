"""The head of a GGUF file: whether it is one, and what it says about its model.

Files come from anywhere, so nothing in one is trusted: of a pipe or a device nothing is read, and of a file only the
first megabytes, whatever lengths it names.
"""

import io
import os
import stat
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from lmchat.dataclass import dataclass

MAGIC = b"GGUF"
_FORMATS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _ARRAY = 8, 9
_LONGEST_HEAD = 4 << 20
"""How many bytes are read of a file: what is wanted comes first, whatever a file says of its lengths."""

# llama.cpp's `llama_ftype`, as far as it is met in published files: name and whole bits per weight.
_FILE_TYPES = {
    0: ("F32", 32), 1: ("F16", 16), 2: ("Q4_0", 4), 3: ("Q4_1", 4), 7: ("Q8_0", 8), 8: ("Q5_0", 5), 9: ("Q5_1", 5),
    10: ("Q2_K", 2), 11: ("Q3_K_S", 3), 12: ("Q3_K_M", 3), 13: ("Q3_K_L", 3), 14: ("Q4_K_S", 4), 15: ("Q4_K_M", 4),
    16: ("Q5_K_S", 5), 17: ("Q5_K_M", 5), 18: ("Q6_K", 6), 25: ("IQ4_NL", 4), 30: ("IQ4_XS", 4), 32: ("BF16", 16),
}  # fmt: skip


class DamagedFileError(Exception):
    """A file that is no GGUF, or breaks off in its head."""


@dataclass(frozen=True, slots=True)
class Head:
    """What a GGUF file says about its model; what it does not say is None or empty."""

    architecture: str = ""
    name: str = ""
    size_label: str = ""
    quantization: tuple[str, int] | None = None
    context: int | None = None


def head(path: Path) -> Head:
    """Read what the file says about its model.

    Raises DamagedFileError, or OSError where the file cannot be read.
    """
    start = _start(path)
    said: dict[str, Any] = {}
    try:
        for name, value in _metadata(io.BytesIO(start), path.name):
            # The tokenizer's tables come last and are long.
            if name.startswith("tokenizer."):
                break
            said[name] = value
    except (struct.error, UnicodeDecodeError, KeyError, EOFError) as problem:
        # What is beyond the first bytes of a sound file was not read.
        if len(start) < _LONGEST_HEAD:
            raise DamagedFileError(f"{path.name} is damaged: it ends or breaks off in its head.") from problem
    architecture = _text(said.get("general.architecture"))
    file_type, context = said.get("general.file_type"), said.get(f"{architecture}.context_length")
    return Head(
        architecture=architecture,
        name=_text(said.get("general.name")),
        size_label=_text(said.get("general.size_label")),
        quantization=_FILE_TYPES.get(file_type) if isinstance(file_type, int) else None,
        context=context if isinstance(context, int) and context > 0 else None,
    )


def _start(path: Path) -> bytes:
    """Read the first bytes of an ordinary file; what is none (a pipe, a device) would be read for ever."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise DamagedFileError(f"{path.name} is no ordinary file.")
    # Should a pipe have taken its place since, opening it must not wait for a writer.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags), "rb") as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise DamagedFileError(f"{path.name} is no ordinary file.")
        return stream.read(_LONGEST_HEAD)


def _metadata(stream: BinaryIO, file: str) -> Iterator[tuple[str, Any]]:
    if stream.read(4) != MAGIC:
        raise DamagedFileError(f"{file} is no GGUF file.")
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
    # Nothing that is wanted is in an array, so it is only passed over; the format has none in another.
    inner, count = _read(stream, "I"), _read(stream, "Q")
    if inner == _TEXT:
        for _ in range(count):
            _read_bytes(stream, _read(stream, "Q"))
    else:
        _read_bytes(stream, count * struct.calcsize(_FORMATS[inner]))
    return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
