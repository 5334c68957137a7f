"""The head of a GGUF file: whether it is one, and what it says about its model.

It reads the first metadata only and must not know where the files are or what runs them.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

MAGIC = b"GGUF"
_FORMATS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _ARRAY = 8, 9
_LONGEST_TEXT = 1 << 20

# llama.cpp's `llama_ftype`, as far as it is met in published files: name and whole bits per weight.
_FILE_TYPES = {
    0: ("F32", 32), 1: ("F16", 16), 2: ("Q4_0", 4), 3: ("Q4_1", 4), 7: ("Q8_0", 8), 8: ("Q5_0", 5), 9: ("Q5_1", 5),
    10: ("Q2_K", 2), 11: ("Q3_K_S", 3), 12: ("Q3_K_M", 3), 13: ("Q3_K_L", 3), 14: ("Q4_K_S", 4), 15: ("Q4_K_M", 4),
    16: ("Q5_K_S", 5), 17: ("Q5_K_M", 5), 18: ("Q6_K", 6), 25: ("IQ4_NL", 4), 30: ("IQ4_XS", 4), 32: ("BF16", 16),
}  # fmt: skip


class DamagedFileError(Exception):
    """Report a file that is no GGUF, or ends before its head does."""


@dataclass(frozen=True, slots=True)
class Head:
    """Hold what a GGUF file says about its model; what it does not say is None or empty."""

    architecture: str = ""
    name: str = ""
    size_label: str = ""
    quantization: tuple[str, int] | None = None
    context: int | None = None


def head(path: Path) -> Head:
    """Read what the file says about its model.

    Raises DamagedFileError, or OSError where the file cannot be read.
    """
    said: dict[str, Any] = {}
    try:
        with path.open("rb") as stream:
            for name, value in _metadata(stream):
                # The tokenizer's tables come last and are long.
                if name.startswith("tokenizer."):
                    break
                said[name] = value
    except (struct.error, UnicodeDecodeError, KeyError, EOFError) as problem:
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


def _metadata(stream: BinaryIO) -> Iterator[tuple[str, Any]]:
    if stream.read(4) != MAGIC:
        raise DamagedFileError(f"{Path(stream.name).name} is no GGUF file.")
    version, _tensors, count = struct.unpack("<IQQ", stream.read(20))
    if version not in (2, 3):
        raise DamagedFileError(f"{Path(stream.name).name} is a GGUF file of version {version}, which cannot be read.")
    for _ in range(count):
        name = _read_text(stream)
        yield name, _read_value(stream, _read(stream, "I"))


def _read(stream: BinaryIO, form: str) -> Any:
    return struct.unpack(f"<{form}", stream.read(struct.calcsize(f"<{form}")))[0]


def _read_text(stream: BinaryIO) -> str:
    length = _read(stream, "Q")
    if length > _LONGEST_TEXT:
        raise EOFError
    return stream.read(length).decode("utf-8")


def _read_value(stream: BinaryIO, kind: int) -> Any:
    if kind == _TEXT:
        return _read_text(stream)
    if kind != _ARRAY:
        return _read(stream, _FORMATS[kind])
    inner, length = _read(stream, "I"), _read(stream, "Q")
    if length > _LONGEST_TEXT:
        raise EOFError
    return [_read_value(stream, inner) for _ in range(length)]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
