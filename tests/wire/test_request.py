"""A request contains what was set and nothing else."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from lmchat.chat.exchange import ChatRequest
from lmchat.chat.models import EphemeralMcp, Plugin
from lmchat.chat.session import Outcome, Turn, TurnId
from lmchat.chat.values import Image, Message, Options, Prompt, Reply, ResponseId, ToolCall
from lmchat.dataclass import replace
from lmchat.errors import BadUseError
from lmchat.wire.lmstudio.chat import native_body
from lmchat.wire.messages import recap
from lmchat.wire.reading import json_bytes

CAT = Image("cat.png", "image/png", b"\x89PNG")
CAT_ITEM = {"type": "image", "data_url": "data:image/png;base64,iVBORw=="}


def turn(asked: str, answered: str = "", *, outcome: Outcome = Outcome.COMPLETE, summary: bool = False) -> Turn:
    reply = Reply((Message(answered),) if answered else ())
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Turn(TurnId(1), None, Prompt(asked), reply, outcome, "here", "m", at, summary=summary)


def written(request: ChatRequest, *, stream: bool = False) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(json_bytes(native_body(request, stream=stream)))
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


def test_the_recap_goes_in_front_of_the_prompt() -> None:
    request = ChatRequest("m", Prompt("hi"), history=(turn("Who?", "Me."),))
    assert written(request)["input"] == (
        "Here is our conversation so far, which you cannot see otherwise.\n\nI said: Who?\n\nYou answered: Me.\n\n"
        "The conversation so far ends here. Now answer my next message:\n\nhi"
    )


def test_the_recap_says_what_became_of_each_turn() -> None:
    calls = Reply((ToolCall("search", {}, "found"),))
    turns = (
        turn("all", "they counted", summary=True),
        replace(turn("look"), reply=calls),
        turn("tell", "Once", outcome=Outcome.INTERRUPTED),
        turn("and", outcome=Outcome.INTERRUPTED),
    )
    said = recap(turns, 2)
    assert "(2 earlier messages are left out.)\n\nSummary of everything before: they counted" in said
    assert "You called tools only: search" in said
    assert "You answered, but were cut short: Once" in said
    assert "You had not answered yet when you were cut short." in said


def test_the_system_prompt_begins_a_chain_and_is_not_sent_again() -> None:
    request = ChatRequest("m", Prompt("hi"), system_prompt="Be brief.")
    assert written(request)["system_prompt"] == "Be brief."
    assert "system_prompt" not in written(replace(request, follows=ResponseId("resp_1")))


def test_images_come_after_one_text_item_each_earlier_one_once() -> None:
    asked = Prompt("look", (CAT, CAT))
    request = ChatRequest("m", Prompt("what?", (CAT,)), history=(replace(turn("", "ok"), prompt=asked),))
    text, *images = written(request)["input"]
    assert text["type"] == "text"
    assert "I said: look [picture: cat.png] [picture: cat.png]" in text["content"]
    assert images == [CAT_ITEM, CAT_ITEM]


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
