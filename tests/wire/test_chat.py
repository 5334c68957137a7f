"""A streamed reply becomes events, by their kinds and never by their places."""

import json
from collections.abc import Mapping
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
    ToolDone,
    ToolFailed,
    ToolNamed,
    ToolStarted,
    Unknown,
)
from lmchat.chat.values import (
    InvalidToolCall,
    Message,
    Prompt,
    Provider,
    Reasoning,
    Reply,
    Stats,
    ToolCall,
)
from lmchat.wire.address import Address
from lmchat.wire.client import Client
from tests.support.scripted import HOLD, ScriptedServer, Steps, answer, stream

HELLO = ChatRequest("m", Prompt("hi"))

START = b'event: chat.start\ndata: {"type":"chat.start","model_instance_id":"m"}\n\n'
HI = b'event: message.delta\ndata: {"type":"message.delta","content":"Hi."}\n\n'
END = (
    b'event: chat.end\ndata: {"type":"chat.end","result":{"model_instance_id":"m","output":['
    b'{"type":"message","content":"Hi."}],"stats":{"input_tokens":3,"total_output_tokens":2,'
    b'"reasoning_output_tokens":0,"tokens_per_second":43.73,"time_to_first_token_seconds":0.781},'
    b'"response_id":"resp_02b2"}}\n\n'
)
REPLY = Reply(
    items=(Message("Hi."),),
    response_id=None,
    stats=Stats(3, 2, 0, 43.73, 0.781, None),
    model_instance_id="m",
)


def events_of(steps: Steps, *, streamed: bool = True, tapped: list[Mapping[str, Any]] | None = None) -> list[Event]:
    tap = None if tapped is None else tapped.append
    with ScriptedServer(steps) as server:
        found = list(Client(Address(server.url)).chat(HELLO, stream=streamed, tap=tap))
    return [event for event in found if not isinstance(event, Quiet)]


def event(data: str) -> Event:
    """Return the event that one `data:` line becomes."""
    first, last = events_of(stream(f"data: {data}\n\n".encode(), END))
    assert isinstance(last, Finished)
    return first


def test_a_reply_comes_as_it_is_written() -> None:
    first, second, last = events_of(stream(START, HI, END))
    assert (first, second) == (Started("m"), MessageDelta("Hi."))
    assert isinstance(last, Finished)


def test_the_end_brings_the_whole_reply() -> None:
    last = events_of(stream(START, HI, END))[-1]
    assert isinstance(last, Finished)
    assert last.reply.response_id == "resp_02b2"
    assert last.reply.items == REPLY.items
    assert last.reply.stats == REPLY.stats


def test_a_request_is_one_post_of_json() -> None:
    with ScriptedServer(stream(START, END)) as server:
        list(Client(Address(server.url, "sk-lm-abc:def")).chat(HELLO))
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/api/v1/chat")
    assert request.json == {"model": "m", "input": "hi", "stream": True}
    assert request.headers["authorization"] == "Bearer sk-lm-abc:def"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"].startswith("lmchat/")


def test_without_a_token_no_authorization_is_sent() -> None:
    with ScriptedServer(stream(START, END)) as server:
        list(Client(Address(server.url)).chat(HELLO))
    assert "authorization" not in server.requests[0].headers


@pytest.mark.parametrize("end", [b"\r\n", b"\r"])
def test_lines_may_end_as_they_like(end: bytes) -> None:
    steps = stream(START.replace(b"\n", end), HI.replace(b"\n", end), END.replace(b"\n", end))
    assert events_of(steps) == events_of(stream(START, HI, END))


def test_a_stream_may_come_one_byte_at_a_time() -> None:
    data = START + 'data: {"type":"message.delta","content":"青🎨\u2028"}\n\n'.encode() + END
    single = events_of(stream(*(data[i : i + 1] for i in range(len(data)))))
    assert single[1] == MessageDelta("青🎨\u2028")
    assert len(single) == 3


