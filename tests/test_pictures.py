"""Pictures that are too large are scaled down, and that is said."""

import sys
from io import BytesIO

import pytest
from PIL import Image as Pillow

from lmchat.chat.images import read_picture
from lmchat.chat.values import Image
from lmchat.errors import BadUseError
from lmchat.pictures import LONGEST_SIDE, scaled


def picture(width: int, height: int, kind: str) -> Image:
    written = BytesIO()
    Pillow.new("RGB", (width, height), "blue").save(written, kind)
    return read_picture(f"sky.{kind.lower()}", written.getvalue())


def test_a_picture_of_ordinary_size_is_sent_as_it_is() -> None:
    small = picture(640, 480, "PNG")
    assert scaled(small) == (small, "")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_large_one_is_scaled_to_the_longest_side_and_said(kind: str) -> None:
    smaller, note = scaled(picture(2 * LONGEST_SIDE, 1000, kind))
    again = read_picture("again", smaller.data)
    assert (again.width, again.height) == (smaller.width, smaller.height) == (LONGEST_SIDE, 500)
    assert again.media_type == smaller.media_type
    assert "scaled down from 4096 × 1000 to 2048 × 500" in note


def test_without_pillow_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    large = picture(2 * LONGEST_SIDE, 10, "PNG")
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(BadUseError, match="too large to send") as refused:
        scaled(large)
    assert "lmchat[images]" in refused.value.hint


def test_a_large_file_that_is_no_whole_picture_is_refused() -> None:
    large = picture(2 * LONGEST_SIDE, 10, "PNG")
    with pytest.raises(BadUseError, match="cannot be read as a picture"):
        scaled(Image("broken.png", "image/png", large.data[:60], large.width, large.height))
