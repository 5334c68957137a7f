"""A reply as it grows: what has come so far, the events that say so, and the numbers it ends with.

It must not know where the pieces come from.
"""

import time
from collections.abc import Callable
from typing import Any

from lmchat.local.completion import Count, Text


class Reply:
    """Turn the engine's pieces into the API's events (PROTOCOL.md section 4) and its result (section 3)."""

    def __init__(self, send: Callable[[dict[str, Any]], None]) -> None:
        self.send = send
        self.instance = ""
        self.loaded_in: float | None = None
        self.response_id: str | None = None
        self._parts: list[tuple[str, list[str]]] = []
        self._open = ""
        self._count = Count(0, 0, 0.0)
        self._reasoning_tokens = 0
        self._asked_at = 0.0
        self._first_after = 0.0

    @property
    def begun(self) -> bool:
        """Tell whether anything was sent yet."""
        return bool(self.instance)

    @property
    def message(self) -> str:
        """Return the answer so far, without the reasoning."""
        return "".join(text for kind, texts in self._parts if kind == "message" for text in texts)

    def begin(self, instance: str) -> None:
        """Say which loaded model answers."""
        self.instance = instance
        self.send({"type": "chat.start", "model_instance_id": instance})

    def read_prompt(self) -> None:
        """Say that the engine begins to read the prompt."""
        self._asked_at = time.monotonic()
        self._switch("prompt_processing")

    def add(self, piece: Text) -> None:
        """Add the next characters."""
        kind = "reasoning" if piece.reasoning else "message"
        if not self._parts:
            self._first_after = time.monotonic() - self._asked_at
        if self._open != kind:
            self._switch(kind)
            self._parts.append((kind, []))
        self._parts[-1][1].append(piece.text)
        self.send({"type": f"{kind}.delta", "content": piece.text})

    def counted(self, count: Count) -> None:
        """Note how many tokens there are so far."""
        self._count = count
        if self._open == "reasoning":
            self._reasoning_tokens = count.output

    def end(self) -> None:
        """Say that nothing more comes."""
        self._switch("")

    def result(self) -> dict[str, Any]:
        """Return the reply as it goes over the wire."""
        stats: dict[str, float | int] = {
            "input_tokens": self._count.prompt,
            "total_output_tokens": self._count.output,
            "reasoning_output_tokens": self._reasoning_tokens,
            "tokens_per_second": round(self._count.per_second, 2),
            "time_to_first_token_seconds": round(self._first_after, 3),
        }
        if self.loaded_in is not None:
            stats["model_load_time_seconds"] = self.loaded_in
        result: dict[str, Any] = {
            "model_instance_id": self.instance,
            "output": [{"type": kind, "content": "".join(texts)} for kind, texts in self._parts],
            "stats": stats,
        }
        return result if self.response_id is None else result | {"response_id": self.response_id}

    def _switch(self, kind: str) -> None:
        """End what is open, and begin another kind (empty: none)."""
        if self._open:
            self.send({"type": f"{self._open}.end"})
        self._open = kind
        if kind:
            self.send({"type": f"{kind}.start"})