def test_a_model_that_loads_reports_how_far_it_is() -> None:
    progress = [
        b'event: model_load.progress\ndata: {"type":"model_load.progress","progress":%.4f}\n\n' % (step / 113)
        for step in range(113)
    ]
    load_start = b'event: model_load.start\ndata: {"type":"model_load.start","model_instance_id":"m"}\n\n'
    load_end = b'event: model_load.end\ndata: {"type":"model_load.end","load_time_seconds":2.6}\n\n'
    found = events_of(stream(START, load_start, *progress, load_end, HI, END))
    loading = [each for each in found if isinstance(each, Progress)]
    assert len(loading) == 115
    assert loading[0] == Progress(Phase.MODEL_LOAD)
    assert loading[57] == Progress(Phase.MODEL_LOAD, 0.4956)
    assert loading[-1] == Progress(Phase.MODEL_LOAD, 1.0, done=True)


def test_two_rounds_of_tools_come_in_their_order() -> None:
    provider = b'"provider_info":{"type":"plugin","plugin_id":"mcp/files"}'
    one_round = [
        b'event: reasoning.start\ndata: {"type":"reasoning.start"}\n\n',
        b'event: reasoning.delta\ndata: {"type":"reasoning.delta","content":"Look."}\n\n',
        b'event: reasoning.end\ndata: {"type":"reasoning.end"}\n\n',
        b'event: tool_call.start\ndata: {"type":"tool_call.start"}\n\n',
        b'event: tool_call.name\ndata: {"type":"tool_call.name","tool_name":"read",' + provider + b"}\n\n",
        b'event: tool_call.arguments\ndata: {"type":"tool_call.arguments","tool":"read","arguments":{"n":1},'
        + provider
        + b"}\n\n",
        b'event: tool_call.success\ndata: {"type":"tool_call.success","tool":"read","arguments":{"n":1},"output":"[]",'
        + provider
        + b"}\n\n",
        b'event: prompt_processing.end\ndata: {"type":"prompt_processing.end"}\n\n',
    ]
    files = Provider("plugin", "mcp/files")
    expected = [
        PartStarted(Part.REASONING),
        ReasoningDelta("Look."),
        PartEnded(Part.REASONING),
        ToolStarted(),
        ToolNamed("read", None, files),
        ToolNamed("read", {"n": 1}, files),
        ToolDone(ToolCall("read", {"n": 1}, "[]", files)),
        Progress(Phase.PROMPT_PROCESSING, 1.0, done=True),
    ]
    assert events_of(stream(START, *one_round, *one_round, END))[1:-1] == expected * 2


def test_a_tool_call_that_fails_says_why() -> None:
    data = (
        '{"type":"tool_call.failure","reason":"Cannot find tool with name open_browser.",'
        '"metadata":{"type":"invalid_name","tool_name":"open_browser"}}'
    )
    assert event(data) == ToolFailed(
        InvalidToolCall("Cannot find tool with name open_browser.", "open_browser", "invalid_name")
    )


def test_the_kind_stands_in_the_data_before_it_stands_in_the_frame() -> None:
    frame = b'event: message.delta\ndata: {"content":"think","type":"reasoning.delta"}\n\n'
    assert events_of(stream(frame, END))[0] == ReasoningDelta("think")


def test_the_kind_may_stand_in_the_frame_alone() -> None:
    assert events_of(stream(b'event: message.delta\ndata: {"content":"Hi."}\n\n', END))[0] == MessageDelta("Hi.")


