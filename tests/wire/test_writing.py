"""A request holds what was set and nothing else."""

import json
from typing import Any

import pytest

from lmchat.chat.values import ChatRequest, EphemeralMcp, Image, Options, Plugin, Prompt, ResponseId
from lmchat.errors import BadUseError
from lmchat.wire.writing import chat_body, json_bytes

CAT = Image("cat.png", "image/png", b"\x89PNG")
CAT_ITEM = {"type": "image", "data_url": "data:image/png;base64,iVBORw=="}


def written(request: ChatRequest, *, stream: bool = False) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(json_bytes(chat_body(request, stream=stream)))
    return body


def test_the_smallest_request_is_a_model_and_a_string() -> None:
    assert written(ChatRequest("m", Prompt("hi"))) == {"model": "m", "input": "hi"}


def test_a_streamed_request_says_so() -> None:
    assert written(ChatRequest("m", Prompt("hi")), stream=True) == {"model": "m", "input": "hi", "stream": True}


def test_a_following_request_names_what_it_follows() -> None:
    request = ChatRequest("m", Prompt("hi"), follows=ResponseId("resp_1"))
    assert written(request) == {"model": "m", "input": "hi", "previous_response_id": "resp_1"}


def test_store_is_sent_only_when_it_is_false() -> None:
    assert written(ChatRequest("m", Prompt("hi"), store=False)) == {"model": "m", "input": "hi", "store": False}


def test_the_recap_stands_in_front_of_the_prompt() -> None:
    assert written(ChatRequest("m", Prompt("hi"), recap="Before:"))["input"] == "Before:\n\nhi"


def test_the_system_prompt_goes_along_where_it_is_set() -> None:
    assert written(ChatRequest("m", Prompt("hi"), system_prompt="Be brief."))["system_prompt"] == "Be brief."


def test_images_stand_behind_one_text_item() -> None:
    request = ChatRequest("m", Prompt("what?", (CAT,)), recap="Before:", recap_images=(CAT,))
    assert written(request)["input"] == [{"type": "text", "content": "Before:\n\nwhat?"}, CAT_ITEM, CAT_ITEM]


def test_an_image_alone_brings_no_empty_text() -> None:
    assert written(ChatRequest("m", Prompt("", (CAT,))))["input"] == [CAT_ITEM]


def test_options_that_are_set_go_along_even_when_they_are_zero() -> None:
    options = Options(temperature=0.0, top_k=40, reasoning="xhigh")
    body = written(ChatRequest("m", Prompt("hi"), options=options))
    assert body == {"model": "m", "input": "hi", "temperature": 0.0, "top_k": 40, "reasoning": "xhigh"}


@pytest.mark.parametrize(
    ("integration", "expected"),
    [
        (Plugin("mcp/files"), "mcp/files"),
        (Plugin("mcp/files", ("read",)), {"type": "plugin", "id": "mcp/files", "allowed_tools": ["read"]}),
        (
            EphemeralMcp("hf", "https://hf.co/mcp", ("find",), {"Authorization": "Bearer x"}),
            {
                "type": "ephemeral_mcp",
                "server_label": "hf",
                "server_url": "https://hf.co/mcp",
                "allowed_tools": ["find"],
                "headers": {"Authorization": "Bearer x"},
            },
        ),
        (
            EphemeralMcp("hf", "https://hf.co/mcp"),
            {"type": "ephemeral_mcp", "server_label": "hf", "server_url": "https://hf.co/mcp"},
        ),
    ],
)
def test_integrations_have_three_forms(integration: Plugin | EphemeralMcp, expected: Any) -> None:
    assert written(ChatRequest("m", Prompt("hi"), integrations=(integration,)))["integrations"] == [expected]


def test_text_travels_as_itself() -> None:
    assert "私の好きな色は青です".encode() in json_bytes({"input": "私の好きな色は青です"})


def test_half_a_character_does_not_stop_a_request() -> None:
    assert json.loads(json_bytes({"input": "a\ud83db"})) == {"input": "a?b"}


def test_a_number_that_json_lacks_is_bad_use() -> None:
    with pytest.raises(BadUseError):
        json_bytes({"temperature": float("nan")})
