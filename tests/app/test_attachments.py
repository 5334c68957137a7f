"""Text files inside a prompt."""

import pytest

from lmchat.app.attachments import quoted
from lmchat.errors import BadUseError


def test_a_file_is_quoted_under_its_name_with_its_language() -> None:
    assert quoted("a.py", b"print(1)\n") == "File `a.py`:\n```py\nprint(1)\n```"


def test_the_fence_is_longer_than_any_inside() -> None:
    assert quoted("notes", b"````\nx\n````") == "File `notes`:\n`````\n````\nx\n````\n`````"


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n\x00", b"\xff\xfe", b"a\x00b"])
def test_what_is_no_text_is_refused(data: bytes) -> None:
    with pytest.raises(BadUseError, match="not a text file"):
        quoted("picture.png", data)
