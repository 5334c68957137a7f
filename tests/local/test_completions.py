"""`POST /v1/chat/completions` and the lists of models as LM Studio has them (PROTOCOL.md section 6)."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.local.conftest import KEY, Served
from tests.local.engine import PROGRESS, delta, last

LIMIT = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"length"}]}\n\n'
BROKEN = b'data: {"error":{"code":500,"message":"boom","type":"server_error"}}\n\n'


def complete(served: Served, text: object = "Hello", **more: object) -> httpx.Response:
    body = {"model": KEY, "messages": [{"role": "user", "content": text}], **more}
    return served.http.post("/v1/chat/completions", json=body)


def chunks(served: Served, **more: object) -> list[dict[str, Any]]:
    """Return the chunks of a stream, whose end is `[DONE]`."""
    answer = complete(served, stream=True, **more)
    assert answer.headers["content-type"] == "text/event-stream"
    frames = answer.text.split("\n\n")
    assert frames[-2:] == ["data: [DONE]", ""]
    return [json.loads(frame.removeprefix("data: ")) for frame in frames[:-2]]


def test_a_reply_has_the_words_the_numbers_and_why_it_ended(served: Served) -> None:
    answer = complete(served).json()

    assert answer["object"] == "chat.completion"
    assert answer["id"].startswith("chatcmpl-")
    assert answer["model"] == KEY
    assert answer["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello"},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ]
    assert answer["usage"] == {
        "prompt_tokens": 200,
        "completion_tokens": 3,
        "total_tokens": 203,
        "completion_tokens_details": {"reasoning_tokens": 0},
    }


def test_a_stream_begins_with_the_role_and_ends_with_the_reason(served: Served) -> None:
    found = chunks(served)

    assert [each["choices"][0]["delta"] for each in found] == [
        {"role": "assistant", "content": ""},
        {"content": "Hel"},
        {"content": "lo"},
        {},
    ]
    assert [each["choices"][0]["finish_reason"] for each in found] == [None, None, None, "stop"]
    assert {each["object"] for each in found} == {"chat.completion.chunk"}
    assert len({each["id"] for each in found}) == 1


def test_usage_comes_in_a_chunk_of_its_own_when_it_is_asked_for(served: Served) -> None:
    found = chunks(served, stream_options={"include_usage": True})

    assert found[-1]["choices"] == []
    assert found[-1]["usage"]["total_tokens"] == 203
    assert "usage" not in found[-2]


def test_reasoning_is_apart_from_the_answer(served: Served) -> None:
    served.engine.script = [delta("Hm", 1, "reasoning_content"), delta("Yes", 2), last(3)]

    found = chunks(served)
    message = complete(served).json()["choices"][0]["message"]

    assert [each["choices"][0]["delta"] for each in found[1:3]] == [{"reasoning_content": "Hm"}, {"content": "Yes"}]
    assert message == {"role": "assistant", "content": "Yes", "reasoning_content": "Hm"}


def test_a_reply_that_the_limit_cut_says_so(served: Served) -> None:
    served.engine.script = [delta("Hel", 1), LIMIT, last(1)]

    assert complete(served, max_tokens=1).json()["choices"][0]["finish_reason"] == "length"
    assert chunks(served, max_tokens=1)[-1]["choices"][0]["finish_reason"] == "length"


def test_an_error_in_mid_stream_is_an_event_of_its_own_and_the_last(served: Served) -> None:
    served.engine.script = [delta("Hel", 1), BROKEN]

    answer = complete(served, stream=True)

    event = answer.text.split("\n\n")[-2]
    assert event.startswith("event: error\ndata: ")
    assert "boom" in json.loads(event.partition("data: ")[2])["error"]["message"]
    assert "[DONE]" not in answer.text


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ({"temperature": 1.5}, {"temperature": 1.5}),
        ({"top_p": 0.5, "top_k": 3, "min_p": 0.1}, {"top_p": 0.5, "top_k": 3, "min_p": 0.1}),
        ({"stop": "END"}, {"stop": ["END"]}),
        ({"stop": ["a", "b"]}, {"stop": ["a", "b"]}),
        ({"seed": 7}, {"seed": 7}),
        ({"max_tokens": 9}, {"max_tokens": 9}),
        ({"max_completion_tokens": 9}, {"max_tokens": 9}),
        ({"frequency_penalty": 0.5, "presence_penalty": -1}, {"frequency_penalty": 0.5, "presence_penalty": -1.0}),
        ({"repeat_penalty": 1.1}, {"repeat_penalty": 1.1}),
        ({"logit_bias": {"15": 1}}, {"logit_bias": {"15": 1}}),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "array"}}}},
            {"response_format": {"type": "json_schema", "json_schema": {"name": "reply", "schema": {"type": "array"}}}},
        ),
        (
            {"response_format": {"type": "json_object"}},
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "reply", "schema": {"type": "object"}},
                }
            },
        ),
    ],
)
def test_an_option_reaches_the_engine(served: Served, given: dict[str, Any], asked: dict[str, Any]) -> None:
    assert complete(served, **given).status_code == 200
    assert {key: served.engine.asked[-1][key] for key in asked} == asked


@pytest.mark.parametrize(
    "given",
    [
        {"max_tokens": -1}, {"max_tokens": None}, {"stop": None}, {"response_format": {"type": "text"}}, {"n": 1},
        {"tools": []}, {"tool_choice": "none"}, {"logprobs": False}, {"user": "me"}, {"metadata": {"a": "b"}},
        {"store": True}, {"parallel_tool_calls": True}, {"service_tier": "auto"}, {"reasoning_effort": "none"},
        {"something_new": 1},
    ],
)  # fmt: skip
def test_what_asks_for_nothing_is_passed_over(served: Served, given: dict[str, Any]) -> None:
    assert complete(served, **given).status_code == 200
    assert set(given) & set(served.engine.asked[-1]) == set()


TOOL = {"type": "function", "function": {"name": "weather", "parameters": {}}}


@pytest.mark.parametrize(
    ("given", "param", "code"),
    [
        ({"tools": [TOOL]}, "tools", "unsupported_parameter"),
        ({"tool_choice": "required"}, "tool_choice", "unsupported_parameter"),
        ({"functions": [{"name": "f"}]}, "functions", "unsupported_parameter"),
        ({"n": 2}, "n", "unsupported_parameter"),
        ({"logprobs": True}, "logprobs", "unsupported_parameter"),
        ({"audio": {"voice": "x"}}, "audio", "unsupported_parameter"),
        ({"reasoning_effort": "high"}, "reasoning", "invalid_value"),
        ({"temperature": 3}, "temperature", "too_big"),
        ({"temperature": "hot"}, "temperature", "invalid_type"),
        ({"max_tokens": 0}, "max_tokens", "too_small"),
        ({"stop": 5}, "stop", "invalid_type"),
        ({"stream": "yes"}, "stream", "invalid_type"),
        ({"response_format": {"type": "xml"}}, "response_format", "invalid_value"),
        ({"response_format": {"type": "json_schema"}}, "response_format", "invalid_type"),
        ({"messages": []}, "messages", "invalid_value"),
        ({"messages": "Hello"}, "messages", "invalid_type"),
        ({"messages": None}, "messages", "invalid_type"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages", "invalid_value"),
        ({"messages": [{"role": "tool", "tool_call_id": "1", "content": "x"}]}, "messages", "unsupported_parameter"),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "messages", "unsupported_parameter"),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/y.png"}}]}
                ]
            },
            "messages",
            "invalid_value",
        ),
    ],
)
def test_what_cannot_be_done_is_refused_by_its_name(
    served: Served, given: dict[str, Any], param: str, code: str
) -> None:
    answer = complete(served, **given)

    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["param"], error["code"]) == (
        400,
        "invalid_request_error",
        param,
        code,
    )
    assert not served.engine.asked


def test_messages_reach_the_engine_by_their_roles(served: Served) -> None:
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "One"}, {"type": "text", "text": "more"}]},
        {"role": "assistant", "content": "Two"},
        {"role": "user", "content": "Three"},
    ]

    complete(served, messages=messages)

    assert served.engine.asked[-1]["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "One\n\nmore"},
        {"role": "assistant", "content": "Two"},
        {"role": "user", "content": "Three"},
    ]


def test_a_picture_is_refused_where_the_model_does_not_see(served: Served) -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}

    answer = complete(served, messages=[{"role": "user", "content": [picture]}])

    assert answer.json()["error"]["message"] == f"Model '{KEY}' does not support image inputs."


@pytest.mark.parametrize("stream", [True, False])
def test_a_prompt_that_is_too_long_is_a_400_with_a_sentence(served: Served, stream: bool) -> None:
    complete(served)

    answer = complete(served, "word " * 5000, stream=stream)

    assert answer.status_code == 400
    assert answer.json()["error"].startswith("The number of tokens to keep from the initial prompt is greater than")


def test_nothing_of_it_is_kept(served: Served) -> None:
    complete(served, store=True)

    with served.state.history._connected() as connection:
        assert connection.execute("SELECT count(*) FROM turn").fetchone() == (0,)


def test_with_one_model_loaded_any_name_gets_it(served: Served) -> None:
    complete(served)

    assert complete(served, model="gpt-5").json()["model"] == KEY
    assert complete(served, model=None).json()["model"] == KEY


def test_without_a_loaded_model_an_unknown_name_is_refused(served: Served) -> None:
    answer = complete(served, model="gpt-5")

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "model_not_found")


def test_with_two_loaded_an_unknown_name_is_refused(served: Served) -> None:
    for _ in range(2):
        served.http.post("/api/v1/models/load", json={"model": KEY})

    assert complete(served, model="gpt-5").status_code == 400
    assert complete(served, model=f"{KEY}:2").json()["model"] == f"{KEY}:2"


def test_progress_says_nothing_here(served: Served) -> None:
    served.engine.script = [PROGRESS % 100, delta("Hi", 1), last(1)]

    assert len(chunks(served)) == 3


def test_models_are_listed_by_their_keys(served: Served) -> None:
    row = {"id": KEY, "object": "model", "owned_by": "organization_owner"}

    assert served.http.get("/v1/models").json() == {"data": [row], "object": "list"}
    assert served.http.get(f"/v1/models/{KEY}").json() == row


def test_a_model_that_is_not_there_is_a_404(served: Served) -> None:
    answer = served.http.get("/v1/models/nobody/nothing")

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")


def test_with_a_token_these_routes_ask_for_it(serving: Callable[[str], Served]) -> None:
    http = serving("sk-lm-AAAAAAAA:BBBBBBBBBBBBBBBBBBBB").http

    assert [http.get("/v1/models").status_code, http.post("/v1/chat/completions").status_code] == [401, 401]
