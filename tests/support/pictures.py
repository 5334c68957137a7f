"""Files of pictures, made for one test."""

from io import BytesIO
from typing import Any

import PIL.Image as Pillow


def file(kind: str, size: tuple[int, int] = (64, 48), mode: str = "RGB", **more: Any) -> bytes:
    """Make a picture whose upper left quarter is red and the rest blue, as far as its mode has colours."""
    drawn = Pillow.new("RGB", size, "blue")
    drawn.paste("red", (0, 0, size[0] // 2, size[1] // 2))
    return saved(drawn.convert(mode), kind, **more)


def saved(picture: Pillow.Image, kind: str, **more: Any) -> bytes:
    written = BytesIO()
    picture.save(written, kind, **more)
    return written.getvalue()
