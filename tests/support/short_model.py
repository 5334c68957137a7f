"""The built-in model with two of its 24 layers, for tests that do not look at its words.

It is a real file for the real engine, with the same tokens, template and name; it reads a prompt ten times as fast, and
what it writes makes no sense.
"""

import mmap
import struct
from itertools import pairwise
from pathlib import Path

from lmchat.local.catalogue import BUILT_IN

LAYERS = 2
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""How many bytes a value of each of GGUF's types has, but for the two below."""
_STRING, _ARRAY = 8, 9
_ALIGNMENT = 32


def write_short_model(whole: Path, cache: Path) -> None:
    """Write the file into a directory, under the name and with the size of the built-in model, whose file is given."""
    cache.mkdir(parents=True, exist_ok=True)
    with (whole / BUILT_IN.file).open("rb") as source, mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as data:
        magic, version, tensors, values = struct.unpack_from("<4sIQQ", data)
        assert (magic, version) == (b"GGUF", 3)
        metadata, place = _metadata(data, 24, values)
        infos = []
        for _ in range(tensors):
            name, after = _text(data, place)
            shape_end = after + 8 + 8 * int.from_bytes(data[after : after + 4], "little")
            infos.append((name, data[after:shape_end], int.from_bytes(data[shape_end : shape_end + 8], "little")))
            place = shape_end + 8
        begin = _aligned(place)
        offsets = [*sorted(offset for _, _, offset in infos), BUILT_IN.size - begin]
        content = {first: data[begin + first : begin + end] for first, end in pairwise(offsets)}
    kept = [info for info in infos if not info[0].startswith(b"blk.") or int(info[0].split(b".")[1]) < LAYERS]
    head, place = b"", 0
    for name, shape, offset in kept:
        head += struct.pack("<Q", len(name)) + name + shape + struct.pack("<Q", place)
        place += _aligned(len(content[offset]))
    with (cache / BUILT_IN.file).open("wb") as target:
        target.write(struct.pack("<4sIQQ", magic, version, len(kept), values) + metadata + head)
        for _, _, offset in kept:
            target.seek(_aligned(target.tell()))
            target.write(content[offset])
        target.truncate(BUILT_IN.size)  # the rest is a hole


def _aligned(place: int) -> int:
    return -(-place // _ALIGNMENT) * _ALIGNMENT


def _text(data: mmap.mmap, place: int) -> tuple[bytes, int]:
    """Return the string at a place, and the place after it."""
    end = place + 8 + int.from_bytes(data[place : place + 8], "little")
    return data[place + 8 : end], end


def _metadata(data: mmap.mmap, begin: int, count: int) -> tuple[bytes, int]:
    """Return the values of the metadata, with another number of layers, and the place after them."""
    place, found = begin, b""
    for _ in range(count):
        name, after = _text(data, place)
        place = _after(data, after + 4, int.from_bytes(data[after : after + 4], "little"))
        if name.endswith(b".block_count"):
            found, begin = data[begin : place - 4] + struct.pack("<I", LAYERS), place
    return found + data[begin:place], place


def _after(data: mmap.mmap, place: int, kind: int) -> int:
    """Return the place after a value."""
    if kind == _STRING:
        return place + 8 + int.from_bytes(data[place : place + 8], "little")
    if kind == _ARRAY:
        of, count = struct.unpack_from("<IQ", data, place)
        place += 12
        if of != _STRING:
            return place + int(count) * _SIZES[of]
        for _ in range(count):
            place += 8 + int.from_bytes(data[place : place + 8], "little")
        return place
    return place + _SIZES[kind]
