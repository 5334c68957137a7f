"""Requests of any form get an answer of their own: no body makes the server fail."""

import json
import random
from typing import Any

import pytest

from tests.local.conftest import KEY, Served

VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**63, 10**400, 1e308, -1.5, "", "x", "\ud83d", "\x00", "a" * 10_000, "١", [], [[]],
    [None], {},
    {"type": None}, {"type": "text"}, {"type": []}, [{"type": "text", "content": 1}], [{"role": "user"}],
    "data:image/png;base64,x",
    [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}], {"a": {"a": {"a": {}}}},
    [1] * 1000,
    [{"role": "assistant", "tool_calls": [{}]}], [{"type": "function_call_output"}],
    {"json_schema": {"schema": {"$ref": "#"}}},
    {"type": "json_schema", "json_schema": {"schema": {"type": "object", "properties": {"a": {"$ref": "#/x"}}}}},
    {"format": {"type": "json_schema", "schema": {"pattern": "("}}}, [{"type": "function", "function": {"name": 1}}],
    "resp_x",
)  # fmt: skip

ROUTES = {
    "/api/v1/chat": ("model", "input", "system_prompt", "previous_response_id", "store", "stream", "temperature",
    "top_k",
                     "max_output_tokens", "context_length", "reasoning", "integrations", "repeat_penalty"),
    "/v1/chat/completions": ("model", "messages", "stream", "temperature", "max_tokens", "stop", "seed",
    "response_format",
                             "tools", "tool_choice", "stream_options", "n", "logit_bias", "top_p"),
    "/v1/responses": ("model", "input", "instructions", "previous_response_id", "store", "stream", "text", "tools",
                      "max_output_tokens", "temperature", "reasoning", "metadata"),
    "/api/v1/models/load": ("model", "context_length", "eval_batch_size", "flash_attention", "echo_load_config"),
    "/api/v1/models/unload": ("instance_id",),
    "/api/v1/models/download": ("model", "quantization"),
}  # fmt: skip

WHOLE: dict[str, dict[str, Any]] = {
    "/api/v1/chat": {"model": KEY, "input": "Hello"},
    "/v1/chat/completions": {"model": KEY, "messages": [{"role": "user", "content": "Hello"}]},
    "/v1/responses": {"model": KEY, "input": "Hello"},
    "/api/v1/models/load": {"model": KEY},
    "/api/v1/models/unload": {"instance_id": KEY},
    "/api/v1/models/download": {"model": KEY},
}


@pytest.mark.parametrize("route", ROUTES)
def test_a_body_of_any_form_is_answered_or_refused(served: Served, route: str) -> None:
    chance = random.Random(route)  # noqa: S311 - the same bodies each time
    for _ in range(40):
        body = dict(WHOLE[route])
        for name in chance.sample(ROUTES[route], min(chance.randrange(1, 4), len(ROUTES[route]))):
            body[name] = chance.choice(VALUES)
        content = json.dumps(body).encode("utf-8", "surrogatepass")
        answer = served.http.post(route, content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code < 500, (body, answer.text)
        assert "server failed" not in answer.text, (body, answer.text)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    "content",
    [b"", b"\xff", b"{", b"[]", b"null", b"1", b'"x"', b"[" * 5000, b'{"a":' * 5000, b"\xef\xbb\xbf{}", b"NaN",
    b'{"model":NaN}', b"9" * 9000],
    ids=lambda content: repr(content[:12]),
)  # fmt: skip
def test_what_is_no_object_is_refused(served: Served, route: str, content: bytes) -> None:
    answer = served.http.post(route, content=content)
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["error"]
