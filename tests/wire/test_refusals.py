"""Every refusal of PROTOCOL.md is one sentence and one hint, of the class that fixes the exit code."""

import json

import pytest

from lmchat.chat.exchange import ChatRequest, Fault
from lmchat.chat.models import EphemeralMcp
from lmchat.chat.values import Prompt
from lmchat.errors import (
    ChainLostError,
    ContextOverflowError,
    LmchatError,
    NotAllowedError,
    NotFoundError,
    RefusedError,
)
from lmchat.wire.address import Address
from lmchat.wire.client import Client
from tests.support.scripted import HOLD, ScriptedServer, Steps, answer, stream
from tests.wire.test_chat import HELLO

TOKEN = "22aac52a71f00dfeed:SECRETSECRETSECRET"


def refused(steps: Steps, *, token: str = "", request: ChatRequest = HELLO, streamed: bool = True) -> LmchatError:
    with ScriptedServer(steps) as server, pytest.raises(LmchatError) as caught:
        list(Client(Address(server.url, token)).chat(request, stream=streamed))
    return caught.value


def error(message: str, **more: str | None) -> str:
    return json.dumps({"error": {"message": message, **more}})


NO_TOKEN = (
    "An LM Studio API token is required to make requests to this server, but none was provided using the Authorization "
    "header using the 'Bearer' scheme (i.e., 'Authorization: Bearer $LM_API_TOKEN'). …"
)
LOST = "Could not find stored response for previous_response_id 'resp_not_a_stored_reply'. Please ensure it is correct."
PLUGIN = "Unable to get plugin tools for 'mcp/playwright'. Error: Cannot find plugin handle for plugin: mcp/playwright"
PERMISSION = (
    "Permission denied to use plugin 'mcp/playwright'. Ensure that the server configuration allows plugin usage and, "
    "if using an API token, it has the necessary permissions."
)
OVERFLOW = (
    "The number of tokens to keep from the initial prompt is greater than the context length. "
    "Try to load the model with a larger context length, or provide a shorter input"
)
JINJA = (
    "Engine protocol applyPromptTemplate request returned 500: Jinja Exception: "
    "Only user, assistant and tool roles are supported, got system"
)
LEVELS = (
    "Reasoning setting 'off' is not supported by model 'openai/gpt-oss-20b'. "
    "Supported settings: 'low', 'medium', 'high'."
)
NO_MODEL = (
    'Invalid model identifier "not-a-model". Please specify a valid downloaded model (e.g., google/gemma-3-1b, ...).'
)


