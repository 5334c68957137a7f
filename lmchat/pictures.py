"""Scale pictures down to what models take: the only room that knows Pillow, which is an extra (`images`)."""

from dataclasses import replace
from io import BytesIO

from lmchat.chat.values import Image
from lmchat.errors import BadUseError

LONGEST_SIDE = 2048
"""Pixels; models look at pictures in tiles far smaller than this, so more only costs time and memory."""

LARGEST = 8_000_000
"""Bytes; a picture goes along as text a third longer, in one JSON document."""

_JPEG_QUALITY = 90
_SUFFIX_OF = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP", "image/gif": "PNG"}


def scaled(image: Image) -> tuple[Image, str]:
    """Return the picture as it may be sent, and a sentence where that is another than it was, else an empty one.

    Raise BadUseError for a picture that is too large where Pillow is not installed, or cannot read it.
    """
    if max(image.width, image.height) <= LONGEST_SIDE and len(image.data) <= LARGEST:
        return image, ""
    try:
        from PIL import Image as Pillow
        from PIL import ImageOps, UnidentifiedImageError
    except ImportError:
        raise BadUseError(
            f"'{image.name}' is too large to send ({image.width} × {image.height} pixels, {len(image.data):,} bytes).",
            hint="Make it smaller, or let lmchat do it: pip install 'lmchat[images]'",
        ) from None
    try:
        with Pillow.open(BytesIO(image.data)) as opened:
            # Cameras write how they were held beside the picture, and what is written anew has no such note.
            picture = ImageOps.exif_transpose(opened)
            picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
            kind = _SUFFIX_OF[image.media_type]
            if kind == "JPEG":
                picture = picture.convert("RGB")
            written = BytesIO()
            picture.save(written, kind, quality=_JPEG_QUALITY)
    except (OSError, ValueError, UnidentifiedImageError, Pillow.DecompressionBombError):
        raise BadUseError(
            f"'{image.name}' cannot be read as a picture.", hint="Save it anew, or take another."
        ) from None
    width, height = picture.size
    note = f"{image.name} was scaled down from {image.width} × {image.height} to {width} × {height} pixels."
    media_type = "image/png" if kind == "PNG" else image.media_type
    return replace(image, data=written.getvalue(), media_type=media_type, width=width, height=height), note
