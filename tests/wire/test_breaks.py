"""Silence, broken streams and Ctrl-C: the caller is never blocked, and no thread or connection is left."""

import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from lmchat.chat.exchange import ChatRequest, Event, Fault, MessageDelta, Quiet, Started
from lmchat.chat.values import Prompt
from lmchat.errors import LmchatError, StreamBrokenError, UnreachableError
from lmchat.wire import exchange
from lmchat.wire import stream as wire_stream
from lmchat.wire.address import Address
from lmchat.wire.client import Client
from tests.support.scripted import (
    HOLD,
    RESET,
    STREAM_HEAD,
    Answer,
    Request,
    ScriptedServer,
    Steps,
    answer,
    chunk,
    stream,
)
from tests.wire.test_chat import END, HELLO, HI, START

pytestmark = pytest.mark.usefixtures("each_way")


def readers() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "lmchat-wire"]


@pytest.fixture(autouse=True)
def no_thread_stays() -> Iterator[None]:
    """Look that no reader outlives its test."""
    yield
    until = time.monotonic() + 30
    while readers():
        assert time.monotonic() < until, "a reader thread is left"
        time.sleep(0.01)


def broken(steps: Answer, *, streamed: bool = True) -> tuple[list[Event], str]:
    """Return what came before the break, and what the break is called."""
    came: list[Event] = []
    with ScriptedServer(steps) as server:
        events = Client(Address(server.url)).chat(HELLO, stream=streamed)
        with pytest.raises(StreamBrokenError) as caught:
            came.extend(events)
    return [each for each in came if not isinstance(each, Quiet)], caught.value.message


ENDED = "The connection ended before the reply was complete."


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param(stream(START, HI), id="properly ended"),
        pytest.param(stream(START, HI, end=False), id="cut between chunks"),
        pytest.param([STREAM_HEAD, chunk(START), chunk(HI), b"ff\r\nhalf"], id="cut within a chunk"),
        pytest.param(stream(START, HI, 0.05, RESET, end=False), id="reset"),
        pytest.param(stream(START, HI, b"data: [DONE]\n\n"), id="another API's end"),
        pytest.param([STREAM_HEAD, chunk(START), chunk(HI), b"no chunk\r\n"], id="senseless chunk"),
    ],
)
def test_a_stream_without_its_end_is_broken_and_what_came_is_kept(steps: Steps) -> None:
    assert broken(steps) == ([Started("m"), MessageDelta("Hi.")], ENDED)


def test_an_empty_stream_is_broken() -> None:
    assert broken(stream()) == ([], ENDED)


@pytest.mark.parametrize(
    "data", [b'{"type":"message.delta","content":"Hi', b"{'type': 'x'}", b"<html>", b"[" * 100_000]
)
def test_an_event_that_is_no_json_breaks_the_stream(data: bytes) -> None:
    came, message = broken(stream(START, b"data: " + data + b"\n\n", END))
    assert (came, message) == ([Started("m")], "The server sent an event that makes no sense.")


def test_what_came_with_an_event_that_makes_no_sense_is_kept() -> None:
    came, message = broken(stream(START + HI + b"data: {\n\n" + HI, END))
    assert (came, message) == ([Started("m"), MessageDelta("Hi.")], "The server sent an event that makes no sense.")


def test_an_end_that_came_before_a_reset_counts() -> None:
    with ScriptedServer(stream(START, END.rstrip(b"\n"), RESET, end=False)) as server:
        *_, last = Client(Address(server.url)).chat(HELLO)
    assert type(last).__name__ == "Finished"


@pytest.mark.parametrize("steps", [[0.05, RESET], []])
def test_what_ends_before_the_answer_breaks_the_reply_where_http_is_spoken(steps: Steps) -> None:
    def served(request: Request) -> Steps:
        return steps if request.method == "POST" else answer(200, '{"models":[]}')

    assert broken(served) == ([], "The server closed the connection before its reply began.")


@pytest.mark.parametrize("steps", [[0.05, RESET], []])
def test_what_always_ends_without_a_byte_does_not_speak_http(steps: Steps) -> None:
    """A port for encrypted connections does that."""
    with ScriptedServer(steps) as server, pytest.raises(UnreachableError) as caught:
        list(Client(Address(server.url)).chat(HELLO))
    assert "does not speak HTTP" in caught.value.message
    assert "https://" in caught.value.hint


def test_a_server_that_is_gone_after_it_hung_up_broke_its_reply() -> None:
    with ScriptedServer([RESET]) as server:

        def served(request: Request) -> Steps:
            server._listening.shutdown(socket.SHUT_RDWR)
            return [RESET]

        server._answers = [served]
        with pytest.raises(StreamBrokenError):
            list(Client(Address(server.url)).chat(HELLO))


@pytest.mark.parametrize("body", ['{"output":[{"type":"mess', "[1]", '{"answer":"Hi."}'])
def test_a_reply_at_once_that_is_no_reply_is_broken(body: str) -> None:
    assert "makes no sense" in broken(answer(200, body), streamed=False)[1]


def test_a_reply_at_once_that_is_cut_is_broken() -> None:
    head, body = answer(200, '{"output":[]}')
    assert isinstance(body, bytes)
    assert broken([head, body[:5]], streamed=False)[1] == ENDED


def test_a_reset_after_an_error_adds_nothing_to_it() -> None:
    frame = b'data: {"type":"error","error":"It broke"}\n\n'
    with ScriptedServer(stream(START, frame, 0.05, RESET, end=False)) as server:
        found = [each for each in Client(Address(server.url)).chat(HELLO) if not isinstance(each, Quiet)]
    assert isinstance(found[-1], Fault)