@pytest.mark.parametrize(
    ("status", "body", "kind", "sentence", "hint"),
    [
        (
            400,
            error("Invalid discriminator value. Expected 'text' | 'image'", code="invalid_union", param="input"),
            RefusedError,
            "The server refused the request: Invalid discriminator value. Expected 'text' | 'image'",
            "--debug",
        ),
        (
            400,
            error("Unrecognized key(s) in object: 'ttl'", type="invalid_request", code="unrecognized_keys"),
            RefusedError,
            "The server does not know an option of this request: Unrecognized key(s) in object: 'ttl'",
            "Leave out ttl, or update LM Studio.",
        ),
        (
            400,
            error(LOST, type="invalid_request", param="previous_response_id", code="invalid_value"),
            ChainLostError,
            f"The server no longer has the reply that this prompt follows: {LOST}",
            "ask again",
        ),
        (
            400,
            error(LEVELS, param="reasoning", code="invalid_value"),
            RefusedError,
            f"The model does not have this reasoning setting: {LEVELS}",
            "Choose one of these with `--reasoning`: low, medium, high.",
        ),
        (
            400,
            error("Model 'X' does not expose reasoning configuration.", param="reasoning", code="invalid_value"),
            RefusedError,
            "The model does not have this reasoning setting: Model 'X' does not expose reasoning configuration.",
            "Leave it out (`--reasoning`)",
        ),
        (
            400,
            error(PLUGIN, type="plugin_connection_error", param="integrations"),
            RefusedError,
            f"The server cannot connect to an integration: {PLUGIN}",
            "mcp.json",
        ),
        (
            403,
            error(PERMISSION, type="invalid_request", param="integrations", code=None),
            NotAllowedError,
            f"The server does not allow this integration: {PERMISSION}",
            "'Allow calling servers from mcp.json'",
        ),
        (
            404,
            error(NO_MODEL, type="invalid_request", param="model", code="model_not_found"),
            NotFoundError,
            f"The server has no such model: {NO_MODEL}",
            "`lmchat models`",
        ),
        (
            500,
            error(OVERFLOW, type="internal_error", code="unknown", param=None),
            ContextOverflowError,
            f"The prompt is larger than the model's context: {OVERFLOW}",
            "--context-length",
        ),
        (
            400,
            error("request (9000 tokens) exceeds the available context size", type="exceed_context_size_error"),
            ContextOverflowError,
            "The prompt is larger than the model's context: request (9000 tokens) exceeds the available context size",
            "--context-length",
        ),
        (
            400,
            error("The context length must be positive", param="context_length"),
            RefusedError,
            "The server refused the request: The context length must be positive",
            "--debug",
        ),
        (
            500,
            error(JINJA, type="internal_error", code="unknown"),
            RefusedError,
            f"The model's own prompt template refuses this conversation: {JINJA}",
            "without a system prompt",
        ),
        (
            400,
            error("Model X does not support image inputs"),
            RefusedError,
            "The model does not take images: Model X does not support image inputs",
            "`lmchat models`",
        ),
        (
            500,
            error("Something broke", type="internal_error", code="unknown"),
            RefusedError,
            "The server failed at this request: Something broke",
            "lms log stream",
        ),
        (503, error("Loading"), RefusedError, "The server is busy: Loading", "Wait a moment"),
        (429, "", RefusedError, "The server is busy (HTTP 429).", "Wait a moment"),
        (413, "", RefusedError, "The request is too large for the server (HTTP 413).", "smaller images"),
        (401, error(NO_TOKEN, code="invalid_api_key"), NotAllowedError, f"none is set: {NO_TOKEN}", "LM_API_TOKEN"),
        (400, '{"error":"A bare string"}', RefusedError, "The server refused the request: A bare string", "--debug"),
        (400, '{"error":{"message":null,"code":null}}', RefusedError, "refused the request (HTTP 400).", "--debug"),
        (400, '{"error":[1,2]}', RefusedError, "refused the request (HTTP 400).", "--debug"),
        (400, '{"detail":"Not like this"}', RefusedError, "refused the request: Not like this", "--debug"),
        (400, '{"error":{"message":5,"code":6}}', RefusedError, "refused the request: 5", "--debug"),
        (404, "404 page not found", RefusedError, "does not have LM Studio's REST API: 404 page not found", "0.4.0"),
        (404, '{"detail":"Not Found"}', RefusedError, "does not have LM Studio's REST API: Not Found", "0.4.0"),
        (
            502,
            "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>" + "x" * 5000,
            RefusedError,
            "gets no answer from it: a web page, '502 Bad Gateway'",
            "LM Studio is running",
        ),
        (
            200,
            '{"error":"Unexpected endpoint or method. (POST /api/v1/chat)"}',
            RefusedError,
            "does not have LM Studio's REST API: Unexpected endpoint or method. (POST /api/v1/chat)",
            "LM Studio 0.4.0 or newer is needed",
        ),
        (
            200,
            "<html><title>Hello</title></html>",
            RefusedError,
            "answers with a web page, not as LM Studio does.",
            "0.4.0",
        ),
    ],
)
def test_a_refusal_is_a_sentence_and_a_hint(
    status: int, body: str, kind: type[LmchatError], sentence: str, hint: str
) -> None:
    found = refused(answer(status, body))
    assert type(found) is kind
    assert found.message.endswith(sentence)
    assert hint in found.hint


def test_a_refusal_keeps_the_words_of_the_server() -> None:
    found = refused(answer(400, error("No", type="invalid_request", param="input", code="invalid_union")))
    assert isinstance(found, RefusedError)
    assert (found.error_type, found.code, found.param, found.http_status) == (
        "invalid_request",
        "invalid_union",
        "input",
        400,
    )


def test_a_lost_chain_is_known_by_its_parameter() -> None:
    found = refused(answer(400, error("In other words", param="previous_response_id")))
    assert type(found) is ChainLostError


