"""One turn, from a valid request to the stored reply: load, fit into the window, generate, keep.

It sends the API's events (PROTOCOL.md section 4) as it goes; it must not know of HTTP or of other requests.
"""

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lmchat.local import completion
from lmchat.local.catalogue import SYSTEM_PROMPT
from lmchat.local.completion import Cancel, Count, PromptProgress, Text
from lmchat.local.history import Chain, History
from lmchat.local.instances import Instances
from lmchat.local.loading import Engine, LoadOptions
from lmchat.local.models import ModelFile
from lmchat.local.refusals import Refusal, broken
from lmchat.local.reply import Reply
from lmchat.local.requests import ChatBody
from lmchat.local.window import Asked, Fitted, fitted

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
            count=lambda messages: completion.count(engine, messages),
        )

    def _generate(self, engine: Engine, prompt: Fitted, reply: Reply, cancel: Cancel) -> None:
        sampling: dict[str, Any] = {"temperature": TEMPERATURE, **self.body.sampling}
        if self.body.max_output_tokens is not None:
            sampling["max_tokens"] = self.body.max_output_tokens
        try:
            reply.read_prompt()
            for piece in completion.stream(engine, prompt.messages, sampling, cancel):
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
