"""The server in front of an upstream server that stores no conversations.

Turns are stored here, and every request to the upstream server contains them all. How to talk to it is not decided
here: asking it, listing its models and passing requests on are functions. Requests for its own routes are passed on
unchanged.
"""

import base64
import binascii
import contextlib
import socket
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import aclosing, closing
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lmchat.chat.exchange import ChatRequest, Event, Fault, Finished, Quiet, Started, Unknown
from lmchat.chat.models import Model
from lmchat.chat.session import Outcome, TurnId
from lmchat.chat.session import Turn as AnsweredTurn
from lmchat.chat.values import Image, Options, Prompt, Reply
from lmchat.chat.values import Message as Answer
from lmchat.dataclass import dataclass, replace
from lmchat.errors import BadUseError, ContextOverflowError, LmchatError, NotAllowedError, NotFoundError, RefusedError
from lmchat.local.answers import Stream, event_frame, openai_error
from lmchat.local.history import Chain, History, Message, StoredTurn, pictures_of, text_of
from lmchat.local.refusals import Refusal, json_object, missing, not_found, overflow
from lmchat.local.requests import ChatBody
from lmchat.local.run import HISTORY, address
from lmchat.local.server import ServerState, Worker, application
from lmchat.local.serving import serve_application
from lmchat.local.turn import Asked, Cancel, Made, rendered
from lmchat.world import World

_EFFORTS = ["low", "medium", "high"]
"""The levels of reasoning that the OpenAI-style routes name; whether a model has them, only its server knows."""


@dataclass(frozen=True, slots=True)
class Passed:
    """The head of an answer that is passed on."""

    status: int
    content_type: str


Item = Passed | bytes | Refusal


