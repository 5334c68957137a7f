"""Pictures are sent upright, small enough, of a kind that models take, and without what cameras write beside them."""

import struct
import zlib
from io import BytesIO
from typing import Any

import pytest
from PIL import Image as Pillow
from PIL import ImageOps

from lmchat.chat.values import Image
from lmchat.errors import BadUseError
from lmchat.pictures import HEAD_BYTES, LARGEST, LONGEST_SIDE, begins_picture, prepared
from tests.support.pictures import file, saved

GPS = 0x8825
ORIENTATION = 0x0112


def exif(orientation: int = 1) -> Pillow.Exif:
    made = Pillow.Exif()
    made[ORIENTATION] = orientation
    made[GPS] = {1: "N", 2: (48.0, 8.0, 14.0)}
    made[0x010F] = "Camera"
    return made


def opened(image: Image) -> Pillow.Image:
    return Pillow.open(BytesIO(image.data))


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp"), ("GIF", "image/gif")],
)
def test_a_picture_in_which_there_is_nothing_to_change_is_sent_as_it_is(kind: str, media_type: str) -> None:
    data = file(kind)
    assert prepared("photo.txt", data) == (Image("photo.txt", media_type, data, 64, 48), "")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_picture_is_upright_and_says_nothing_of_place_and_camera(kind: str, orientation: int) -> None:
    data = file(kind, exif=exif(orientation))
    image, note = prepared("photo.jpg", data)
    upright = ImageOps.exif_transpose(Pillow.open(BytesIO(data))).convert("RGB")
    sent = opened(image).convert("RGB")
    assert sent.size == upright.size == (image.width, image.height)
    for place in ((4, 4), (upright.width - 4, 4), (4, upright.height - 4), (upright.width - 4, upright.height - 4)):
        assert (sent.getpixel(place)[0] > 128) == (upright.getpixel(place)[0] > 128)  # type: ignore[index]  # RGB
    assert not opened(image).getexif()
    assert b"Camera" not in image.data
    assert ("turned upright" in note) == (orientation > 1)
    assert "stripped of its metadata" in note


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("JPEG", {"comment": b"At home"}),
        ("JPEG", {"xmp": b"<x>At home</x>"}),
        ("WEBP", {"xmp": b"<x>At home</x>"}),
        ("GIF", {"comment": b"At home"}),
    ],
)
def test_other_notes_in_a_file_stay_at_home(kind: str, more: dict[str, Any]) -> None:
    data = file(kind, **more)
    assert b"At home" in data
    assert b"At home" not in prepared("photo", data)[0].data


def test_text_in_a_png_is_removed_wherever_it_is() -> None:
    chunk = b"tEXtComment\0At home"
    note = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    plain = file("PNG")
    for place in (33, len(plain) - 12):
        assert b"At home" not in prepared("a.png", plain[:place] + note + plain[place:])[0].data


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_what_was_appended_to_a_picture_stays_at_home(kind: str) -> None:
    assert b"a film" not in prepared("photo", file(kind) + b"a film")[0].data


@pytest.mark.parametrize(
    ("kind", "mode", "media_type"),
    [
        ("TIFF", "RGB", "image/png"),
        ("TIFF", "CMYK", "image/png"),
        ("BMP", "RGB", "image/png"),
        ("AVIF", "RGB", "image/jpeg"),
        ("JPEG", "CMYK", "image/jpeg"),
        ("ICO", "RGBA", "image/png"),
    ],
)
def test_what_models_do_not_take_is_converted_and_that_is_said(kind: str, mode: str, media_type: str) -> None:
    image, note = prepared("photo", file(kind, mode=mode))
    assert image.media_type == media_type
    assert opened(image).get_format_mimetype() == media_type  # type: ignore[attr-defined]  # files have it
    red, green, blue = opened(image).convert("RGB").getpixel((4, 4))  # type: ignore[misc]  # RGB
    assert (red > 200, green < 80, blue < 80) == (True, True, True)
    assert (f"converted from {kind} to " in note) == (kind != "JPEG")


@pytest.mark.parametrize(("kind", "mode"), [("PNG", "I;16"), ("TIFF", "I;16"), ("TIFF", "F"), ("TIFF", "I")])
def test_deep_grey_pictures_keep_their_light_and_dark(kind: str, mode: str) -> None:
    dark = Pillow.new("I", (40, 40), 0)
    dark.paste(65535, (0, 0, 20, 40))
    dark.paste(32768, (20, 0, 30, 40))
    data = saved(dark.convert(mode), kind)
    sent = opened(prepared("scan", data)[0])
    light, middle, none = (sent.getpixel((x, 5)) for x in (5, 25, 35))
    assert sent.mode == "L"
    assert isinstance(middle, int | float)
    assert (light, none) == (255, 0)
    assert abs(middle - 128) <= 1