def test_an_event_of_an_unknown_kind_is_kept_as_it_is() -> None:
    assert event('{"type":"chat.mood","mood":"fine"}') == Unknown("chat.mood", {"type": "chat.mood", "mood": "fine"})


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (["a\\ud83d", "\\ude00b"], "a😀b"),
        (["\\uD83D", "", "\\uDE00"], "😀"),
        (["\\ud83d", "b"], "\ufffdb"),
        (["\\ude00", "\\ud83d"], "\ufffd"),
    ],
)
def test_a_character_torn_between_two_events_is_one(pieces: list[str], text: str) -> None:
    events = [b'data: {"type":"message.delta","content":"%s"}\n\n' % piece.encode() for piece in pieces]
    came = events_of(stream(*events, END))
    assert "".join(event.text for event in came if isinstance(event, MessageDelta)) == text


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ('{"type":"message.delta"}', MessageDelta("")),
        ('{"type":"message.delta","content":null}', MessageDelta("")),
        ('{"type":"message.delta","content":7}', MessageDelta("7")),
        ('{"type":"message.delta","content":{"a":[1]}}', MessageDelta("")),
        ('{"type":"message.delta","content":"\\ud83c\\udfa8 \\udfa8"}', MessageDelta("🎨 \ufffd")),
        ('{"type":"chat.start","model_instance_id":null}', Started("")),
        ('{"type":"model_load.progress","progress":"0.5"}', Progress(Phase.MODEL_LOAD, 0.5)),
        ('{"type":"model_load.progress","progress":NaN}', Progress(Phase.MODEL_LOAD)),
        ('{"type":"model_load.progress","progress":1%s}' % ("0" * 400), Progress(Phase.MODEL_LOAD)),
        ('{"type":"prompt_processing.progress","progress":7}', Progress(Phase.PROMPT_PROCESSING, 1.0)),
        ('{"type":"tool_call.start","tool":5,"provider_info":"x"}', ToolStarted("5")),
        ('{"type":"tool_call.arguments","tool":"t","arguments":"{\\"a\\":1}"}', ToolNamed("t", {"a": 1})),
        ('{"type":"tool_call.arguments","tool":"t","arguments":"{broken"}', ToolNamed("t")),
        (
            '{"type":"tool_call.success","tool":"t","arguments":null,"output":{"a":1}}',
            ToolDone(ToolCall("t", {}, '{"a": 1}')),
        ),
        ('{"type":"tool_call.failure","reason":null,"metadata":[]}', ToolFailed(InvalidToolCall(""))),
        ('{"type":["odd"],"x":1}', Unknown("", {"type": ["odd"], "x": 1})),
    ],
)
def test_odd_and_missing_fields_do_no_harm(data: str, expected: Event) -> None:
    assert event(data) == expected


@pytest.mark.parametrize("result", ["null", "7", '{"output":null,"stats":[],"response_id":null}', '{"output":[1,{}]}'])
def test_an_end_with_little_in_it_is_still_the_end(result: str) -> None:
    (only,) = events_of(stream(b'data: {"type":"chat.end","result":' + result.encode() + b"}\n\n"))
    assert only == Finished(Reply())


@pytest.mark.parametrize(
    "noise", [b": keep-alive\n\n", b"retry: 3000\n\n", b"data: [DONE]\n\n", b"data:\n\n", b"data: 1\n\n"]
)
def test_what_is_no_event_is_passed_over(noise: bytes) -> None:
    assert events_of(stream(START, noise, HI, END)) == events_of(stream(START, HI, END))


def test_nothing_after_the_end_is_read() -> None:
    assert isinstance(events_of(stream(START, END, HI))[-1], Finished)


def test_a_socket_that_stays_open_is_left_before_the_end_is_handed_over() -> None:
    with ScriptedServer(stream(START, END, HOLD)) as server:
        for each in Client(Address(server.url)).chat(HELLO):
            if isinstance(each, Finished):
                assert server.hung_up.wait(1)
        assert server.hung_up.is_set()


def test_the_last_frame_may_lack_its_blank_line() -> None:
    assert isinstance(events_of(stream(START, END.rstrip()))[-1], Finished)


def test_an_error_in_the_middle_comes_as_a_fault_and_the_rest_follows() -> None:
    frame = b'event: error\ndata: {"type":"error","error":{"type":"unknown","message":"Out of memory","code":null}}\n\n'
    started, hi, fault, last = events_of(stream(START, HI, frame, END))
    assert isinstance(fault, Fault)
    assert fault.error.message == "The server failed at this request: Out of memory"
    assert (started, hi, type(last)) == (Started("m"), MessageDelta("Hi."), Finished)


def test_an_error_may_be_the_last_word() -> None:
    frame = b'event: error\ndata: {"type":"error","error":"It broke"}\n\n'
    assert [type(each) for each in events_of(stream(START, frame))] == [Started, Fault]


def test_an_unknown_model_in_a_stream_stays_a_refusal() -> None:
    found = event('{"type":"error","error":{"type":"model_not_found","message":"No such model"}}')
    assert isinstance(found, Fault)
    assert found.error.error_type == "model_not_found"


def test_the_tap_gets_each_event_as_it_came() -> None:
    tapped: list[Mapping[str, Any]] = []
    events_of(stream(START, b'data: {"type":"new","x":[1]}\n\n', HI, END), tapped=tapped)
    assert [each["type"] for each in tapped] == ["chat.start", "new", "message.delta", "chat.end"]
    assert tapped[1] == {"type": "new", "x": [1]}