@dataclass(frozen=True, slots=True)
class Upstream:
    """An upstream server as functions; all raise LmchatError.

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
            raise _refused(problem) from problem

    def accepted(self, body: ChatBody, *, loosely: bool = False) -> ChatBody:
        """Return the request as it is; only the upstream server knows what its models can do."""
        del loosely
        if not body.model:
            raise missing("model")
        if body.integrations:
            raise Refusal("The upstream server runs no tools.", param="integrations", code=None)
        return body

    def reply(self, body: ChatBody, chain: Chain, show: Callable[[Event], None], cancel: Cancel) -> Made:
        """Ask for a reply; cut a chain that has outgrown the window at its front, silently, as LM Studio does."""
        shown = chain.shown
        while True:
            try:
                made = self._asked(body, chain, shown, show, cancel)
            except ContextOverflowError as problem:
                if not shown:
                    raise overflow() from problem
                shown = shown[(len(shown) + 1) // 2 :]
            except LmchatError as problem:
                raise _refused(problem) from problem
            else:
                return made if shown == chain.shown else replace(made, first_shown=chain.first_of(shown))

    def _asked(
        self,
        body: ChatBody,
        chain: Chain,
        shown: Sequence[StoredTurn],
        show: Callable[[Event], None],
        cancel: Cancel,
    ) -> Made:
        asked = Asked(body.messages, body.system_prompt, body.instructions)
        request = _chat_request(body, rendered(chain, shown, asked))
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
        raise _unreachable("The upstream server broke off its answer.")


def _chat_request(body: ChatBody, messages: Sequence[Message]) -> ChatRequest:
    """Return messages as a request: the system's first, then turns, and what has no answer yet as the prompt.

    Strict templates take a system message at the start only.
    """
    systems = [text_of(each) for each in messages if each["role"] == "system"]
    turns: list[AnsweredTurn] = []
    waiting: list[Message] = []
    for each in messages:
        if each["role"] == "user":
            waiting.append(each)
        elif each["role"] == "assistant":
            turns.append(_turn(len(turns) + 1, body.model, _prompt(waiting), text_of(each)))
            waiting = []
    limits = {name: getattr(body, name) for name in ("max_output_tokens", "context_length", "reasoning")}
    options = {**body.sampling, **{name: value for name, value in limits.items() if value is not None}}
    return ChatRequest(
        body.model,
        _prompt(waiting),
        history=tuple(turns),
        system_prompt="\n\n".join(systems),
        options=Options(**options),
        store=False,
    )


def _turn(number: int, model: str, prompt: Prompt, answer: str) -> AnsweredTurn:
    reply = Reply((Answer(answer),))
    return AnsweredTurn(TurnId(number), None, prompt, reply, Outcome.COMPLETE, "", model, datetime.now(UTC))


def _prompt(messages: Sequence[Message]) -> Prompt:
    texts = [text for each in messages if (text := text_of(each))]
    return Prompt("\n\n".join(texts), tuple(_image(url) for each in messages for url in pictures_of(each)))


def _image(url: str) -> Image:
    head, _, data = url.partition(",")
    try:
        return Image("", head.removeprefix("data:").partition(";")[0], base64.b64decode(data, validate=True))
    except binascii.Error:
        raise Refusal("A picture's base64 is damaged.", code="invalid_value", param="input") from None


def _unreachable(message: str) -> Refusal:
    """Report a failure of the upstream server."""
    return Refusal(message, status=502, kind="upstream_error", code=None, param=None)


def _refused(problem: LmchatError) -> Refusal:
    """Return an error of the upstream server as a refusal of this one."""
    match problem:
        case ContextOverflowError():
            return overflow()
        case NotFoundError():
            return not_found(problem.message)
        case BadUseError():
            return Refusal(problem.message, code="unsupported_parameter", param=None)
        case RefusedError(http_status=status) if status >= 400 and not isinstance(problem, NotAllowedError):
            kind, code, param = problem.error_type or "invalid_request", problem.code or None, problem.param or None
            return Refusal(problem.message, status=status, kind=kind, code=code, param=param)
        case _:  # also a token that was refused: it is this server's, not the client's
            return _unreachable(problem.message)


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


def serve_in_front(world: World, listening: socket.socket, upstream: Upstream, *, name: str, token: str = "") -> None:
    """Serve in front of an upstream server, whose `name` is printed, until Ctrl-C or SIGTERM."""
    world.stderr.write(f"lmchat: serving at {address(listening)}, in front of {name} (Ctrl-C stops it)\n")
    world.stderr.flush()
    worker = Worker(at_once=True)
    state = ServerState(upstream, History(world.directories.data.absolute() / HISTORY), worker)
    app = application(state, upstream_routes(upstream, worker), token)
    with contextlib.suppress(KeyboardInterrupt):
        serve_application(app, listening)


def upstream_routes(upstream: Upstream, worker: Worker) -> list[Route]:
    """Return the routes that only a server in front of an upstream server has.

    `/v1/chat/completions`, `/v1/models`, `/v1/embeddings` and all others there are passed on.
    """

    async def pass_on(request: Request) -> Response | Stream:
        data = await request.body()
        job = _passing(upstream, request.method, _target(request), json_object(data) if data else None)
        items: AsyncGenerator[Item] = worker.items(request, job)
        head = await anext(items, None)
        if isinstance(head, Passed):
            return Stream((), _rest(items, head.content_type), status=head.status, content_type=head.content_type)
        await items.aclose()
        raise head if isinstance(head, Refusal) else _unreachable("The upstream server broke off its answer.")

    return [
        *(Route(f"/api/v1/models/{name}", _unmanaged, methods=["POST"]) for name in ("load", "unload", "download")),
        Route("/v1/{path:path}", pass_on, methods=["GET", "POST"]),
    ]


async def _unmanaged(_request: Request) -> Response:
    message = "The upstream server cannot load, unload or download models; the program that runs it can."
    raise Refusal(message, status=501, kind="not_implemented", code=None, param=None)


def _target(request: Request) -> str:
    path: bytes = request.scope["raw_path"]
    query: bytes = request.scope["query_string"]
    return (path + (b"?" + query if query else b"")).decode("ascii", "replace")


def _passing(
    upstream: Upstream, method: str, target: str, body: dict[str, Any] | None
) -> Callable[[Callable[[Item], None], Cancel], None]:
    def job(send: Callable[[Item], None], cancel: Cancel) -> None:
        try:
            with closing(upstream.pass_on(method, target, body)) as pieces:
                for piece in pieces:
                    cancel.check()
                    if piece:
                        send(piece)
        except LmchatError as problem:
            raise _refused(problem) from problem

    return job


async def _rest(items: AsyncGenerator[Item], content_type: str) -> AsyncGenerator[bytes]:
    """Yield what comes after the head."""
    async with aclosing(items):
        async for item in items:
            if isinstance(item, bytes):
                yield item
            elif isinstance(item, Refusal):
                if not content_type.startswith("text/event-stream"):
                    raise item  # breaks the connection: half an answer must not look complete
                yield event_frame({"error": openai_error(item)}, "error")
