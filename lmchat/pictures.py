"""Pictures prepared for sending: upright, without metadata of cameras, of a format and a size that models accept.

Pillow is imported only if there is a picture.
"""

from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING

from lmchat.chat.values import Image
from lmchat.errors import BadUseError

if TYPE_CHECKING:
    from PIL import Image as Pillow

LONGEST_SIDE = 2048
"""Pixels; models process pictures in far smaller tiles, so more only costs time and memory."""

LARGEST = 8_000_000
"""Bytes; a picture is sent in a JSON document, as text that is a third longer."""

MOST_PIXELS = 100_000_000
"""Pixels that are decoded at once: four bytes each in memory."""

_JPEG_QUALITY = 90
_SIXTEEN_BITS = 65535
_ORIENTATION = 0x0112  # the tag of EXIF
_SENT_AS_THEY_ARE = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "GIF": "image/gif"}
_PHOTOGRAPHS = ("JPEG", "MPO", "AVIF", "HEIF", "WEBP")
_ORDINARY_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA")
_HARMLESS = frozenset({
    "adobe", "adobe_transform", "aspect", "background", "chromaticity", "dpi", "duration", "gamma",
    "icc_profile", "interlace", "jfif", "jfif_density", "jfif_unit", "jfif_version", "loop", "progression",
    "progressive", "srgb", "timestamp", "transparency", "version",
})  # fmt: skip
"""Metadata that says nothing about places, people or cameras, by Pillow's names."""

_ENDS = {"PNG": b"IEND\xaeB`\x82", "JPEG": b"\xff\xd9", "GIF": b";"}
"""The last bytes of a file to which nothing was appended; WebP has its length at the beginning."""


HEAD_BYTES = 32
"""The number of bytes that `begins_picture` needs."""

_HEADS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*")
_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1")
_BITMAP_HEADERS = (12, 40, 52, 56, 64, 108, 124)


def begins_picture(head: bytes) -> bool:
    """Tell whether a file that begins with these bytes is a picture."""
    return (
        head.startswith(_HEADS)
        or (head.startswith(b"RIFF") and head[8:12] == b"WEBP")
        or (head[4:8] == b"ftyp" and head[8:12] in _BRANDS)
        # A text may begin with BM.
        or (head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BITMAP_HEADERS)
    )


def prepared(name: str, data: bytes) -> tuple[Image, str]:
    """Return a picture made from the bytes of a file, and a sentence on what was changed, empty if nothing was.

    Raise BadUseError if it is not a picture, broken, or too large to be decoded.
    """
    from PIL import Image as Pillow
    from PIL import UnidentifiedImageError

    # The limit below is used instead, since its error says what is wrong.
    Pillow.MAX_IMAGE_PIXELS = None
    try:
        with Pillow.open(BytesIO(data)) as opened:
            size = opened.size
            if _fit(opened, data):
                return Image(name, _SENT_AS_THEY_ARE[str(opened.format)], data, *size), ""
            changes = [*_changes(opened)]
            picture = _drawn(name, opened)
            kind, written = _written(picture, photograph=opened.format in _PHOTOGRAPHS)
            if kind != opened.format and not (kind == "JPEG" and opened.format == "MPO"):
                changes.insert(0, f"converted from {opened.format} to {kind}")
    except UnidentifiedImageError:
        raise BadUseError(
            f"'{name}' is not a picture that lmchat can read.",
            hint="It reads PNG, JPEG, WebP, GIF, AVIF, TIFF and BMP.",
        ) from None
    except (OSError, ValueError, SyntaxError, EOFError):
        raise BadUseError(
            f"'{name}' is broken: it cannot be read to its end.", hint="Save it again, or choose another."
        ) from None
    if max(size) > LONGEST_SIDE:
        was, now = (" × ".join(map(str, each)) for each in (size, picture.size))
        changes.insert(0, f"scaled down from {was} to {now} pixels")
    note = f"{name} was {', '.join(changes)}." if changes else ""
    return Image(name, _SENT_AS_THEY_ARE[kind], written, *picture.size), note


