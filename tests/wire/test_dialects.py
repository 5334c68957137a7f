"""The two OpenAI-style dialects: recorded replies of llama-server, and bytes by hand for what other servers do."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from lmchat.chat.exchange import (
    ChatRequest,
    Event,
    Fault,
    Finished,
    MessageDelta,
    Part,
    PartEnded,
    PartStarted,
    Phase,
    Progress,
    Quiet,
    ReasoningDelta,
    Started,
)
from lmchat.chat.models import EphemeralMcp
from lmchat.chat.session import Outcome, Turn, TurnId
from lmchat.chat.values import Image, Message, Options, Prompt, Reasoning, Reply, ResponseId
from lmchat.dataclass import replace
from lmchat.errors import (
    BadUseError,
    ChainLostError,
    ContextOverflowError,
    LmchatError,
    NotAllowedError,
    NotFoundError,
    RefusedError,
    StreamBrokenError,
)
from lmchat.wire.address import Address
from lmchat.wire.client import Client
from lmchat.wire.dialects import COMPLETIONS, LMSTUDIO, RESPONSES, Dialect, Finding, Route
from lmchat.wire.openai import completions_body, responses_body
from tests.support.answers import GREAT, NO_ROUTE, recorded
from tests.support.scripted import ScriptedServer, Steps, answer, stream

HELLO = ChatRequest("m", Prompt("hi"))
FOLLOWING = ChatRequest("m", Prompt("hi"), follows=ResponseId("resp_1"))
QWEN = "/models/qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"


def client(server: ScriptedServer, dialect: Dialect) -> Client:
    return Client(Address(server.url), route=Route(dialect, dialect.keeps))


def events_of(steps: Steps, dialect: Dialect, request: ChatRequest = HELLO, *, streamed: bool = True) -> list[Event]:
    with ScriptedServer(steps) as server:
        events = list(client(server, dialect).chat(request, stream=streamed))
    return [event for event in events if not isinstance(event, Quiet)]


def refused(steps: Steps, dialect: Dialect, request: ChatRequest = HELLO) -> LmchatError:
    with pytest.raises(LmchatError) as caught:
        events_of(steps, dialect, request)
    return caught.value


def words(events: Sequence[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, MessageDelta))


def thoughts(events: Sequence[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, ReasoningDelta))


def finished(events: Sequence[Event]) -> Finished:
    last = events[-1]
    assert isinstance(last, Finished)
    return last


def sse(*data: object) -> Steps:
    return stream(*(f"data: {each if isinstance(each, str) else json.dumps(each)}\n\n".encode() for each in data))


def chunk(content: object = None, finish: str | None = None, **delta: object) -> dict[str, Any]:
    return {"model": "m", "choices": [{"index": 0, "delta": {"content": content, **delta}, "finish_reason": finish}]}


# What llama-server really sends


@pytest.mark.parametrize(
    ("name", "dialect"), [("chat_stream_usage", COMPLETIONS), ("responses_stream", RESPONSES), ("responses", RESPONSES)]
)
def test_a_recorded_reply_is_words_and_numbers(name: str, dialect: Dialect) -> None:
    events = events_of(recorded(name), dialect)
    assert Started(QWEN) in events
    reply = finished(events).reply
    assert words(events) == reply.text == "Hello! How can I assist you today?"
    assert reply.model_instance_id == QWEN
    assert reply.stats.input_tokens == 32
    assert reply.stats.total_output_tokens == 10
    assert (reply.response_id is not None) is (dialect is RESPONSES)
    assert not finished(events).cut


def test_a_recorded_answer_at_once_is_a_reply() -> None:
    events = events_of(recorded("chat"), COMPLETIONS, streamed=False)
    assert words(events) == "私は青です。"
    assert finished(events).reply.stats.tokens_per_second == pytest.approx(4.877, abs=0.001)


@pytest.mark.parametrize(
    ("name", "dialect", "count"),
    [("chat_stream_progress", COMPLETIONS, 2), ("responses_stream_progress", RESPONSES, 3)],
)
def test_prompt_progress_is_passed_on(name: str, dialect: Dialect, count: int) -> None:
    shown = [event for event in events_of(recorded(name), dialect) if isinstance(event, Progress)]
    assert len(shown) >= count
    assert {event.phase for event in shown} == {Phase.PROMPT_PROCESSING}
    fractions = [event.fraction or 0 for event in shown]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1


@pytest.mark.parametrize(
    ("name", "dialect", "limit"),
    [
        ("chat_stream_length", COMPLETIONS, None),
        ("chat_stream_context_full", COMPLETIONS, None),
        ("responses_length", RESPONSES, 3),
    ],
)
def test_a_reply_that_a_limit_cut_is_marked(name: str, dialect: Dialect, limit: int | None) -> None:
    request = replace(HELLO, options=Options(max_output_tokens=limit))
    assert finished(events_of(recorded(name), dialect, request)).cut


@pytest.mark.parametrize(
    ("name", "dialect", "request_", "kind"),
    [
        ("chat_overflow", COMPLETIONS, HELLO, ContextOverflowError),
        ("chat_overflow_stream", COMPLETIONS, HELLO, ContextOverflowError),
        ("responses_overflow", RESPONSES, HELLO, ContextOverflowError),
        ("responses_prev", RESPONSES, FOLLOWING, ChainLostError),
        ("key_none_chat", COMPLETIONS, HELLO, NotAllowedError),
        ("key_wrong_chat", COMPLETIONS, HELLO, NotAllowedError),
        ("chat_image", COMPLETIONS, HELLO, RefusedError),
    ],
)
def test_a_recorded_refusal_has_its_error(name: str, dialect: Dialect, request_: ChatRequest, kind: type) -> None:
    assert type(refused(recorded(name), dialect, request_)) is kind


def test_a_recorded_list_names_model_and_context() -> None:
    with ScriptedServer(recorded("models")) as server:
        [model] = client(server, COMPLETIONS).models()
    assert (model.key, model.vision, model.reasoning_options) == (QWEN, False, None)
    assert model.max_context_length == 32768
    assert [instance.context_length for instance in model.instances] == [4096]


def test_a_model_that_is_being_loaded_is_waited_for() -> None:
    with ScriptedServer(recorded("loading_503"), recorded("chat_stream_usage")) as server:
        events = list(client(server, COMPLETIONS).chat(HELLO))
    assert events[0] == Progress(Phase.MODEL_LOAD)
    assert words(events) == "Hello! How can I assist you today?"
    assert len(server.requests) == 2


# What a request says


CAT = Image("cat.png", "image/png", b"\x89PNG")
URL = "data:image/png;base64,iVBORw=="


def turn(asked: str, answered: str = "", outcome: Outcome = Outcome.COMPLETE, *, summary: bool = False) -> Turn:
    reply = Reply((Message(answered),) if answered else ())
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Turn(TurnId(1), None, Prompt(asked), reply, outcome, "here", "m", at, summary=summary)


HISTORY = (turn("one", "1"), replace(turn("look", "a c", Outcome.INTERRUPTED), prompt=Prompt("look", (CAT,))))


def test_turns_are_messages_with_their_pictures_and_a_cut_one_is_what_it_was() -> None:
    request = ChatRequest("m", Prompt("and?"), history=HISTORY, system_prompt="Be brief.")
    assert completions_body(request, stream=False)["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "1"},
        {
            "role": "user",
            "content": [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": URL}}],
        },
        {"role": "assistant", "content": "a c"},
        {"role": "user", "content": "and?"},
    ]
    items = responses_body(request, stream=False)["input"]
    assert [item["role"] for item in items] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert {item["type"] for item in items} == {"message"}
    assert items[3]["content"] == [{"type": "input_text", "text": "look"}, {"type": "input_image", "image_url": URL}]


def test_a_summary_and_what_is_left_out_are_said_in_the_system_prompt() -> None:
    request = ChatRequest("m", Prompt("and?"), history=(turn("x", "they counted", summary=True),), left_out=2)
    assert [each["content"] for each in completions_body(request, stream=False)["messages"]] == [
        "Summary of the conversation so far: they counted\n\n(2 earlier messages are left out.)",
        "and?",
    ]


def test_a_prompt_that_was_never_answered_is_joined_with_the_next() -> None:
    request = ChatRequest("m", Prompt("again"), history=(turn("hello", outcome=Outcome.INTERRUPTED),))
    assert completions_body(request, stream=False)["messages"] == [{"role": "user", "content": "hello\n\nagain"}]


def test_a_followed_chain_has_the_system_prompt_already() -> None:
    request = replace(FOLLOWING, system_prompt="Be brief.")
    body = responses_body(request, stream=True)
    assert body["previous_response_id"] == "resp_1"
    assert [item["role"] for item in body["input"]] == ["user"]


def test_options_go_by_the_names_of_the_route() -> None:
    request = replace(HELLO, options=Options(max_output_tokens=5, reasoning="low", top_k=3))
    assert {"max_tokens": 5, "reasoning_effort": "low", "top_k": 3}.items() <= completions_body(
        request, stream=True
    ).items()
    body = responses_body(request, stream=True)
    assert (body["max_output_tokens"], body["reasoning"]) == (5, {"effort": "low"})


@pytest.mark.parametrize("dialect", [COMPLETIONS, RESPONSES])
@pytest.mark.parametrize(
    "request_",
    [replace(HELLO, options=Options(context_length=9)), replace(HELLO, integrations=(EphemeralMcp("a", "http://b"),))],
)
def test_what_a_route_has_not_is_refused_before_anything_is_sent(dialect: Dialect, request_: ChatRequest) -> None:
    with ScriptedServer([]) as server, pytest.raises(BadUseError) as caught:
        list(client(server, dialect).chat(request_))
    assert "no option 'context_length'" in caught.value.message or "no integrations" in caught.value.message
    assert server.requests == []


def test_what_only_lm_studio_manages_is_refused_by_name() -> None:
    with ScriptedServer([]) as server, pytest.raises(BadUseError) as caught:
        client(server, COMPLETIONS).load("m")
    assert caught.value.message == "This server cannot load, unload or download models."
    assert server.requests == []


# What other servers send


def test_a_completion_may_lack_everything_that_can_be_missing() -> None:
    steps = sse(
        {"choices": [{"delta": {"role": "assistant", "content": "He"}}]},
        {"choices": []},
        {"choices": [{"index": 0, "delta": {"content": "y"}}], "model": "x"},
        {"choices": [{"index": 0, "delta": {}}], "usage": {"prompt_tokens": 3, "completion_tokens": 2}},
        "[DONE]",
    )
    events = events_of(steps, COMPLETIONS)
    reply = finished(events).reply
    assert (words(events), reply.text, reply.model_instance_id) == ("Hey", "Hey", "x")
    assert (reply.stats.input_tokens, reply.stats.total_output_tokens) == (3, 2)


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_reasoning_has_two_names_in_completions(name: str) -> None:
    events = events_of(sse(chunk(**{name: "hm"}), chunk("yes"), chunk(None, "stop"), "[DONE]"), COMPLETIONS)
    assert events[1:-1] == [
        PartStarted(Part.REASONING),
        ReasoningDelta("hm"),
        PartEnded(Part.REASONING),
        PartStarted(Part.MESSAGE),
        MessageDelta("yes"),
        PartEnded(Part.MESSAGE),
    ]
    assert finished(events).reply.items == (Reasoning("hm"), Message("yes"))


def test_a_stream_that_ends_after_its_reason_needs_no_done() -> None:
    assert words(events_of(sse(chunk("yes", "stop")), COMPLETIONS)) == "yes"


def test_an_empty_chunk_and_the_end_are_no_reply() -> None:
    assert isinstance(refused(sse(chunk("ye"), chunk("")), COMPLETIONS), StreamBrokenError)


@pytest.mark.parametrize("after", [["[DONE]"], []])
@pytest.mark.parametrize("error", [{"message": "It broke", "code": 500, "type": None}, "It broke"])
def test_an_error_in_mid_stream_is_a_fault(error: object, after: list[str]) -> None:
    events = events_of(sse(chunk("ye"), {"error": error}, *after), COMPLETIONS)
    [fault] = [event for event in events if isinstance(event, Fault)]
    assert "It broke" in fault.error.message


def test_an_event_stream_with_an_error_status_is_a_refusal() -> None:
    body = 'data: {"error": {"message": "Invalid model name passed in model=x", "type": "None", "code": "400"}}\n\n'
    assert type(refused(answer(400, body, "text/event-stream"), COMPLETIONS)) is NotFoundError
    broken = refused(answer(500, 'data: {"error": {"message": "It broke"}}\n\n', "text/event-stream"), COMPLETIONS)
    assert "It broke" in broken.message


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (404, "model 'x' not found", NotFoundError),
        (404, "The model `x` does not exist.", NotFoundError),
        (400, "This model's maximum context length is 4096 tokens.", ContextOverflowError),
        (400, "The prompt exceeds the max_model_len of 4096", ContextOverflowError),
        (400, "litellm.BadRequestError: request (9 tokens) exceeds the available context size", ContextOverflowError),
    ],
)
def test_refusals_in_words_are_understood(status: int, message: str, kind: type) -> None:
    body = json.dumps({"error": {"message": message, "type": "BadRequestError", "param": None, "code": status}})
    assert type(refused(answer(status, body), COMPLETIONS)) is kind


def test_keep_alives_and_a_missing_event_line_change_nothing() -> None:
    comments = stream(
        b": OPENROUTER PROCESSING\n\n",
        b":\n\n",
        b'data: {"type":"response.output_text.delta","delta":"Hi"}\n\n',
        b'data: {"type":"response.completed","response":{"id":"resp_2","model":"m","output":[]}}\n\ndata: [DONE]\n\n',
    )
    events = events_of(comments, RESPONSES)
    assert words(events) == "Hi"
    assert finished(events).reply == Reply((Message("Hi"),), ResponseId("resp_2"), finished(events).reply.stats, "m")


def response(**more: object) -> dict[str, Any]:
    return {"id": "resp_2", "model": "m", "output": [], **more}


def delta(text: str, kind: str = "response.output_text.delta") -> dict[str, Any]:
    return {"type": kind, "delta": text}


COMPLETED = {"type": "response.completed", "response": response()}


@pytest.mark.parametrize(
    "events",
    [
        [delta("hm", "response.reasoning_text.delta")],
        [delta("hm", "response.reasoning_summary_text.delta")],
        [{"type": "response.reasoning_text.done", "text": "hm"}],
        [
            delta("h", "response.reasoning_text.delta"),
            delta("m", "response.reasoning_text.delta"),
            {"type": "response.reasoning_text.done", "text": "hm"},
        ],
    ],
)
def test_reasoning_has_many_names_in_responses(events: list[object]) -> None:
    found = events_of(sse(*events, delta("yes"), COMPLETED), RESPONSES)
    assert (thoughts(found), words(found)) == ("hm", "yes")
    assert finished(found).reply.items == (Reasoning("hm"), Message("yes"))


def test_text_may_come_in_the_last_event_only() -> None:
    output = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
        {"type": "message", "content": [{"type": "output_text", "text": "yes"}]},
    ]
    found = events_of(sse({"type": "response.completed", "response": response(output=output)}), RESPONSES)
    assert finished(found).reply.items == (Reasoning("hm"), Message("yes"))


def test_a_failed_response_is_a_fault() -> None:
    failed = {"type": "response.failed", "response": response(error={"code": "server_error", "message": "It broke"})}
    *_, fault = events_of(sse(delta("ye"), failed), RESPONSES)
    assert isinstance(fault, Fault)
    assert "It broke" in fault.error.message


def test_an_incomplete_response_is_a_reply_that_was_cut() -> None:
    cut = response(status="incomplete", incomplete_details={"reason": "max_output_tokens"})
    assert finished(events_of(sse(delta("ye"), {"type": "response.incomplete", "response": cut}), RESPONSES)).cut


# A 200 proves nothing


def created(previous: object) -> dict[str, Any]:
    return {"type": "response.created", "response": response(previous_response_id=previous)}


def completed(previous: object) -> dict[str, Any]:
    return {"type": "response.completed", "response": response(previous_response_id=previous)}


def test_an_echo_of_the_id_proves_that_it_was_followed() -> None:
    events = events_of(sse(created("resp_1"), delta("Hi"), completed("resp_1")), RESPONSES, FOLLOWING)
    assert words(events) == "Hi"
    assert finished(events).reply.response_id == "resp_2"


@pytest.mark.parametrize(
    "steps",
    [
        sse(created(None), delta("Hi"), completed(None)),
        sse(created("resp_9"), delta("Hi"), completed("resp_9")),
        sse(delta("Hi"), completed(None)),
        sse({"type": "response.created", "response": {"id": "resp_2"}}, delta("Hi"), COMPLETED),
        sse(completed(None)),
        answer(200, json.dumps(response(previous_response_id=None))),
    ],
)
def test_without_the_echo_not_a_word_is_passed_on_and_the_server_keeps_nothing_from_then_on(steps: Steps) -> None:
    learned: list[Finding] = []
    again = sse(created(None), delta("Hi"), completed(None))
    with ScriptedServer(steps, again) as server:
        talker = client(server, RESPONSES)
        talker.route.learned = learned.append
        came: list[Event] = []
        with pytest.raises(ChainLostError):
            came.extend(talker.chat(FOLLOWING))
        assert words(came) == ""
        *_, last = talker.chat(HELLO)
    assert [(each.api, each.keeps) for each in learned] == [("responses", False)]
    assert isinstance(last, Finished)
    assert last.reply.response_id is None


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, {"code": "previous_response_not_found", "param": "previous_response_id", "message": "Prediction …"}),
        (404, {"message": "Response with id 'resp_1' not found.", "param": "response_id"}),
        (500, {"message": "Prediction history node 'x' not found in shard 3"}),
    ],
)
def test_an_id_that_is_not_known_is_a_lost_chain(status: int, error: dict[str, str]) -> None:
    assert type(refused(answer(status, json.dumps({"error": error})), RESPONSES, FOLLOWING)) is ChainLostError


# Reasoning within the text


THINKING = "<think>\nhm </thing>\n</think>\n\nThe <b>answer</b>."


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 100])
def test_an_inline_thought_is_reasoning_however_it_is_cut(size: int) -> None:
    pieces = [THINKING[start : start + size] for start in range(0, len(THINKING), size)]
    events = events_of(sse(*(chunk(piece) for piece in pieces), chunk(None, "stop"), "[DONE]"), COMPLETIONS)
    assert thoughts(events) == "\nhm </thing>\n"
    assert words(events) == "The <b>answer</b>."
    assert finished(events).reply.items == (Reasoning("\nhm </thing>\n"), Message("The <b>answer</b>."))


@pytest.mark.parametrize("text", ["<b>bold</b>", "a <think>b</think>", "<", "<thin", "  <thing>", "think"])
def test_what_only_looks_like_a_thought_is_the_answer(text: str) -> None:
    events = events_of(sse(*(chunk(each) for each in text), chunk(None, "stop")), COMPLETIONS)
    assert (words(events), thoughts(events)) == (text, "")


def test_half_a_tag_is_shown_where_the_stream_breaks() -> None:
    came: list[Event] = []
    with ScriptedServer(sse(chunk("<thi"))) as server, pytest.raises(StreamBrokenError):
        came.extend(client(server, COMPLETIONS).chat(HELLO))
    assert words(came) == "<thi"


def test_a_character_torn_between_two_chunks_is_joined() -> None:
    steps = stream(
        b'data: {"choices":[{"delta":{"content":"\\ud83d"}}]}\n\n',
        b'data: {"choices":[{"delta":{"content":"\\ude00!"},"finish_reason":"stop"}]}\n\n',
    )
    assert words(events_of(steps, COMPLETIONS)) == "\N{GRINNING FACE}!"


# Which dialect a server speaks


@pytest.mark.parametrize(
    ("native", "models", "dialect"),
    [
        (NO_ROUTE, recorded("models"), COMPLETIONS),
        (answer(404, '{"detail":"Not Found"}'), answer(200, GREAT % "sglang"), COMPLETIONS),
        (answer(404, "404 page not found"), answer(200, GREAT % "library"), COMPLETIONS),
        (
            answer(200, '{"error":"Unexpected endpoint or method. (POST /api/v1/chat)"}'),
            answer(200, GREAT % "organization_owner"),
            RESPONSES,
        ),
    ],
)
def test_a_server_that_is_not_lm_studio_is_found_out_by_its_answers(
    native: Steps, models: Steps, dialect: Dialect
) -> None:
    reply = recorded("chat_stream_usage" if dialect is COMPLETIONS else "responses_stream")
    learned: list[Finding] = []
    with ScriptedServer(native, native, models, reply) as server:
        route = Route(settled=False, learned=learned.append)
        talker = Client(Address(server.url), route=route)
        events = list(talker.chat(HELLO))
    assert words(events) == "Hello! How can I assist you today?"
    assert [(each.api, each.keeps) for each in learned] == [(dialect.name, dialect.keeps)]
    assert [each.path for each in server.requests] == [
        "/api/v1/chat",
        "/api/v1/models",
        "/v1/models",
        dialect.chat_path,
    ]


def test_a_server_with_nothing_of_the_kind_is_refused_as_before() -> None:
    with ScriptedServer(answer(404, "404 page not found")) as server, pytest.raises(RefusedError) as caught:
        list(Client(Address(server.url), route=Route(settled=False)).chat(HELLO))
    assert "does not have LM Studio's REST API" in caught.value.message


def test_models_are_listed_in_the_dialect_that_is_found() -> None:
    with ScriptedServer(NO_ROUTE, NO_ROUTE, recorded("models"), recorded("models")) as server:
        talker = Client(Address(server.url), route=Route(settled=False))
        assert [model.key for model in talker.models()] == [QWEN]
    assert talker.route.dialect is COMPLETIONS


def test_a_list_waits_for_the_model_that_is_being_loaded() -> None:
    with ScriptedServer(recorded("loading_503"), NO_ROUTE, NO_ROUTE, recorded("models")) as server:
        talker = Client(Address(server.url), route=Route(settled=False))
        assert [model.key for model in talker.models()] == [QWEN]


def test_lm_studio_is_asked_nothing_more() -> None:
    with ScriptedServer(answer(200, '{"models":[]}')) as server:
        talker = Client(Address(server.url), route=Route(settled=False))
        assert talker.models() == ()
    assert talker.route.dialect is LMSTUDIO
    assert len(server.requests) == 1
