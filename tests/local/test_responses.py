"""`POST /v1/responses`, whose replies are kept in one store with those of LM Studio's own route."""

import json
import re
from typing import Any

import httpx
import pytest

from tests.local.conftest import KEY, Served
from tests.local.engine import delta, last
from tests.local.test_chat import sent
from tests.local.test_completions import BROKEN, LIMIT, TOOL


def respond(served: Served, given: object = "Hello", **more: object) -> httpx.Response:
    return served.http.post("/v1/responses", json={"model": KEY, "input": given, **more})


def events(served: Served, given: object = "Hello", **more: object) -> list[dict[str, Any]]:
    """Return the events of a stream, each of which has its name twice."""
    frames = respond(served, given, stream=True, **more).text.split("\n\n")
    assert frames.pop() == ""
    found = []
    for frame in frames:
        name, data = frame.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
    return found


def test_a_reply_has_its_id_the_words_and_the_numbers(served: Served) -> None:
    answer = respond(served).json()

    assert re.fullmatch("resp_[0-9a-f]{48}", answer["id"])
    assert (answer["object"], answer["status"], answer["model"]) == ("response", "completed", KEY)
    assert answer["previous_response_id"] is None
    (item,) = answer["output"]
    assert item["content"] == [{"type": "output_text", "text": "Hello", "annotations": [], "logprobs": []}]
    assert (item["type"], item["role"], item["status"]) == ("message", "assistant", "completed")
    assert (answer["usage"]["input_tokens"], answer["usage"]["output_tokens"]) == (200, 3)


def test_a_stream_has_all_events_numbered(served: Served) -> None:
    found = events(served)

    assert [event["type"] for event in found] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event["sequence_number"] for event in found] == list(range(10))
    assert found[0]["response"]["id"] == found[-1]["response"]["id"]
    assert found[-1]["response"]["output"] == [found[-2]["item"]]
    assert found[-1]["response"]["usage"]["total_tokens"] == 203


def test_reasoning_is_an_item_before_the_message(served: Served) -> None:
    served.engine.script = [delta("Hm", 1, "reasoning_content"), delta("Yes", 2), last(3)]

    found = events(served)
    whole = respond(served).json()

    kinds = [event["type"] for event in found if event["type"].endswith(".delta")]
    assert kinds == ["response.reasoning_text.delta", "response.output_text.delta"]
    assert [event["output_index"] for event in found if event["type"].endswith(".delta")] == [0, 1]
    for response in (found[-1]["response"], whole):
        assert [item["type"] for item in response["output"]] == ["reasoning", "message"]
        assert response["output"][0]["content"] == [{"type": "reasoning_text", "text": "Hm"}]


def test_a_reply_that_the_limit_cut_is_incomplete(served: Served) -> None:
    served.engine.script = [delta("Hel", 1), LIMIT, last(1)]

    whole, streamed = respond(served, max_output_tokens=1).json(), events(served, max_output_tokens=1)[-1]

    assert streamed["type"] == "response.incomplete"
    for response in (whole, streamed["response"]):
        assert (response["status"], response["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})


def test_an_error_in_mid_stream_is_the_last_event(served: Served) -> None:
    served.engine.script = [delta("Hel", 1), BROKEN]

    event = events(served)[-1]

    assert event["type"] == "error"
    assert "boom" in event["message"]
    assert event["error"]["message"] == event["message"]


@pytest.mark.parametrize("stream", [True, False])
def test_a_reply_follows_the_one_it_names(served: Served, stream: bool) -> None:
    if stream:
        first = events(served, "One")[-1]["response"]["id"]
        echoed = events(served, "Two", previous_response_id=first)[0]["response"]["previous_response_id"]
    else:
        first = respond(served, "One").json()["id"]
        echoed = respond(served, "Two", previous_response_id=first).json()["previous_response_id"]

    assert sent(served) == [("user", "One"), ("assistant", "Hello"), ("user", "Two")]
    assert echoed == first


def test_a_reply_of_the_native_route_can_be_followed(served: Served) -> None:
    first = served.chat("One", system_prompt="Be brief.").json()["response_id"]

    respond(served, "Two", previous_response_id=first)

    assert sent(served) == [("system", "Be brief."), ("user", "One"), ("assistant", "Hello"), ("user", "Two")]


def test_the_native_route_can_follow_a_reply_of_this_one(served: Served) -> None:
    first = respond(served, [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "One"}]).json()

    served.chat("Two", previous_response_id=first["id"])

    assert sent(served) == [("system", "Be brief."), ("user", "One"), ("assistant", "Hello"), ("user", "Two")]


def test_a_whole_conversation_may_come_as_items_and_be_followed(served: Served) -> None:
    items = [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "One"}]},
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Two"}]},
        {"role": "user", "content": "Three"},
    ]
    first = respond(served, items).json()["id"]

    respond(served, "Four", previous_response_id=first)

    assert sent(served) == [
        ("user", "One"), ("assistant", "Two"), ("user", "Three"), ("assistant", "Hello"), ("user", "Four"),
    ]  # fmt: skip


