"""Pictures by their content: what kind they are and how large, whatever their name says."""

import struct
from collections.abc import Callable

from lmchat.chat.values import Image
from lmchat.errors import BadUseError

_KINDS = "PNG, JPEG, WebP and GIF"
_JPEG_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xDA)})
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}

Size = tuple[int, int]


def read_picture(name: str, data: bytes) -> Image:
    """Make a picture of a file's bytes, with its kind and its size in pixels.

    Raise BadUseError where it is none of the kinds that models take, or broken.
    """
    for media_type, is_kind, size_of in _READERS:
        if is_kind(data):
            try:
                width, height = size_of(data)
            except (struct.error, IndexError, ValueError):
                width = height = 0
            if not (width and height):
                raise BadUseError(f"'{name}' is broken: it has no size.", hint="Save it anew, or take another.")
            return Image(name, media_type, data, width, height)
    raise BadUseError(f"'{name}' is not a picture that models take.", hint=f"{_KINDS} are.")


def _png(data: bytes) -> Size:
    if data[12:16] != b"IHDR":
        raise ValueError
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _gif(data: bytes) -> Size:
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height


def _webp(data: bytes) -> Size:
    """Read the size of a simple, a lossless or an extended WebP file."""
    match data[12:16]:
        case b"VP8 ":
            width, height = struct.unpack_from("<HH", data, 26)
            return width & 0x3FFF, height & 0x3FFF
        case b"VP8L":
            (bits,) = struct.unpack_from("<I", data, 21)
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8X":
            return _three_bytes(data, 24) + 1, _three_bytes(data, 27) + 1
        case _:
            raise ValueError


def _three_bytes(data: bytes, at: int) -> int:
    low, high = struct.unpack_from("<HB", data, at)
    return int(low | high << 16)


def _jpeg(data: bytes) -> Size:
    """Walk from segment to segment until the one that begins the picture tells its size."""
    at = 2
    while True:
        if data[at] != 0xFF:
            raise ValueError
        while data[at] == 0xFF:  # any number of them may fill up
            at += 1
        marker, at = data[at], at + 1
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 3)
            return width, height
        if marker not in _JPEG_WITHOUT_LENGTH:
            (length,) = struct.unpack_from(">H", data, at)
            at += length


_READERS: tuple[tuple[str, Callable[[bytes], bool], Callable[[bytes], Size]], ...] = (
    ("image/png", lambda data: data.startswith(b"\x89PNG\r\n\x1a\n"), _png),
    ("image/jpeg", lambda data: data.startswith(b"\xff\xd8\xff"), _jpeg),
    ("image/gif", lambda data: data.startswith((b"GIF87a", b"GIF89a")), _gif),
    ("image/webp", lambda data: data.startswith(b"RIFF") and data[8:12] == b"WEBP", _webp),
)
