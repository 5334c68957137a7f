"""Servers in memory that remember as real ones do: each answers a call with pieces, and notes what its model saw.

What a model saw is every numbered word (`prompt7`, `reply7`, `half7`) of its context in order, and the system prompt.
"""

import json
import re
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lmchat.wire.exchange import Piece
from lmchat.wire.http import CHAT, MODELS, Call, Head

Words = tuple[str, ...]
_WORD = re.compile(r"(?:prompt|reply|half)\d+")


@dataclass(frozen=True)
class Seen:
    """What a model has in its context."""

    system: str = ""
    words: Words = ()


@dataclass
class Ending:
    """How the next reply goes: `after` its first word an exception may come, or `before` anything is sent."""

    number: int
    before: BaseException | None = None
    after: BaseException | None = None


@dataclass
class Server:
    """One server: `native` has LM Studio's own routes; `stores` says what `/v1/responses` does with an id."""

    owner: str
    native: bool = False
    stores: str = "keeps"
    chains: dict[str, Seen] = field(default_factory=dict)
    seen: Seen = field(default_factory=Seen)
    ending: Ending = field(default_factory=lambda: Ending(0))
    count: int = 0

    def answer(self, call: Call) -> Generator[Piece, None, None]:
        """Play the answer to one call."""
        routes: Mapping[str, Callable[[Call], Generator[Piece, None, None]]] = {
            MODELS: lambda _call: whole(200, {"models": [{"key": "m"}]}),
            CHAT: self._native,
            "/v1/models": lambda _call: whole(200, {"data": [{"id": "m", "owned_by": self.owner}]}),
            "/v1/responses": self._responses,
            "/v1/chat/completions": self._completions,
        }
        known = call.path in routes and (self.native or not call.path.startswith("/api"))
        yield from routes[call.path](call) if known else whole(404, {"detail": "Not Found"})

    def _native(self, call: Call) -> Generator[Piece, None, None]:
        body = call.body or {}
        before = self._before(body)
        if before is None:
            yield from whole(400, {"error": {"message": "unknown", "param": "previous_response_id"}})
            return
        words = before.words + words_of(body["input"])
        stored = body.get("store", True)
        new = self._see(Seen(before.system or body.get("system_prompt", ""), words), stored=stored)
        yield from self._stream(
            lambda word: {"type": "message.delta", "content": word},
            lambda word: {
                "type": "chat.end",
                "result": {"output": [item(word)], **({"response_id": new} if stored else {})},
            },
        )

    def _responses(self, call: Call) -> Generator[Piece, None, None]:
        body = call.body or {}
        previous = body.get("previous_response_id")
        if self.stores == "forgets" and body.get("background"):
            yield from whole(400, {"error": {"message": "This vLLM engine does not support `store=True`"}})
            return
        if self.stores == "refuses" and previous:
            yield from whole(400, {"error": {"message": "llama.cpp does not support 'previous_response_id'."}})
            return
        before = Seen() if self.stores == "ignores" else self._before(body)
        if before is None:
            param = {"param": "response_id"} if self.owner == "vllm" else {"code": "previous_response_not_found"}
            yield from whole(404, {"error": {"message": "Response with id not found", **param}})
            return
        echo = None if self.stores == "ignores" else previous
        said = messages_of(body["input"])
        kept = self.stores == "keeps" and body.get("store", True)
        new = self._see(Seen(said.system or before.system, before.words + said.words), stored=kept)
        about = {"id": new, "model": "m", "previous_response_id": echo}
        yield from self._stream(
            lambda word: {"type": "response.output_text.delta", "delta": word},
            lambda _word: {"type": "response.completed", "response": {**about, "output": []}},
            {"type": "response.created", "response": about},
        )

    def _completions(self, call: Call) -> Generator[Piece, None, None]:
        self._see(messages_of((call.body or {})["messages"]), stored=False)
        yield from self._stream(
            lambda word: {"choices": [{"delta": {"content": word}}]},
            lambda _word: {"choices": [{"delta": {}, "finish_reason": "stop"}]},
        )

    def _before(self, body: Mapping[str, Any]) -> Seen | None:
        """Return what the model saw before; None for an id that is not known."""
        previous = body.get("previous_response_id")
        return self.chains.get(previous) if previous else Seen()

    def _see(self, seen: Seen, *, stored: bool) -> str:
        """Note what the model sees, and keep it with its reply unless that goes wrong."""
        self.seen = seen
        self.count += 1
        new = f"resp_{self.owner}_{self.count}"
        if stored and self.ending.before is None and self.ending.after is None:
            self.chains[new] = Seen(seen.system, (*seen.words, f"reply{self.ending.number}"))
        return new

    def _stream(
        self, piece: Callable[[str], object], last: Callable[[str], object], *first: object
    ) -> Generator[Piece, None, None]:
        if self.ending.before is not None:
            raise self.ending.before
        yield Head(200, "text/event-stream")
        for event in first:
            yield [("", json.dumps(event))]
        word = f"{'half' if self.ending.after else 'reply'}{self.ending.number}"
        yield [("", json.dumps(piece(word)))]
        if self.ending.after is not None:
            raise self.ending.after
        yield [("", json.dumps(last(word)))]


def item(word: str) -> Mapping[str, str]:
    return {"type": "message", "content": word}


def whole(status: int, value: object) -> Generator[Piece, None, None]:
    """Answer with one JSON document."""
    yield Head(status, "application/json")
    yield json.dumps(value).encode()


def words_of(value: object) -> Words:
    return tuple(_WORD.findall(json.dumps(value)))


def messages_of(entries: list[Mapping[str, Any]]) -> Seen:
    """Read role-tagged messages; the roles must come as templates want them."""
    roles = [each["role"] for each in entries]
    system = entries[0]["content"] if roles[0] == "system" else ""
    spoken = roles[1:] if system else roles
    assert spoken == ["user", "assistant"] * (len(spoken) // 2) + ["user"], roles
    return Seen(system, words_of(entries))