def test_a_token_that_is_not_accepted_differs_from_none() -> None:
    message = f"Malformed LM Studio API token provided: {TOKEN[:10]}... Ensure you are using a valid token."
    found = refused(answer(401, error(message, code="invalid_api_key")), token=TOKEN)
    assert type(found) is NotAllowedError
    assert found.message == (
        "The server does not accept the API token: Malformed LM Studio API token provided: [hidden]... "
        "Ensure you are using a valid token."
    )
    assert "LM_API_TOKEN" in found.hint


@pytest.mark.parametrize("part", [TOKEN, TOKEN[:6], TOKEN[:30]])
@pytest.mark.parametrize(
    "body", ['{"error":"%s!"}', '{"error":{"code":"%s!","message":"no"}}', "<html><title>%s!", "%s!"]
)
def test_no_refusal_shows_the_token(part: str, body: str) -> None:
    found = refused(answer(401, body % part), token=TOKEN)
    assert isinstance(found, RefusedError)
    assert TOKEN[:6] not in f"{found.message} {found.hint} {found.code} {found.error_type} {found.param}"


@pytest.mark.parametrize("header", ["hf_0123456789", "Bearer hf_0123456789"])
def test_no_refusal_shows_the_headers_of_an_integration(header: str) -> None:
    server = EphemeralMcp("hf", "https://hf.co/mcp", headers={"X-Key": header})
    found = refused(
        answer(400, error("Cannot connect with hf_0123456789", type="mcp_connection_error")),
        request=ChatRequest("m", Prompt("hi"), integrations=(server,)),
    )
    assert found.message == "The server cannot connect to an integration: Cannot connect with [hidden]"


def test_an_error_in_a_stream_hides_the_token_from_the_tap_too() -> None:
    frame = f'data: {{"type":"error","error":{{"message":"Bad {TOKEN[:10]}...","code":"invalid_api_key"}}}}\n\n'
    tapped: list[object] = []
    with ScriptedServer(stream(frame.encode())) as server:
        (fault,) = Client(Address(server.url, TOKEN)).chat(HELLO, tap=tapped.append)
    assert isinstance(fault, Fault)
    assert isinstance(fault.error, NotAllowedError)
    assert TOKEN[:6] not in f"{tapped} {fault.error.message}"


def test_an_overflow_in_a_stream_is_an_overflow() -> None:
    frame = b'data: {"type":"error","error":{"type":"exceed_context_size_error","message":"too long"}}\n\n'
    with ScriptedServer(stream(frame)) as server:
        (fault,) = Client(Address(server.url)).chat(HELLO)
    assert isinstance(fault, Fault)
    assert isinstance(fault.error, ContextOverflowError)


def test_an_error_without_a_word_is_still_one() -> None:
    with ScriptedServer(stream(b'data: {"type":"error","error":null}\n\n')) as server:
        (fault,) = Client(Address(server.url)).chat(HELLO)
    assert isinstance(fault, Fault)
    assert fault.error.message == "The server reports an error."


def test_a_message_of_many_lines_becomes_one() -> None:
    assert (
        refused(answer(400, error("one\n  two\r\n\tthree"))).message == "The server refused the request: one two three"
    )


def test_an_enormous_message_is_shortened() -> None:
    found = refused(answer(400, error("word " * 1_000_000)))
    assert 400 < len(found.message) < 600
    assert found.message.endswith("word…")


def test_an_enormous_body_is_not_read_to_its_end() -> None:
    head = b"HTTP/1.1 500 No\r\nContent-Type: text/plain\r\n\r\n"
    assert "xxx…" in refused([head, *([b"x" * 1_000_000] * 20), HOLD]).message


def test_a_redirect_is_refused_and_says_where_it_points() -> None:
    head = b"HTTP/1.1 307 Go\r\nLocation: https://me:pass@other.example/api/v1/chat\r\nContent-Length: 0\r\n\r\n"
    with ScriptedServer([head]) as server, pytest.raises(RefusedError) as caught:
        list(Client(Address(server.url)).chat(HELLO))
    assert "redirects to https://other.example/api/v1/chat" in caught.value.message
    assert "--url" in caught.value.hint
    assert len(server.requests) == 1


@pytest.mark.parametrize("streamed", [True, False])
def test_a_refusal_is_the_same_with_and_without_a_stream(*, streamed: bool) -> None:
    found = refused(answer(404, error("No", code="model_not_found")), streamed=streamed)
    assert type(found) is NotFoundError
