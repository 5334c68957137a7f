"""Another server behind the routes, one that keeps no conversations: each request brings it the whole chain.

How it is spoken to is not known here: what asks it, lists its models and passes requests on are functions.
"""

import base64
import binascii
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from lmchat.chat.exchange import ChatRequest, Event, Fault, Finished, Quiet, Started, Unknown
from lmchat.chat.models import Model
from lmchat.chat.session import Outcome, Turn, TurnId
from lmchat.chat.values import Image, Options, Prompt, Reply
from lmchat.chat.values import Message as Said
from lmchat.dataclass import dataclass, replace
from lmchat.errors import (
    BadUseError,
    ContextOverflowError,
    LmchatError,
    NotAllowedError,
    NotFoundError,
    RefusedError,
)
from lmchat.local.history import Chain, StoredTurn
from lmchat.local.llama import Cancel
from lmchat.local.messages import Message, pictures_of, text_of
from lmchat.local.refusals import Refusal, overflow
from lmchat.local.requests import ChatBody
from lmchat.local.turn import Made
from lmchat.local.window import Asked, rendered

_EFFORTS = ["low", "medium", "high"]
"""The levels of reasoning that the OpenAI-style routes name; whether a model has them, only its server knows."""
_UNREACHABLE = 502


@dataclass(frozen=True, slots=True)
class Passed:
    """The head of an answer that is passed on."""

    status: int
    content_type: str