def test_of_an_animation_the_first_frame_is_sent_and_that_is_said() -> None:
    frames = [Pillow.new("RGB", (40, 30), colour) for colour in ("red", "blue")]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    image, note = prepared("moving.gif", data)
    assert opened(image).convert("RGB").getpixel((5, 5)) == (255, 0, 0)
    assert "reduced to its first frame" in note


def test_what_shows_through_still_does() -> None:
    clear = Pillow.new("RGBA", (4 * LONGEST_SIDE, 40), (255, 0, 0, 0))
    assert opened(prepared("clear.png", saved(clear, "PNG"))[0]).getchannel("A").getextrema() == (0, 0)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_large_one_is_scaled_to_the_longest_side_and_said(kind: str) -> None:
    smaller, note = prepared("sky", file(kind, (2 * LONGEST_SIDE, 1000)))
    assert opened(smaller).size == (smaller.width, smaller.height) == (LONGEST_SIDE, 500)
    assert "scaled down from 4096 × 1000 to 2048 × 500 pixels" in note


def test_a_large_one_that_was_taken_sideways_is_scaled_and_upright() -> None:
    smaller, note = prepared("sky", file("JPEG", (2 * LONGEST_SIDE, 1000), exif=exif(6)))
    assert (smaller.width, smaller.height) == (500, LONGEST_SIDE)
    assert note.startswith("sky was scaled down from 4096 × 1000 to 500 × 2048 pixels, turned upright, stripped")


def test_a_file_that_is_too_heavy_becomes_lighter() -> None:
    noise = Pillow.effect_noise((1700, 1700), 100).convert("RGB")
    noisy = Pillow.merge("RGB", [Pillow.effect_noise((1700, 1700), 100) for _ in range(3)])
    heavy = saved(noisy, "BMP")
    assert len(heavy) > LARGEST
    assert len(prepared("noise.bmp", heavy)[0].data) <= LARGEST
    assert len(prepared("noise.png", saved(noise, "PNG", compress_level=0))[0].data) <= LARGEST


def blank_png(width: int, height: int) -> bytes:
    """Make the file of a grey picture, however large, without its pixels in memory."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    # A thousand rows are compressed once and repeated: all of them would take a second.
    packer = zlib.compressobj(1, wbits=-15)
    thousand = packer.compress(bytes(1000 * (width + 1))) + packer.flush(zlib.Z_FULL_FLUSH)
    rest = packer.compress(bytes(height % 1000 * (width + 1))) + packer.flush()
    size = height * (width + 1)
    checksum = size % 65521 << 16 | 1  # Adler-32 of zeros
    rows = b"\x78\x01" + thousand * (height // 1000) + rest + struct.pack(">I", checksum)
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_a_picture_of_300_megapixels_is_refused_for_what_it_is() -> None:
    with pytest.raises(BadUseError, match=r"too large to be decoded: 20,000 × 15,000 pixels") as refused:
        prepared("map.png", blank_png(20_000, 15_000))
    assert "100 million pixels" in refused.value.hint


def test_a_picture_of_90_megapixels_is_scaled() -> None:
    image, _ = prepared("map.png", blank_png(9_500, 9_500))
    assert (image.width, image.height) == (LONGEST_SIDE, LONGEST_SIDE)


@pytest.mark.parametrize("data", [b"", b"no picture", b"GIF8", b"RIFF\0\0\0\0WEBP", b"\xff\xd8\xff", b"BM" + bytes(60)])
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(BadUseError):
        prepared("a.png", data)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "AVIF"])
def test_a_file_that_was_cut_is_refused_and_no_bug(kind: str) -> None:
    whole = file(kind)
    for length in range(0, len(whole) - 20, max(len(whole) // 40, 1)):
        try:
            image, _ = prepared("a.png", whole[:length])
        except BadUseError:
            continue
        assert opened(image).size == (image.width, image.height)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_a_picture_is_known_by_its_first_bytes(kind: str) -> None:
    assert begins_picture(file(kind)[:HEAD_BYTES])


@pytest.mark.parametrize(
    "data", [b"", b"BMW is a make of cars, and this is text", b"RIFF and more", b"<svg/>", b"\x89PN"]
)
def test_what_begins_otherwise_is_no_picture(data: bytes) -> None:
    assert not begins_picture(data)
