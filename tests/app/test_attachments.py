"""Text files inside a prompt."""

from pathlib import Path

import pytest

from lmchat.app.attachments import read_text
from lmchat.chat.quoting import quoted
from lmchat.errors import BadUseError


def test_a_file_is_quoted_under_its_name_with_its_language() -> None:
    assert quoted("a.py", "print(1)\n") == "File `a.py`:\n```py\nprint(1)\n```"


def test_the_fence_is_longer_than_any_inside() -> None:
    assert quoted("notes", "````\nx\n````") == "File `notes`:\n`````\n````\nx\n````\n`````"


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n\x00", b"a\x00b"])
def test_what_is_no_text_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "picture.png").write_bytes(data)
    with pytest.raises(BadUseError, match=r"picture\.png' is not text"):
        read_text(tmp_path / "picture.png", print)
