"""The models of this machine behind the routes: found, loaded, fitted into the window, asked."""

import time
from collections.abc import Callable
from typing import Any

from lmchat.chat.exchange import (
    Event,
    MessageDelta,
    Part,
    PartEnded,
    PartStarted,
    Phase,
    Progress,
    ReasoningDelta,
    Started,
)
from lmchat.chat.values import Stats
from lmchat.dataclass import dataclass, replace
from lmchat.local import llama, refusals
from lmchat.local.catalogue import SYSTEM_PROMPT
from lmchat.local.downloads import Downloads
from lmchat.local.engines import Engine, Instances, LoadOptions
from lmchat.local.history import Chain
from lmchat.local.llama import Cancel, Count, Cut, PromptProgress, Text
from lmchat.local.models import ModelFile, Places, present
from lmchat.local.refusals import Refusal
from lmchat.local.requests import ChatBody
from lmchat.local.turn import Made
from lmchat.local.window import Asked, Fitted, fitted

TEMPERATURE = 0.2
"""The default: the built-in model is at its most reliable there."""

Show = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Embedded:
    """The model files of this machine, and those of them that are in memory."""

    places: Places
    instances: Instances
    downloads: Downloads

    def listed(self) -> list[dict[str, Any]]:
        """Return the models as the rows of `GET /api/v1/models`."""
        return [model.listed(self.instances.listed(model)) for model in present(self.places)]

    def model(self, name: str) -> ModelFile:
        """Find a text model by its key, a variant or the id of an instance, in any letter case; raise Refusal."""
        wanted, models = name.casefold(), self._chatting()
        for model in models:
            names = [model.key, model.variant, *(instance["id"] for instance in self.instances.listed(model))]
            if wanted in {each.casefold() for each in names}:
                return model
        raise refusals.unknown_model(name, [model.key for model in models])

    def accepted(self, body: ChatBody, *, loosely: bool = False) -> ChatBody:
        """Return a request with its model's key or instance; raise Refusal for what no model here can do."""
        body = self._with_model(body, loosely=loosely)
        if body.integrations:
            raise _integration_refused(body.integrations[0])
        if body.reasoning is not None:
            message = f"Model '{body.model}' does not expose reasoning configuration."
            raise Refusal(message, param="reasoning", code="invalid_value")
        if body.has_pictures:
            raise refusals.no_pictures(body.model)
        return body

    def reply(self, body: ChatBody, chain: Chain, show: Show, cancel: Cancel) -> Made:
        """Load the model where it is not in memory, and produce a reply."""
        engine, prompt, loaded_in = self._ready(body, chain, show, cancel)
        writing = _Writing(show)
        sampling: dict[str, Any] = {"temperature": TEMPERATURE, **body.sampling}
        if body.max_output_tokens is not None:
            sampling["max_tokens"] = body.max_output_tokens
        if body.schema is not None:
            form = {"name": "reply", "schema": body.schema}
            sampling["response_format"] = {"type": "json_schema", "json_schema": form}
        try:
            show(Progress(Phase.PROMPT_PROCESSING))
            for piece in llama.stream(engine, prompt.messages, sampling, cancel):
                writing.add(piece)
        finally:
            # Also where the engine broke off: what was begun is ended before the error is said.
            writing.switch(None)
        return Made(replace(writing.stats(), model_load_time_seconds=loaded_in), writing.cut, prompt.first_shown)

    def _chatting(self) -> list[ModelFile]:
        return [model for model in present(self.places) if not model.embedding]

    def _with_model(self, body: ChatBody, *, loosely: bool) -> ChatBody:
        """Choose the model: on the OpenAI-style routes any name will do where one model is loaded."""
        try:
            model = self.model(body.model)
        except Refusal as refusal:
            loaded = self.instances.running()
            if loosely and len(loaded) == 1:
                return replace(body, model=loaded[0][0])
            refusal.status = 400 if loosely else refusal.status
            raise
        instance = next((id_ for id_, _ in self.instances.running() if id_.casefold() == body.model.casefold()), "")
        return replace(body, model=instance or model.key)

    def _ready(self, body: ChatBody, chain: Chain, show: Show, cancel: Cancel) -> tuple[Engine, Fitted, float | None]:
        """Find the model in memory or load it, which takes the seconds returned, and fit the prompt into its window."""
        found = self.instances.find(body.model)
        if found is not None:
            instance, model, engine = found
            # Before the first event, so that a prompt that cannot fit is refused as a whole.
            prompt = _prompt(model, engine, body, chain)
            show(Started(instance))
            return engine, prompt, None
        model = self.model(body.model)
        show(Started(self.instances.next_id(model)))
        show(Progress(Phase.MODEL_LOAD))
        before = time.monotonic()
        _, engine = self.instances.load(
            model,
            LoadOptions(context=body.context_length),
            lambda fraction: show(Progress(Phase.MODEL_LOAD, fraction)),
        )
        show(Progress(Phase.MODEL_LOAD, done=True))
        cancel.check()
        return engine, _prompt(model, engine, body, chain), round(time.monotonic() - before, 3)


