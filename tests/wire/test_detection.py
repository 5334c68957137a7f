"""What is found of servers by asking addresses: nothing but chat servers, in no more than the time there is."""

import time
from contextlib import ExitStack
from functools import partial

import pytest

from lmchat.errors import LmchatError, NotAllowedError
from lmchat.wire.address import Address
from lmchat.wire.client import Client
from lmchat.wire.detection import State, look
from lmchat.wire.dialects import Route
from tests.support.answers import LITELLM, NO_ROUTE, NOT_FOUND, VLLM, by_path, models, recorded
from tests.support.scripted import HOLD, Answer, Request, ScriptedServer, Steps, answer
from tests.wire.test_dialects import HELLO, words
from tests.wire.test_routes import MODELS as NATIVE_MODELS

UNKNOWN_ID = answer(404, '{"error":{"message":"Response with id \'resp_none\' not found.","param":"response_id"}}')
NO_STORE = answer(
    400,
    '{"error":{"message":"This vLLM engine does not support `store=True` and therefore does not support the '
    'background mode.","type":"invalid_request_error","param":null,"code":400}}',
)


OLLAMA = by_path(v1_models=models("someone"), api_version=answer(200, '{"version":"0.13.1"}'))
OPENROUTER = by_path(
    api_v1_models=answer(
        200, '{"data":[{"id":"a/b","name":"B","context_length":32000,"supported_parameters":["tools"]}]}'
    )
)


@pytest.mark.parametrize(
    ("served", "program", "api", "keeps", "prefix"),
    [
        (by_path(api_v1_models=answer(200, NATIVE_MODELS)), "LM Studio", "lmstudio", True, ""),
        (by_path(api_v1_models=answer(200, '{"models":[]}')), "LM Studio", "lmstudio", True, ""),
        (by_path(v1_models=models("organization_owner")), "LM Studio", "responses", True, ""),
        (by_path(v1_models=recorded("models")), "llama-server", "completions", False, ""),
        (by_path(v1_models=VLLM, v1_responses=UNKNOWN_ID), "vLLM", "responses", True, ""),
        (by_path(v1_models=VLLM, v1_responses=NO_STORE), "vLLM", "completions", False, ""),
        (by_path(v1_models=VLLM), "vLLM", "completions", False, ""),
        (by_path(v1_models=models("sglang")), "SGLang", "completions", False, ""),
        (by_path(v1_models=models("library")), "Ollama", "completions", False, ""),
        (OLLAMA, "Ollama", "completions", False, ""),
        (LITELLM, "LiteLLM", "completions", False, ""),
        (OPENROUTER, "OpenRouter", "completions", False, "/api"),
        (by_path(v1_models=models("me")), "", "completions", False, ""),
    ],
)
def test_a_server_is_known_by_what_it_answers(served: Answer, program: str, api: str, keeps: bool, prefix: str) -> None:
    with ScriptedServer(served) as server:
        [found] = look([Address(server.url)], 5)
    assert found.state is State.READY
    assert found.finding is not None
    assert (found.finding.program, found.finding.api, found.finding.keeps, found.finding.prefix) == (
        program,
        api,
        keeps,
        prefix,
    )


@pytest.mark.parametrize(
    ("served", "state"),
    [
        (recorded("loading_503"), State.LOADING),
        (recorded("key_none_chat"), State.TOKEN),
        (answer(401, '{"error":"Unauthorized"}'), State.TOKEN),
        (answer(200, "<html><title>Jenkins</title></html>", "text/html"), State.OTHER),
        (answer(404, "404 page not found", "text/plain"), State.OTHER),
        (answer(200, '{"data":{"id":"m"}}'), State.OTHER),
        (answer(200, "[]"), State.OTHER),
        (answer(302, ""), State.OTHER),
        ([b"SSH-2.0-OpenSSH_9.6\r\n", HOLD], State.ABSENT),
        ([HOLD], State.ABSENT),
        ([], State.ABSENT),
    ],
)
def test_what_is_no_chat_server_is_passed_over(served: Answer, state: State) -> None:
    with ScriptedServer(served) as server:
        [found] = look([Address(server.url)], 0.5)
    assert (found.state, found.models) == (state, ())


