"""One turn, from a valid request to the stored reply: load, fit into the window, generate, keep.

It sends the API's events (PROTOCOL.md section 4) as it goes; it must not know of HTTP or of other requests.
"""

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lmchat.local import llama
from lmchat.local.catalogue import SYSTEM_PROMPT
from lmchat.local.engines import Engine, Instances, LoadOptions
from lmchat.local.history import Chain, History
from lmchat.local.llama import Cancel, Count, PromptProgress, Text
from lmchat.local.models import ModelFile
from lmchat.local.refusals import Refusal, broken
from lmchat.local.requests import ChatBody
from lmchat.local.window import Asked, Fitted, fitted


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


TEMPERATURE = 0.2
"""The default: the built-in model is at its most reliable there."""

Event = dict[str, Any]
Send = Callable[[Event | Refusal], None]


@dataclass(frozen=True, slots=True)
class Turn:
    """Hold one request, with the model and the chain it was found to mean."""

    body: ChatBody
    model: ModelFile
    chain: Chain

    def run(self, instances: Instances, history: History, send: Send, cancel: Cancel) -> None:
        """Produce the reply and send its events; a Refusal that is sent first means that nothing was begun.

        Raises CancelledError; nothing is kept then.
        """
        reply = Reply(send)
        try:
            engine, prompt = self._ready(instances, reply, cancel)
            self._generate(engine, prompt, reply, cancel)
            if self.body.store:
                reply.response_id = self._kept(history, prompt, reply)
        except Refusal as refusal:
            send(refusal)
            if not reply.begun:
                return
        send({"type": "chat.end", "result": reply.result()})

    def _ready(self, instances: Instances, reply: Reply, cancel: Cancel) -> tuple[Engine, Fitted]:
        """Find the model in memory or load it, and fit the prompt into its window."""
        found = instances.find(self.body.model)
        if found is not None:
            instance, _model, engine = found
            # Before the first event, so that a prompt that cannot fit is refused as a whole.
            prompt = self._prompt(engine)
            reply.begin(instance)
            return engine, prompt
        reply.begin(instances.next_id(self.model))
        reply.send({"type": "model_load.start", "model_instance_id": reply.instance})
        before = time.monotonic()
        _, engine = instances.load(
            self.model,
            LoadOptions(context=self.body.context_length),
            lambda fraction: reply.send(
                {"type": "model_load.progress", "model_instance_id": reply.instance, "progress": fraction}
            ),
        )
        reply.loaded_in = round(time.monotonic() - before, 3)
        reply.send(
            {"type": "model_load.end", "model_instance_id": reply.instance, "load_time_seconds": reply.loaded_in}
        )
        cancel.check()
        return engine, self._prompt(engine)

    def _prompt(self, engine: Engine) -> Fitted:
        return fitted(
            self.chain,
            Asked(self.body.input, self.body.system_prompt),
            default_system=SYSTEM_PROMPT if self.model.known else None,
            window=engine.context,
            count=lambda messages: llama.count(engine, messages),
        )

    def _generate(self, engine: Engine, prompt: Fitted, reply: Reply, cancel: Cancel) -> None:
        sampling: dict[str, Any] = {"temperature": TEMPERATURE, **self.body.sampling}
        if self.body.max_output_tokens is not None:
            sampling["max_tokens"] = self.body.max_output_tokens
        try:
            reply.read_prompt()
            for piece in llama.stream(engine, prompt.messages, sampling, cancel):
                match piece:
                    case PromptProgress():
                        reply.send({"type": "prompt_processing.progress", "progress": piece.fraction})
                    case Text():
                        reply.add(piece)
                    case Count():
                        reply.counted(piece)
        finally:
            # Also where the engine broke off: what was begun is ended before the error is told.
            reply.end()

    def _kept(self, history: History, prompt: Fitted, reply: Reply) -> str:
        try:
            return history.keep(self.chain, self.body.system_prompt, self.body.input, reply.message, prompt.first_shown)
        except sqlite3.Error as problem:
            raise broken(f"The reply could not be stored, so no later turn can follow it: {problem}") from problem
