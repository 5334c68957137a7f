"""An engine's HTTP routes, which are those of llama.cpp's server: count a prompt, stream a reply."""

import contextlib
import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from lmchat.chat.exchange import MessageDelta, Phase, Progress, ReasoningDelta
from lmchat.dataclass import dataclass
from lmchat.local.engine import Engine
from lmchat.local.history import Message
from lmchat.local.refusals import Refusal, broken, engine_failed, overflow
from lmchat.local.turn import Cancel

_DYING_SECONDS = 2.0
"""How long an engine whose connection has ended may take to end itself."""


@dataclass(frozen=True, slots=True)
class Count:
    """How many tokens there are so far, and how fast they came (0: not known)."""

    prompt: int
    output: int
    per_second: float


@dataclass(frozen=True, slots=True)
class LimitReached:
    """The end of a reply by a limit."""


Piece = Progress | MessageDelta | ReasoningDelta | Count | LimitReached


def count(engine: Engine, messages: Sequence[Message]) -> int:
    """Return how many tokens the messages make as the model's template renders them; raise Refusal."""
    rendered = _post(engine, "/apply-template", {"messages": list(messages)})
    tokens = _post(engine, "/tokenize", {"content": rendered["prompt"], "add_special": True, "parse_special": True})
    return len(tokens["tokens"])


def stream(engine: Engine, messages: Sequence[Message], sampling: dict[str, Any], cancel: Cancel) -> Iterator[Piece]:
    """Yield the reply as it grows; end it early through `cancel`.

    Raise CancelledError, or Refusal where the engine refuses, fails or ends.
    """
    body = {
        **sampling,
        "messages": list(messages),
        "stream": True,
        "stream_options": {"include_usage": True},
        "return_progress": True,
        "timings_per_token": True,
        "cache_prompt": True,
    }
    connection = _connection(engine)
    try:
        connection.connect()
        with cancel.closing(_hang_up(connection.sock)):
            response = _request(connection, engine, "/v1/chat/completions", body)
            for line in response:
                cancel.check()
                if line.strip() == b"data: [DONE]":
                    return
                if line.startswith(b"data:"):
                    yield from _pieces(json.loads(line[5:]))
            raise http.client.IncompleteRead(b"")
    except (OSError, http.client.HTTPException, ValueError) as problem:
        cancel.check()
        raise _broken_off(engine) from problem
    finally:
        connection.close()


def _hang_up(connected: socket.socket) -> Callable[[], None]:
    def hang_up() -> None:
        # close() would not wake the thread that reads.
        with contextlib.suppress(OSError):
            connected.shutdown(socket.SHUT_RDWR)

    return hang_up


def _pieces(chunk: dict[str, Any]) -> Iterator[Piece]:
    if "error" in chunk:
        raise _refused(chunk["error"])
    if read := chunk.get("prompt_progress"):
        # The share of what had to be read: the rest was in the engine's memory already.
        total, cached = read["total"], read["cache"]
        done = (read["processed"] - cached) / (total - cached) if total > cached else 1.0
        yield Progress(Phase.PROMPT_PROCESSING, done)
    for choice in chunk.get("choices") or ():
        delta = choice.get("delta") or {}
        if text := delta.get("reasoning_content"):
            yield ReasoningDelta(text)
        if text := delta.get("content"):
            yield MessageDelta(text)
        if choice.get("finish_reason") == "length":
            yield LimitReached()
    if timings := chunk.get("timings"):
        prompt, output = timings["cache_n"] + timings["prompt_n"], timings["predicted_n"]
        if usage := chunk.get("usage"):
            prompt, output = usage["prompt_tokens"], usage["completion_tokens"]
        # The first token takes no measured time, so one alone has no speed.
        yield Count(prompt, output, timings["predicted_per_second"] if output > 1 else 0.0)


def _connection(engine: Engine) -> http.client.HTTPConnection:
    address = urlsplit(engine.url)
    return http.client.HTTPConnection(address.hostname or "127.0.0.1", address.port)


def _request(
    connection: http.client.HTTPConnection, engine: Engine, path: str, body: dict[str, Any]
) -> http.client.HTTPResponse:
    headers = {"Authorization": f"Bearer {engine.secret}", "Content-Type": "application/json"}
    connection.request("POST", path, json.dumps(body), headers)
    response = connection.getresponse()
    if response.status != http.HTTPStatus.OK:
        raise _refused(json.loads(response.read()).get("error"))
    return response


def _post(engine: Engine, path: str, body: dict[str, Any]) -> dict[str, Any]:
    connection = _connection(engine)
    try:
        answer: dict[str, Any] = json.loads(_request(connection, engine, path, body).read())
    except (OSError, http.client.HTTPException, ValueError) as problem:
        raise _broken_off(engine) from problem
    else:
        return answer
    finally:
        connection.close()


def _refused(error: Any) -> Refusal:
    details = error if isinstance(error, dict) else {"message": str(error)}
    if details.get("type") == "exceed_context_size_error":
        return overflow()
    message = str(details.get("message", ""))
    if "JSON schema" in message:
        problem = message.partition("JSON schema error at ")[2] or message
        return Refusal(f"The schema cannot be used: {problem}", code="invalid_schema", param="response_format")
    if details.get("type") == "invalid_request_error" and "template" not in message:
        return Refusal(f"The engine refused the request: {message}", code="invalid_value", param=None)
    if "inja" in message or "template" in message:
        return broken(f"Engine protocol applyPromptTemplate request returned 500: {message}")
    return broken(f"The engine refused the request: {message}")


def _broken_off(engine: Engine) -> Refusal:
    """Explain an answer that broke off; the connection of an engine that dies ends a moment before the engine."""
    until = time.monotonic() + _DYING_SECONDS
    while engine.process.running:
        if time.monotonic() > until:
            return engine_failed("The engine broke off its answer.")
        time.sleep(0.02)
    return engine_failed(f"The engine ended unexpectedly. {engine.process.last_line()}".strip())