def test_silent_and_dripping_servers_take_no_longer_than_the_time_there_is() -> None:
    drops: Steps = [b"{", 0.05] * 100
    dripping: Steps = [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", *drops]
    with ExitStack() as stack:
        kinds: list[Steps] = [[HOLD], dripping, *[[HOLD]] * 6]
        servers = [stack.enter_context(ScriptedServer(steps)) for steps in kinds]
        look([], 0)  # what has to be loaded for it is loaded once
        begun = time.monotonic()
        found = look([Address(server.url) for server in servers], 0.2)
        took = time.monotonic() - begun
    assert {each.state for each in found} == {State.ABSENT}
    assert took < 1.0  # one after another they would take 1.6 s


def test_nothing_is_sent_along_that_was_not_given() -> None:
    with ScriptedServer(by_path(v1_models=recorded("models"))) as server:
        look([Address(server.url)], 5)
    assert server.requests
    assert all("authorization" not in each.headers for each in server.requests)


def test_asking_vllm_for_its_store_generates_nothing() -> None:
    with ScriptedServer(by_path(v1_models=VLLM, v1_responses=UNKNOWN_ID)) as server:
        look([Address(server.url)], 5)
    [asked] = [each.json for each in server.requests if each.method == "POST"]
    assert asked["previous_response_id"] == "resp_none"
    assert asked["background"] is True


def test_routes_below_a_prefix_are_talked_to_there() -> None:
    reply = recorded("chat_stream_usage")

    def openrouter(request: Request) -> Steps:
        return reply if request.path == "/api/v1/chat/completions" else OPENROUTER(request)

    with ScriptedServer(openrouter) as server:
        talker = Client(Address(f"{server.url}/api/v1"), route=Route(settled=False))
        assert words(list(talker.chat(HELLO))) == "Hello! How can I assist you today?"
        [model] = talker.models()
    assert (model.key, model.max_context_length, model.tools, model.hosted) == ("a/b", 32000, True, True)
    assert server.requests[-1].path == "/api/v1/models"


def test_a_server_that_loads_its_model_while_it_is_found_out_is_waited_for() -> None:
    answers = (NO_ROUTE, recorded("loading_503"), NO_ROUTE, NO_ROUTE, recorded("models"), recorded("chat_stream_usage"))
    with ScriptedServer(*answers) as server:
        events = list(Client(Address(server.url), route=Route(settled=False)).chat(HELLO))
    assert words(events) == "Hello! How can I assist you today?"


def test_a_server_that_wants_a_token_before_it_says_what_it_is_says_that() -> None:
    served = by_path(v1_models=answer(401, '{"error":{"message":"No api key passed in.","code":"401"}}'))
    with ScriptedServer(served) as server, pytest.raises(NotAllowedError) as caught:
        list(Client(Address(server.url), route=Route(settled=False)).chat(HELLO))
    assert "LM Studio" not in caught.value.hint


def test_a_token_that_is_not_accepted_before_the_server_says_what_it_is_is_what_is_said() -> None:
    address_of = partial(Address, token="sk-wrong")
    with ScriptedServer(by_path(v1_models=recorded("litellm/key_wrong"))) as server:
        with pytest.raises(NotAllowedError, match="does not accept the API token"):
            Client(address_of(server.url), route=Route(settled=False)).models()
        [found] = look([address_of(server.url)], 5)
    assert found.state is State.TOKEN


def test_an_unknown_server_is_refused_as_it_refused() -> None:
    with ScriptedServer(NOT_FOUND) as server, pytest.raises(LmchatError):
        list(Client(Address(server.url), route=Route(settled=False)).chat(HELLO))