@dataclass(frozen=True, slots=True)
class Upstream:
    """A server as functions; all raise LmchatError.

    `ask` yields the events of one reply, and `Quiet` at least every second. `pass_on` sends a request (its method,
    path and JSON) as it is, and yields the head of the answer, then its bytes, and None when there are none for a
    moment.
    """

    ask: Callable[[ChatRequest], Generator[Event]]
    models: Callable[[], Sequence[Model]]
    pass_on: Callable[[str, str, dict[str, Any] | None], Generator[Passed | bytes | None]]

    def listed(self) -> list[dict[str, Any]]:
        """Return the models as the rows of `GET /api/v1/models`."""
        try:
            return [_row(model) for model in self.models()]
        except LmchatError as problem:
            raise refused(problem) from problem

    def accepted(self, body: ChatBody, *, loosely: bool = False) -> ChatBody:
        """Return a request; only the server itself knows what its models can do."""
        del loosely
        if not body.model:
            raise Refusal('"model" is required', code="missing_required_parameter", param="model")
        if body.integrations:
            raise Refusal("The server behind this one runs no tools.", param="integrations", code=None)
        return body

    def reply(self, body: ChatBody, chain: Chain, show: Callable[[Event], None], cancel: Cancel) -> Made:
        """Ask for a reply; a chain that has outgrown the model's window is cut at the front, silently as LM Studio."""
        shown = chain.shown
        while True:
            try:
                made = self._asked(body, chain, shown, show, cancel)
            except ContextOverflowError as problem:
                if not shown:
                    raise overflow() from problem
                shown = shown[(len(shown) + 1) // 2 :]
            except LmchatError as problem:
                raise refused(problem) from problem
            else:
                return made if shown == chain.shown else replace(made, first_shown=_first(chain, shown))

    def _asked(
        self,
        body: ChatBody,
        chain: Chain,
        shown: Sequence[StoredTurn],
        show: Callable[[Event], None],
        cancel: Cancel,
    ) -> Made:
        asked = Asked(body.messages, body.system_prompt, body.instructions)
        request = chat_request(body, rendered(chain, shown, asked))
        begun = False
        with closing(self.ask(request)) as events:
            for event in events:
                cancel.check()
                match event:
                    case Finished(reply, cut):
                        if not begun:
                            show(Started(reply.model_instance_id or body.model))
                        return Made(reply.stats, cut is not None, chain.first_shown)
                    case Fault(error):
                        raise error
                    case Quiet() | Unknown():
                        pass
                    case _:
                        begun = begun or isinstance(event, Started)
                        show(event)
        raise broken_off()


def chat_request(body: ChatBody, messages: Sequence[Message]) -> ChatRequest:
    """Return messages as a request: the system's first, then turns, and what no answer follows as the prompt.

    Strict templates take a system message at the start only.
    """
    systems = [text_of(each) for each in messages if each["role"] == "system"]
    turns: list[Turn] = []
    waiting: list[Message] = []
    for each in messages:
        if each["role"] == "user":
            waiting.append(each)
        elif each["role"] == "assistant":
            turns.append(_turn(len(turns) + 1, body.model, _prompt(waiting), text_of(each)))
            waiting = []
    options = dict(body.sampling)
    if body.max_output_tokens is not None:
        options["max_output_tokens"] = body.max_output_tokens
    if body.context_length is not None:
        options["context_length"] = body.context_length
    if body.reasoning is not None:
        options["reasoning"] = body.reasoning
    return ChatRequest(
        body.model,
        _prompt(waiting),
        history=tuple(turns),
        system_prompt="\n\n".join(systems),
        options=Options(**options),
        store=False,
    )


def broken_off() -> Refusal:
    """Report that the server behind ended its answer without a word."""
    return Refusal("The server behind this one broke off its answer.", status=_UNREACHABLE, kind="upstream_error")


def refused(problem: LmchatError) -> Refusal:
    """Return what happened between here and the server behind as a refusal of this one."""
    match problem:
        case ContextOverflowError():
            return overflow()
        case NotFoundError():
            return Refusal(problem.message, status=404, param="model", code="model_not_found")
        case BadUseError():
            return Refusal(problem.message, code="unsupported_parameter", param=None)
        case NotAllowedError():
            # Not the client's token: that one was right.
            return Refusal(problem.message, status=_UNREACHABLE, kind="upstream_error", code=None, param=None)
        case RefusedError(http_status=status) if status >= 400:
            kind, details = problem.error_type or "invalid_request", {"code": problem.code, "param": problem.param}
            return Refusal(
                problem.message, status=status, kind=kind, **{key: each or None for key, each in details.items()}
            )
        case _:
            return Refusal(problem.message, status=_UNREACHABLE, kind="upstream_error", code=None, param=None)


def _first(chain: Chain, shown: Sequence[StoredTurn]) -> int:
    return shown[0].number if shown else chain.turns[-1].number + 1


def _turn(number: int, model: str, prompt: Prompt, answer: str) -> Turn:
    reply = Reply((Said(answer),))
    return Turn(TurnId(number), None, prompt, reply, Outcome.COMPLETE, "", model, datetime.now(UTC))


def _prompt(messages: Sequence[Message]) -> Prompt:
    texts = [text for each in messages if (text := text_of(each))]
    return Prompt("\n\n".join(texts), tuple(_image(url) for each in messages for url in pictures_of(each)))


def _image(url: str) -> Image:
    head, _, data = url.partition(",")
    try:
        return Image("", head.removeprefix("data:").partition(";")[0], base64.b64decode(data, validate=True))
    except binascii.Error:
        raise Refusal("A picture's base64 is damaged.", code="invalid_value", param="input") from None


def _row(model: Model) -> dict[str, Any]:
    quantization = {"name": model.quantization, "bits_per_weight": model.bits_per_weight}
    able: dict[str, Any] = {"vision": model.vision, "trained_for_tool_use": model.tools}
    if options := _EFFORTS if model.reasoning_options is None else list(model.reasoning_options):
        able["reasoning"] = {"allowed_options": options}
    return {
        "type": model.type,
        "publisher": model.publisher or None,
        "key": model.key,
        "display_name": model.display_name or model.key,
        "architecture": model.architecture or None,
        "quantization": quantization if model.quantization else None,
        "size_bytes": model.size_bytes,
        "params_string": model.params or None,
        "loaded_instances": [
            {"id": instance.id, "config": {"context_length": instance.context_length}} for instance in model.instances
        ],
        "max_context_length": model.max_context_length,
        "format": model.format or None,
        "capabilities": able,
        "description": None,
    }
