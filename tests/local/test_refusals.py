"""The refusals of PROTOCOL.md sections 1 and 2, byte for byte where the page quotes them."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.local.conftest import KEY, Served


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (
            {"ttl": 5},
            400,
            {
                "message": "Unrecognized key(s) in object: 'ttl'",
                "type": "invalid_request",
                "code": "unrecognized_keys",
            },
        ),
        (
            {"stop": 1, "seed": 2},
            400,
            {
                "message": "Unrecognized key(s) in object: 'stop', 'seed'",
                "type": "invalid_request",
                "code": "unrecognized_keys",
            },
        ),
        (
            {"input": [{"type": "message", "role": "user", "content": "x"}]},
            400,
            {
                "message": "Invalid discriminator value. Expected 'text' | 'image'",
                "type": "invalid_request",
                "code": "invalid_union",
                "param": "input",
            },
        ),
        (
            {"previous_response_id": "resp_not_a_stored_reply"},
            400,
            {
                "message": "Could not find stored response for previous_response_id 'resp_not_a_stored_reply'. Please "
                "ensure the ID is correct. Current previous response auto-deletion policy: Responses older than 30 "
                "days are automatically deleted.",
                "type": "invalid_request",
                "param": "previous_response_id",
                "code": "invalid_value",
            },
        ),
        (
            {"reasoning": "off"},
            400,
            {
                "message": f"Model '{KEY}' does not expose reasoning configuration.",
                "type": "invalid_request",
                "param": "reasoning",
                "code": "invalid_value",
            },
        ),
        (
            {"integrations": ["mcp/playwright"]},
            400,
            {
                "message": "Unable to get plugin tools for 'mcp/playwright'. Error: Cannot find plugin handle for "
                "plugin: mcp/playwright",
                "type": "plugin_connection_error",
                "param": "integrations",
            },
        ),
        (
            {"model": "not-a-model"},
            404,
            {
                "message": 'Invalid model identifier "not-a-model". Please specify a valid downloaded model '
                f"(e.g., {KEY}, ...).",
                "type": "invalid_request",
                "param": "model",
                "code": "model_not_found",
            },
        ),
        (
            {"input": "word " * 5000},
            500,
            {
                "message": "The number of tokens to keep from the initial prompt is greater than the context length. "
                "Try to load the model with a larger context length, or provide a shorter input",
                "type": "internal_error",
                "code": "unknown",
                "param": None,
            },
        ),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_a_refusal_is_plain_json_with_a_status(
    served: Served, body: dict[str, Any], status: int, error: dict[str, Any], stream: bool
) -> None:
    served.chat()  # loads the model: only then is a prompt's size known before the stream begins

    answer = served.http.post("/api/v1/chat", json={"model": KEY, "input": "Hello", "stream": stream, **body})

    assert (answer.status_code, answer.json()) == (status, {"error": error})


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({"temperature": 1.1}, "temperature", "too_big"),
        ({"temperature": -0.1}, "temperature", "too_small"),
        ({"temperature": "hot"}, "temperature", "invalid_type"),
        ({"temperature": True}, "temperature", "invalid_type"),
        ({"top_p": 2}, "top_p", "too_big"),
        ({"top_k": 1.5}, "top_k", "invalid_type"),
        ({"top_k": 2**40}, "top_k", "too_big"),
        ({"repeat_penalty": 0}, "repeat_penalty", "too_small"),
        ({"max_output_tokens": 0}, "max_output_tokens", "too_small"),
        ({"stream": "yes"}, "stream", "invalid_type"),
        ({"store": None}, "store", "invalid_type"),
        ({"input": ""}, "input", "invalid_value"),
        ({"input": []}, "input", "invalid_value"),
        ({"input": 5}, "input", "invalid_type"),
        ({"input": ["text"]}, "input", "invalid_union"),
        ({"input": [{"type": "text"}]}, "input", "invalid_union"),
        ({"input": [{"type": "text", "content": 1}]}, "input", "invalid_type"),
        ({"system_prompt": 1}, "system_prompt", "invalid_type"),
        ({"model": None}, "model", "invalid_type"),
        ({"integrations": "mcp/x"}, "integrations", "invalid_type"),
        ({"integrations": [5]}, "integrations", "invalid_union"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(served: Served, body: dict[str, Any], param: str, code: str) -> None:
    answer = (
        served.chat(**body) if "input" not in body else served.http.post("/api/v1/chat", json={"model": KEY, **body})
    )

    assert answer.status_code == 400
    assert (answer.json()["error"]["param"], answer.json()["error"]["code"]) == (param, code)


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ({"type": "text", "text": "x"}, "'input.0.content' is required, Unrecognized key(s) in object: 'text'"),
        ({"type": "text", "content": "x", "role": "user"}, "Unrecognized key(s) in object: 'role'"),
        (
            {"type": "image", "image_url": "x"},
            "'input.0.data_url' is required, Unrecognized key(s) in object: 'image_url'",
        ),
    ],
)
def test_an_item_is_refused_by_what_it_lacks_and_has_too_much(served: Served, item: object, words: str) -> None:
    error = served.http.post("/api/v1/chat", json={"model": KEY, "input": [item]}).json()["error"]

    assert error == {"message": words, "type": "invalid_request", "code": "invalid_union", "param": "input"}


@pytest.mark.parametrize("name", [KEY.upper(), f"{KEY}@q4_k_m", f"{KEY}@Q4_K_M"])
def test_a_key_is_known_in_any_letter_case_and_as_a_variant(served: Served, name: str) -> None:
    answer = served.http.post("/api/v1/chat", json={"model": name, "input": "Hello"})

    assert answer.json()["model_instance_id"] == KEY


def test_a_presence_penalty_is_accepted(served: Served) -> None:
    assert served.chat(presence_penalty=0.5).status_code == 200
    assert served.engine.asked[-1]["presence_penalty"] == 0.5


def test_an_image_is_refused(served: Served) -> None:
    items = [{"type": "text", "content": "What is this?"}, {"type": "image", "data_url": "data:image/png;base64,AA=="}]

    answer = served.http.post("/api/v1/chat", json={"model": KEY, "input": items})

    assert answer.status_code == 400
    assert "does not support image inputs" in answer.json()["error"]["message"]


def test_an_ephemeral_server_is_not_permitted(served: Served) -> None:
    server = {"type": "ephemeral_mcp", "server_label": "hub", "server_url": "https://example.org"}

    assert served.chat(integrations=[server]).status_code == 403


@pytest.mark.parametrize("missing", ["model", "input"])
def test_what_is_required_is_asked_for(served: Served, missing: str) -> None:
    body = {key: value for key, value in {"model": KEY, "input": "Hello"}.items() if key != missing}

    error = served.http.post("/api/v1/chat", json=body).json()["error"]

    assert error == {
        "message": f'"{missing}" is required',
        "type": "invalid_request",
        "code": "missing_required_parameter",
        "param": missing,
    }


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b'{"model": NaN}', b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_a_bad_request(served: Served, body: bytes) -> None:
    answer = served.http.post("/api/v1/chat", content=body)

    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v2/chat"),
        ("GET", "/api/v1/chat"),
        ("DELETE", "/api/v1/models"),
        ("GET", "/api/v1/models/"),
        ("OPTIONS", "/v1/chat/completions"),
        ("OPTIONS", "/api/v1/chat"),
        ("GET", "/v1/responses"),
        ("POST", "/v1/embeddings"),
        ("POST", "/v1/models"),
    ],
)
def test_an_unknown_route_or_method_answers_200(served: Served, method: str, path: str) -> None:
    answer = served.http.request(method, path)

    assert (answer.status_code, answer.json()) == (200, {"error": f"Unexpected endpoint or method. ({method} {path})"})


def test_answers_are_json_with_a_charset_and_say_how_long_a_connection_lives(served: Served) -> None:
    headers = served.http.get("/lmstudio-greeting").headers

    assert headers["content-type"] == "application/json; charset=utf-8"
    assert headers["keep-alive"] == "timeout=5"


def test_answers_look_as_express_writes_them(served: Served) -> None:
    answer = served.http.get("/lmstudio-greeting")

    assert answer.text == '{\n  "lmstudio": true\n}'
    assert answer.headers["x-powered-by"] == "Express"
    assert answer.headers["etag"] == 'W/"16-E8SPLdfbhJY/LIxc1Ou+kQGmmzo"'
    assert served.chat(stream=True).headers["x-powered-by"] == "Express"


@pytest.mark.parametrize("path", ["/api/v1/models", "/v1/models", "/nowhere"])
def test_head_answers_with_the_headers_alone(served: Served, path: str) -> None:
    answer = served.http.head(path)

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert int(answer.headers["content-length"]) > 0


def test_a_page_of_another_site_is_not_served(served: Served) -> None:
    assert served.http.post("/api/v1/chat", headers={"Origin": "https://example.org"}).status_code == 403
    assert served.http.get("/lmstudio-greeting", headers={"Origin": "http://localhost:3000"}).status_code == 200
    assert served.http.get("/api/v1/models", headers={"Host": "rebound.example.org"}).status_code == 403


@pytest.mark.parametrize("path", ["/lmstudio-greeting", "/api/v1/models", "/nowhere"])
def test_with_a_token_every_route_asks_for_it(serving: Callable[[str], Served], path: str) -> None:
    http = serving("sk-lm-AAAAAAAA:BBBBBBBBBBBBBBBBBBBB").http

    none = http.get(path)
    wrong = http.get(path, headers={"Authorization": "Bearer 22aac52a71bb"})
    right = http.get(path, headers={"Authorization": "Bearer sk-lm-AAAAAAAA:BBBBBBBBBBBBBBBBBBBB"})

    assert none.status_code == wrong.status_code == 401
    assert none.json()["error"]["message"].startswith("An LM Studio API token is required")
    assert wrong.json()["error"] == {
        "message": "Malformed LM Studio API token provided: 22aac52a71... Ensure you are using a valid token.",
        "type": "invalid_request",
        "code": "invalid_api_key",
    }
    assert right.status_code == 200


def test_a_megabyte_arrives(served: Served) -> None:
    answer = served.chat("x" * 5_000_000)

    assert answer.status_code == 200
    assert len(served.engine.asked[-1]["messages"][-1]["content"]) == 5_000_000


def test_half_an_emoji_is_replaced(served: Served) -> None:
    body = json.dumps({"model": KEY, "input": "x\ud83d"}).encode()

    answer: httpx.Response = served.http.post("/api/v1/chat", content=body)

    assert answer.status_code == 200
    assert served.engine.asked[-1]["messages"][-1]["content"] == "x\ufffd"