WHOLE = json.dumps(
    {
        "model_instance_id": "ibm/granite-4-micro",
        "output": [
            {"type": "reasoning", "content": "Need to call function."},
            {
                "type": "tool_call",
                "tool": "model_search",
                "arguments": {"limit": 1},
                "output": "[]",
                "provider_info": {"type": "ephemeral_mcp", "server_label": "huggingface"},
            },
            {
                "type": "invalid_tool_call",
                "reason": "Cannot find tool with name open_browser.",
                "metadata": {"type": "invalid_name", "tool_name": "open_browser"},
            },
            {"type": "picture", "content": "?"},
            {"type": "message", "content": "The model is…"},
        ],
        "stats": {"input_tokens": 329, "model_load_time_seconds": 2.656},
        "response_id": "resp_02b2017dbc06c12bfc353a2ed6c2b802f8cc682884bb5716",
    }
)


def test_a_reply_at_once_yields_the_same_kinds_of_events() -> None:
    call = ToolCall("model_search", {"limit": 1}, "[]", Provider("ephemeral_mcp", "huggingface"))
    failed = InvalidToolCall("Cannot find tool with name open_browser.", "open_browser", "invalid_name")
    found = events_of(answer(200, WHOLE), streamed=False)
    assert found[:-1] == [
        Started("ibm/granite-4-micro"),
        PartStarted(Part.REASONING),
        ReasoningDelta("Need to call function."),
        PartEnded(Part.REASONING),
        ToolStarted("model_search", call.provider),
        ToolDone(call),
        ToolStarted("open_browser"),
        ToolFailed(failed),
        PartStarted(Part.MESSAGE),
        MessageDelta("The model is…"),
        PartEnded(Part.MESSAGE),
    ]
    last = found[-1]
    assert isinstance(last, Finished)
    assert last.reply.items == (Reasoning("Need to call function."), call, failed, Message("The model is…"))
    assert last.reply.stats.model_load_time_seconds == 2.656


def test_a_request_for_a_reply_at_once_asks_for_no_stream() -> None:
    with ScriptedServer(answer(200, WHOLE)) as server:
        list(Client(Address(server.url)).chat(HELLO, stream=False))
    assert "stream" not in server.requests[0].json


def test_the_tap_gets_a_reply_at_once_as_the_end_of_a_chat() -> None:
    tapped: list[Mapping[str, Any]] = []
    events_of(answer(200, WHOLE), streamed=False, tapped=tapped)
    assert tapped == [{"type": "chat.end", "result": json.loads(WHOLE)}]


def test_a_server_that_cannot_stream_is_understood() -> None:
    assert events_of(answer(200, WHOLE)) == events_of(answer(200, WHOLE), streamed=False)


def test_a_server_that_only_streams_is_understood() -> None:
    assert events_of(stream(START, HI, END), streamed=False) == events_of(stream(START, HI, END))


def words(count: int) -> bytes:
    return b"".join(b'data: {"type":"message.delta","content":"%d "}\n\n' % number for number in range(count))


def test_deltas_that_come_together_are_one_event() -> None:
    come = events_of(stream(START, words(500), END))
    assert [each for each in come if isinstance(each, MessageDelta)] == [
        MessageDelta("".join(f"{number} " for number in range(500)))
    ]


def test_deltas_are_joined_with_their_own_kind_only() -> None:
    thought = b'data: {"type":"reasoning.delta","content":"Hm."}\n\n'
    come = events_of(stream(START, HI + HI + thought + thought + HI, END))
    assert come[1:4] == [MessageDelta("Hi.Hi."), ReasoningDelta("Hm.Hm."), MessageDelta("Hi.")]


def test_raw_events_are_handed_over_one_by_one_until_the_end() -> None:
    raw: list[Mapping[str, Any]] = []
    with ScriptedServer(stream(START, HI + HI + END + HI, HOLD)) as server:
        list(Client(Address(server.url)).chat(HELLO, tap=raw.append))
    assert [each["type"] for each in raw] == ["chat.start", "message.delta", "message.delta", "chat.end"]