def test_an_error_followed_by_silence_ends_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_stream, "_FAULT_GRACE", 0.2)
    with ScriptedServer(stream(START, b'data: {"type":"error","error":"It broke"}\n\n', HOLD)) as server:
        found = [each for each in Client(Address(server.url)).chat(HELLO) if not isinstance(each, Quiet)]
        assert server.hung_up.wait(30)
    assert isinstance(found[-1], Fault)


def test_a_chat_is_never_sent_twice() -> None:
    with ScriptedServer([RESET]) as server, pytest.raises(UnreachableError):
        list(Client(Address(server.url)).chat(HELLO))
    assert [request.method for request in server.requests] == ["POST", "GET"]


@pytest.mark.parametrize("steps", [[HOLD], stream(HOLD), stream(START, HOLD)])
def test_silence_ticks_ten_times_a_second(steps: Steps) -> None:
    found: list[Event] = []
    with ScriptedServer(steps) as server, closing(Client(Address(server.url)).chat(HELLO)) as events:
        begun = time.monotonic()
        while sum(isinstance(each, Quiet) for each in found) < 5:
            found.append(next(events))
        took = time.monotonic() - begun
    assert 0.4 < took < 5  # half a second, and what a busy machine adds


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("steps", [[HOLD], stream(HOLD), stream(START, HI, HOLD)])
def test_closing_hangs_up_at_once(steps: Steps, *, streamed: bool) -> None:
    with ScriptedServer(steps) as server:
        events = Client(Address(server.url)).chat(HELLO, stream=streamed)
        while not isinstance(next(events), Quiet):
            pass
        events.close()
        assert not readers()
        assert server.hung_up.wait(30)


def test_control_c_hangs_up_at_once() -> None:
    with ScriptedServer(stream(START, HOLD)) as server:
        timer = threading.Timer(0.2, signal.raise_signal, [signal.SIGINT])
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            list(Client(Address(server.url)).chat(HELLO))
        assert server.hung_up.wait(30)
        timer.join()


def test_a_second_control_c_while_hanging_up_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    close, presses = exchange._Channel.close, [KeyboardInterrupt]

    def interrupted(channel: exchange._Channel) -> None:
        if presses:
            raise presses.pop()
        close(channel)

    with ScriptedServer(stream(START, HOLD)) as server:
        events = Client(Address(server.url)).chat(HELLO)
        next(events)
        monkeypatch.setattr(exchange._Channel, "close", interrupted)
        with pytest.raises(KeyboardInterrupt):
            events.close()
        assert server.hung_up.wait(30)


def test_closing_while_it_connects_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    look_up, closed = socket.getaddrinfo, threading.Event()

    def slowly(host: Any, port: Any, *more: Any, **most: Any) -> Any:
        closed.wait(30)
        return look_up(host, port, *more, **most)

    monkeypatch.setattr(socket, "getaddrinfo", slowly)
    with ScriptedServer([HOLD]) as server:
        events = Client(Address(server.url)).chat(HELLO)
        assert next(events) == Quiet()
        events.close()
        assert readers()  # and closing waited for none of them
        closed.set()
        while readers():
            time.sleep(0.01)
    assert server.requests == []


def test_control_c_stops_a_call_that_does_not_stream() -> None:
    with ScriptedServer([HOLD]) as server:
        timer = threading.Timer(0.2, signal.raise_signal, [signal.SIGINT])
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            Client(Address(server.url)).load("m")
        assert server.hung_up.wait(30)
        timer.join()


def test_closing_what_never_began_sends_nothing() -> None:
    with ScriptedServer([]) as server:
        Client(Address(server.url)).chat(ChatRequest("m", Prompt("hi"))).close()
    assert server.requests == []


def test_a_server_that_was_just_killed_is_looked_for_again() -> None:
    gone = ScriptedServer([])
    gone._listening.close()
    with ScriptedServer([RESET]) as dying, ScriptedServer(stream(START, HI, END)) as server:
        places = iter([gone.url, dying.url, dying.url, server.url])
        client = Client(Address(gone.url), locate=lambda: Address(next(places)), built_in=True)
        *_, last = client.chat(HELLO)
    assert type(last).__name__ == "Finished"
    assert len(server.requests) == 1


@pytest.mark.parametrize("steps", [[0.3, RESET], answer(500, '{"error":{"type":"internal_error"}}'), answer(401, "")])
def test_what_is_said_of_the_built_in_server_helps_there(steps: Steps) -> None:
    with ScriptedServer(steps) as server, pytest.raises(LmchatError) as caught:
        list(Client(Address(server.url), locate=lambda: Address(server.url), built_in=True).chat(HELLO))
    assert "Ask again" in caught.value.hint
    assert "LM Studio" not in caught.value.hint


NOTHING: list[Steps] = [
    stream(),
    stream(START),
    stream(START, RESET, end=False),
    stream(START, b"data: {\n\n"),
    [STREAM_HEAD],
]


@pytest.mark.parametrize("built_in", [False, True])
@pytest.mark.parametrize("steps", NOTHING)
def test_nothing_is_said_to_be_kept_where_nothing_came(steps: Steps, *, built_in: bool) -> None:
    with ScriptedServer(steps) as server, pytest.raises(StreamBrokenError) as caught:
        list(Client(Address(server.url), built_in=built_in).chat(HELLO))
    assert caught.value.hint.startswith("Ask again: the built-in model" if built_in else "Try again")
