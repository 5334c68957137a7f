"""Messages as engines read them: a role, and a text or parts of which some are pictures.

The shape is that of `POST /v1/chat/completions`.
"""

from collections.abc import Sequence
from typing import Any

Message = dict[str, Any]


def message(role: str, text: str, pictures: Sequence[str] = ()) -> Message:
    """Return a message; pictures are data URLs."""
    if not pictures:
        return {"role": role, "content": text}
    parts: list[dict[str, Any]] = [{"type": "text", "text": text}] if text else []
    parts += [{"type": "image_url", "image_url": {"url": url}} for url in pictures]
    return {"role": role, "content": parts}


def text_of(said: Message) -> str:
    """Return the text of a message."""
    content = said["content"]
    return content if isinstance(content, str) else "\n\n".join(part["text"] for part in content if "text" in part)


def pictures_of(said: Message) -> list[str]:
    """Return the pictures of a message as data URLs."""
    content = said["content"]
    return [] if isinstance(content, str) else [part["image_url"]["url"] for part in content if "image_url" in part]
