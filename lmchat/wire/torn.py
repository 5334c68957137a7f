"""Characters that stand half at the end of one piece of a reply and half at the begin of the next.

A server that cuts its text between the two (`"\\ud83d"`, `"\\ude00"`) means one character.
"""

import json
from collections.abc import Mapping
from typing import Any

from lmchat.chat.characters import Halves

_PIECES = ("message.delta", "reasoning.delta")


class Torn:
    """Join what is torn between the pieces of one stream."""

    def __init__(self) -> None:
        self._kind = ""
        self._halves = Halves()

    def joined(self, kind: str, data: Mapping[str, Any], written: str) -> Mapping[str, Any]:
        """Return an event's data, in which a half waits for the next event; `written` is the JSON it was read from."""
        if kind != self._kind:
            self._kind, self._halves = kind, Halves()
        if kind not in _PIECES:
            return data
        torn = "\\ud" in written.lower()
        if not torn and not self._halves.held:
            return data
        content = (json.loads(written) if torn else data).get("content")
        return {**data, "content": self._halves.through(content)} if isinstance(content, str) else data