def _prompt(model: ModelFile, engine: Engine, body: ChatBody, chain: Chain) -> Fitted:
    return fitted(
        chain,
        Asked(body.messages, body.system_prompt, body.instructions),
        default_system=SYSTEM_PROMPT if model.known else None,
        window=engine.context,
        count=lambda messages: llama.count(engine, messages),
    )


class _Writing:
    """One reply while the engine writes it: its pieces become events, and its numbers are kept."""

    def __init__(self, show: Show) -> None:
        self.cut = False
        self._show = show
        self._part: Part | None = None
        self._count = Count(0, 0, 0.0)
        self._reasoning_tokens = 0
        self._asked_at = time.monotonic()
        self._first_after: float | None = None

    def add(self, piece: llama.Piece) -> None:
        """Take the next piece."""
        match piece:
            case PromptProgress(fraction):
                self._show(Progress(Phase.PROMPT_PROCESSING, fraction))
            case Text(text, reasoning):
                if self._first_after is None:
                    self._first_after = time.monotonic() - self._asked_at
                self.switch(Part.REASONING if reasoning else Part.MESSAGE)
                self._show(ReasoningDelta(text) if reasoning else MessageDelta(text))
            case Count():
                self._count = piece
                if self._part is Part.REASONING:
                    self._reasoning_tokens = piece.output
            case Cut():
                self.cut = True

    def switch(self, part: Part | None) -> None:
        """End the part that is open, and begin another."""
        if part is self._part:
            return
        if self._part is not None:
            self._show(PartEnded(self._part))
        if part is not None:
            self._show(PartStarted(part))
        self._part = part

    def stats(self) -> Stats:
        """Return the numbers of the reply."""
        return Stats(
            input_tokens=self._count.prompt,
            total_output_tokens=self._count.output,
            reasoning_output_tokens=self._reasoning_tokens,
            tokens_per_second=round(self._count.per_second, 2),
            time_to_first_token_seconds=round(self._first_after or 0.0, 3),
        )


def _integration_refused(integration: Any) -> Refusal:
    """Refuse tools as LM Studio does where a plugin is not installed or not allowed."""
    plugin = integration.get("id") if isinstance(integration, dict) else integration
    if isinstance(plugin, str):
        return Refusal(
            f"Unable to get plugin tools for '{plugin}'. Error: Cannot find plugin handle for plugin: {plugin}",
            kind="plugin_connection_error",
            param="integrations",
        )
    if isinstance(integration, dict) and integration.get("type") == "ephemeral_mcp":
        label = integration.get("server_label")
        named = f" '{label}'" if isinstance(label, str) else ""
        return Refusal(
            f"Permission denied to use ephemeral MCP server{named}. The embedded server runs no tools.",
            status=403,
            param="integrations",
            code=None,
        )
    expected = "Invalid discriminator value. Expected 'plugin' | 'ephemeral_mcp'"
    return Refusal(expected, param="integrations", code="invalid_union")
