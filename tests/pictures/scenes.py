"""What the pictures show: a person at the keyboard, lmchat itself, and a server that plays its part."""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lmchat.chat.session import Outcome
from lmchat.store.documents import FORMAT, VERSION
from lmchat.store.store import open_store
from tests.pictures.terminal import Terminal
from tests.support.scripted import Move, Request, ScriptedServer, Steps, answer, stream

CTRL_O = "\x0f"
GEMMA = "google/gemma-3-4b"
_MODELS: tuple[dict[str, Any], ...] = (
    {
        "type": "llm", "key": "openai/gpt-oss-20b", "size_bytes": 12_109_566_560, "params_string": "20B",
        "quantization": {"name": "MXFP4"}, "max_context_length": 131_072,
        "capabilities": {
            "vision": False, "trained_for_tool_use": True,
            "reasoning": {"allowed_options": ["low", "medium", "high"], "default": "low"},
        },
    },
    {
        "type": "llm", "key": GEMMA, "size_bytes": 3_341_000_000, "params_string": "4B",
        "quantization": {"name": "Q4_K_M"}, "max_context_length": 131_072,
        "capabilities": {"vision": True, "trained_for_tool_use": True},
    },
    {
        "type": "llm", "key": "qwen/qwen3-1.7b", "size_bytes": 1_282_000_000, "params_string": "1.7B",
        "quantization": {"name": "Q4_K_M"}, "max_context_length": 32_768,
        "capabilities": {"vision": False, "trained_for_tool_use": True},
    },
    {"type": "embedding", "key": "text-embedding-nomic-embed-text-v1.5", "size_bytes": 84_000_000},
)  # fmt: skip
_TABLE = """Three ways to say it:

| Language | Greeting | When |
|---|---|---|
| English | Good morning | until noon |
| 日本語 | おはようございます | 午前中 |
| Français | Bonjour | **all day** |

In Python, `greet` picks one by the hour:

```python
def greet(hour: int) -> str:
    return "おはよう" if hour < 12 else "こんにちは"  # 正午まで
```
"""
_COLOUR = "Noted: **青**, the colour of the sky at noon."
_KEPT = (
    (
        "京都の旅行",
        "来週、京都に二日間行きます。何を見るべきですか?",
        "1. **伏見稲荷** の千本鳥居は早朝に\n2. 嵐山の竹林と渡月橋\n3. 夕方に *清水寺*",
    ),
    (
        "regex-lookahead",
        "What does (?=…) mean in a regex?",
        'A **lookahead**: it matches where `…` follows.\n\n```python\nre.findall(r"\\w+(?=:)", "a: 1, b: 2")\n```',
    ),
    (
        "release-notes",
        "Summarize these commits for the release notes.",
        "- Faster start\n- Pictures are sent upright\n- A picker for sessions",
    ),
    (
        "why-is-the-sky-blue",
        "Why is the sky blue?",
        "Air scatters short waves more than long ones, so that blue light comes from everywhere.",
    ),
    (
        "sourdough",
        "My sourdough is flat. What went wrong?",
        "Most likely the starter: it should double within six hours.",
    ),
)