def _fit(opened: "Pillow.Image", data: bytes) -> bool:
    """Tell whether a file can be sent as it is: there is nothing to rotate, to scale, to convert or to remove."""
    return (
        opened.format in _SENT_AS_THEY_ARE
        and max(opened.size) <= LONGEST_SIDE
        and len(data) <= LARGEST
        and opened.mode in _ORDINARY_MODES
        and opened.info.keys() <= _HARMLESS
        and not _animated(opened)
        and _ends(str(opened.format), data)
        and _loads(opened)
        # Metadata after the pixels is known only once they are read.
        and opened.info.keys() <= _HARMLESS
    )


def _ends(kind: str, data: bytes) -> bool:
    """Tell whether nothing follows the picture in the file."""
    if kind == "WEBP":
        return int.from_bytes(data[4:8], "little") + 8 == len(data)
    return data.endswith(_ENDS[kind])


def _loads(opened: "Pillow.Image") -> bool:
    opened.load()
    return True


def _animated(opened: "Pillow.Image") -> bool:
    return bool(getattr(opened, "is_animated", False))


def _changes(opened: "Pillow.Image") -> Iterator[str]:
    """Yield what will be done to a picture besides scaling and converting it."""
    exif = opened.getexif()
    if exif.get(_ORIENTATION, 1) not in {0, 1}:
        yield "turned upright"
    if exif or {"exif", "xmp", "comment", "photoshop"} & opened.info.keys():
        yield "stripped of its metadata"
    if _animated(opened):
        yield "reduced to its first frame"


def _drawn(name: str, opened: "Pillow.Image") -> "Pillow.Image":
    """Decode a picture: upright, small enough, and in a mode that every format can have."""
    from PIL import ImageOps

    width, height = opened.size
    # JPEG can be decoded at down to an eighth of its size.
    opened.draft(None, (LONGEST_SIDE, LONGEST_SIDE))
    if opened.width * opened.height > MOST_PIXELS:
        raise BadUseError(
            f"'{name}' is too large to be decoded: {width:,} × {height:,} pixels.",
            hint=f"Make it smaller: at most {MOST_PIXELS // 1_000_000} million pixels.",
        )
    opened.seek(0)
    picture = _eight_bits(opened)
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    upright = ImageOps.exif_transpose(picture)
    see_through = upright.mode in ("LA", "PA", "RGBA") or "transparency" in upright.info
    return upright.convert("RGBA" if see_through else "L" if upright.mode in ("1", "L") else "RGB")


def _eight_bits(opened: "Pillow.Image") -> "Pillow.Image":
    """Reduce grey pictures of 16 or 32 bits a pixel to 8; return others as they are."""
    if not opened.mode.startswith(("I", "F")):
        return opened
    deep = opened.convert("F")
    _, high = (float(str(extreme)) for extreme in deep.getextrema())  # of its one band
    most = _SIXTEEN_BITS if opened.mode.startswith("I") and high <= _SIXTEEN_BITS else high or 1.0
    return deep.point(lambda value: value * (255 / most)).convert("L")


def _written(picture: "Pillow.Image", *, photograph: bool) -> tuple[str, bytes]:
    """Encode a picture without metadata: photographs as JPEG, those with sharp edges or transparency as PNG."""
    if picture.mode != "RGBA" and photograph:
        return "JPEG", _bytes(picture, "JPEG")
    written = _bytes(picture, "PNG")
    if len(written) <= LARGEST:
        return "PNG", written
    return "JPEG", _bytes(picture.convert("RGB"), "JPEG")


def _bytes(picture: "Pillow.Image", kind: str) -> bytes:
    written = BytesIO()
    picture.info = {}
    picture.save(written, kind, quality=_JPEG_QUALITY)
    return written.getvalue()
