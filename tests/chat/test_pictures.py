"""Pictures are known by their content; the bytes here are written by hand from each format's description."""

import struct

import pytest

from lmchat.chat.images import read_picture
from lmchat.errors import BadUseError

PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + struct.pack(">II", 640, 480) + b"\x08\x02\0\0\0"
GIF = b"GIF89a" + struct.pack("<HH", 320, 200) + b"\0\0\0"
WEBP_LOSSY = b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0" + b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 550 | 1 << 14, 368)
WEBP_LOSSLESS = b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f" + struct.pack("<I", (386 - 1) | (395 - 1) << 14 | 1 << 28)
WEBP_EXTENDED = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\x10\0\0\0" + b"\x8f\x01\x00" + b"\x2b\x01\x00"


def jpeg(*segments: bytes) -> bytes:
    frame = b"\xff\xc2" + struct.pack(">HBHHB", 17, 8, 1080, 1920, 3)
    return b"\xff\xd8" + b"".join(segments) + frame


THUMBNAIL = b"\xff\xe1" + struct.pack(">H", 2 + 40) + b"\xff\xc0" + bytes(38)
TABLE = b"\xff\xc4" + struct.pack(">H", 2 + 4) + bytes(4)


@pytest.mark.parametrize(
    ("data", "media_type", "size"),
    [
        (PNG, "image/png", (640, 480)),
        (GIF, "image/gif", (320, 200)),
        (b"GIF87a" + GIF[6:], "image/gif", (320, 200)),
        (WEBP_LOSSY, "image/webp", (550, 368)),
        (WEBP_LOSSLESS, "image/webp", (386, 395)),
        (WEBP_EXTENDED, "image/webp", (400, 300)),
        (jpeg(), "image/jpeg", (1920, 1080)),
        (jpeg(THUMBNAIL, TABLE, b"\xff\xff"), "image/jpeg", (1920, 1080)),
    ],
)
def test_a_picture_is_known_by_its_content(data: bytes, media_type: str, size: tuple[int, int]) -> None:
    image = read_picture("photo.txt", data)
    assert (image.name, image.media_type, image.data) == ("photo.txt", media_type, data)
    assert (image.width, image.height) == size


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"BM6\0\0\0", b"%PDF-1.7", b"<svg xmlns='http://www.w3.org/2000/svg'/>"]
)
def test_what_models_do_not_take_is_refused_with_what_they_do(data: bytes) -> None:
    with pytest.raises(BadUseError, match="is not a picture that models take") as caught:
        read_picture("photo.png", data)
    assert caught.value.hint == "PNG, JPEG, WebP and GIF are."


@pytest.mark.parametrize(
    "whole", [PNG[:24], GIF[:10], WEBP_LOSSY[:30], WEBP_LOSSLESS[:25], WEBP_EXTENDED[:30], jpeg()[:12], jpeg(THUMBNAIL)]
)
def test_a_picture_that_was_cut_is_refused_and_breaks_nothing(whole: bytes) -> None:
    for length in range(12, len(whole) - 1):
        with pytest.raises(BadUseError, match=r"broken|not a picture"):
            read_picture("photo.png", whole[:length])


def test_a_picture_without_a_size_is_refused() -> None:
    with pytest.raises(BadUseError, match="has no size"):
        read_picture("photo.png", PNG[:16] + bytes(8))


def test_a_jpeg_of_nothing_but_filling_ends() -> None:
    with pytest.raises(BadUseError, match="has no size"):
        read_picture("photo.jpg", b"\xff\xd8" + b"\xff" * 1000)