def test_instructions_are_for_one_reply(served: Served) -> None:
    first = respond(served, "One", instructions="Be brief.").json()
    assert sent(served) == [("system", "Be brief."), ("user", "One")]
    assert first["instructions"] == "Be brief."

    respond(served, "Two", previous_response_id=first["id"])

    assert ("system", "Be brief.") not in sent(served)


def test_what_is_not_to_be_kept_cannot_be_followed(served: Served) -> None:
    first = respond(served, "One", store=False).json()["id"]

    assert respond(served, "Two", previous_response_id=first).status_code == 400


@pytest.mark.parametrize("stream", [True, False])
def test_an_unknown_id_is_refused_in_lm_studios_words(served: Served, stream: bool) -> None:
    answer = respond(served, previous_response_id="resp_none", stream=stream)

    assert answer.status_code == 400
    assert answer.json() == {
        "error": {
            "message": "Prediction history node with id 'resp_none' not found while attempting to build chat history "
            "chain that includes this node.",
            "type": "invalid_request_error",
            "param": "previous_response_id",
            "code": "previous_response_not_found",
        }
    }


def test_a_prompt_that_is_too_long_is_a_500(served: Served) -> None:
    respond(served)

    answer = respond(served, "word " * 5000)

    assert answer.status_code == 500
    assert "greater than the context length" in answer.json()["error"]["message"]


def test_a_schema_reaches_the_engine_and_is_echoed(served: Served) -> None:
    schema = {"type": "object", "properties": {"colour": {"type": "string"}}}

    answer = respond(served, text={"format": {"type": "json_schema", "name": "x", "schema": schema}}).json()

    assert served.engine.asked[-1]["response_format"]["json_schema"]["schema"] == schema
    assert answer["text"]["format"]["schema"] == schema


@pytest.mark.parametrize(
    "given", [{"reasoning": {"effort": None}}, {"reasoning": {"effort": "none"}}, {"tools": []}, {"truncation": "auto"},
              {"include": []}, {"metadata": {}}, {"user": "me"}, {"background": False}, {"text": {"verbosity": "low"}}],
)  # fmt: skip
def test_what_asks_for_nothing_is_passed_over(served: Served, given: dict[str, Any]) -> None:
    assert respond(served, **given).status_code == 200


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"tools": [TOOL]}, "tools"),
        ({"background": True}, "background"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "x"}}, "prompt"),
        ({"reasoning": {"effort": "high"}}, "reasoning"),
        ({"reasoning": "high"}, "reasoning"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"previous_response_id": 5}, "previous_response_id"),
        ({"instructions": 5}, "instructions"),
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": 5}, "input"),
        ({"input": ["x"]}, "input"),
        ({"input": [{"type": "function_call_output", "call_id": "1", "output": "x"}]}, "input"),
        ({"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "x"}]}]}, "input"),
    ],
)
def test_what_cannot_be_done_is_refused_by_its_name(served: Served, given: dict[str, Any], param: str) -> None:
    answer = served.http.post("/v1/responses", json={"model": KEY, "input": "Hello", **given})

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