class Studio:
    """A small LM Studio: it lists, loads and answers with the replies of the scenes, one piece after the other."""

    def __init__(self, *, pause: float = 0.0) -> None:
        self._loaded: set[str] = set()
        self._pause = pause
        self._replies = [_TABLE, _COLOUR]
        self.server = ScriptedServer(self._answered)

    def _answered(self, request: Request) -> Steps:
        if request.path == "/api/v1/models/load":
            self._loaded.add(request.json["model"])
            return [
                3 * self._pause,
                *answer(200, json.dumps({"instance_id": request.json["model"], "load_time_seconds": 2.1})),
            ]
        if request.path == "/api/v1/chat":
            self._loaded.add(request.json["model"])
            return self._played(self._replies.pop(0), request.json["model"])
        models = [{**model, "loaded_instances": self._instances(model["key"])} for model in _MODELS]
        return answer(200, json.dumps({"models": models}))

    def _instances(self, key: str) -> list[dict[str, Any]]:
        return [{"id": key, "config": {"context_length": 8192}}] if key in self._loaded else []

    def _played(self, text: str, model: str) -> Steps:
        number = 2 - len(self._replies)
        moves: list[Move] = [_frame({"type": "chat.start", "model_instance_id": model})]
        for piece in re.findall(r"\s*\S+\s*", text):
            moves += [_frame({"type": "message.delta", "content": piece}), self._pause / 10]
        stats = {"input_tokens": 400 * number, "total_output_tokens": 160, "tokens_per_second": 57.7}
        result = {
            "model_instance_id": model, "output": [{"type": "message", "content": text}],
            "stats": stats | {"time_to_first_token_seconds": 0.1}, "response_id": f"resp_{number:048x}",
        }  # fmt: skip
        return stream(*moves, _frame({"type": "chat.end", "result": result}))


def _frame(data: Mapping[str, object]) -> bytes:
    return f"event: {data['type']}\ndata: {json.dumps(data)}\n\n".encode()


def fill(home: Path) -> None:
    """Put some conversations into a home."""
    now = datetime.now(UTC)
    with open_store(home, now=lambda: now - timedelta(days=age)) as store:
        for age, (name, prompt, reply) in sorted(enumerate(_KEPT), reverse=True):
            store.import_(_document(name, prompt, reply, now - timedelta(days=age)))


def _document(name: str, prompt: str, reply: str, at: datetime) -> dict[str, object]:
    turn: dict[str, object] = {
        "id": 1, "parent": None, "at": at.isoformat(), "outcome": Outcome.COMPLETE.value, "server": "", "model": GEMMA,
        "system": "", "forgotten": False, "summary": False, "fault": "", "prompt": prompt, "images": [],
        "items": [{"kind": "message", "text": reply}], "response_id": None, "stats": {}, "model_instance_id": GEMMA,
    }  # fmt: skip
    return {
        "format": FORMAT, "version": VERSION, "name": name, "head": 1, "model": GEMMA, "system": "", "options": {},
        "integrations": [], "turns": [turn], "images": {},
    }  # fmt: skip


@contextmanager
def program(home: Path, url: str, *arguments: str, **looks: Any) -> Iterator[Terminal]:
    """Run lmchat in a terminal for the time of a block."""
    terminal = Terminal(home, [sys.executable, "-m", "lmchat", "--url", url, *arguments], **looks)
    try:
        yield terminal
    finally:
        terminal.close()


def first_start(terminal: Terminal) -> None:
    """Start with nothing loaded."""
    terminal.until("Esc leaves")
    terminal.wait(0.3)


def conversation(terminal: Terminal) -> None:
    """Ask twice."""
    terminal.until("new session")
    terminal.send("How do I say good morning in three languages?\r")
    terminal.until("turn 1")
    terminal.send("私の好きな色は青です。\r")
    terminal.until("turn 2")
    terminal.wait(0.3)


def sessions(terminal: Terminal) -> None:
    """Look through the sessions."""
    terminal.until("new session")
    terminal.send(CTRL_O)
    terminal.until("京都の旅行")
    terminal.send("\x1b[B")
    terminal.until("> regex-lookahead")
    terminal.wait(0.5)


def helping(terminal: Terminal) -> None:
    """Ask for help."""
    terminal.until("new session")
    terminal.send("/help\r")
    terminal.until("/help COMMAND")
    terminal.wait(0.3)


def options(terminal: Terminal) -> None:
    """Look at the options."""
    terminal.until("new session")
    terminal.send("/set temperature 0.7\r")
    terminal.until("from the next prompt on")
    terminal.send("/set\r")
    terminal.until("show_reasoning")
    terminal.wait(0.3)


def completing(terminal: Terminal) -> None:
    """Begin to type a command."""
    terminal.until("new session")
    terminal.send("/s")
    terminal.until("/switch")
    terminal.wait(0.5)
