"""What single server programs do otherwise: options, ids, what they say of their models, how they fail."""

import json
from collections.abc import Mapping

import pytest

from lmchat.chat.exchange import Fault, Finished
from lmchat.chat.models import Instance, Model, context_length
from lmchat.chat.values import Options
from lmchat.dataclass import replace
from lmchat.errors import (
    BadUseError,
    ChainLostError,
    ContextOverflowError,
    LmchatError,
    RefusedError,
    StreamBrokenError,
)
from lmchat.wire.address import Address
from lmchat.wire.client import Client
from lmchat.wire.dialects import COMPLETIONS, DIALECTS, NOT_KNOWN, PROGRAMS, RESPONSES, Dialect, Finding, Route
from tests.support.answers import NOT_FOUND, VLLM, by_path, models, recorded
from tests.support.scripted import Request, ScriptedServer, Steps, answer
from tests.wire.test_dialects import (
    COMPLETED,
    FOLLOWING,
    HELLO,
    chunk,
    completed,
    created,
    delta,
    events_of,
    finished,
    refused,
    response,
    sse,
)

DONE = sse(chunk("Hi", "stop"), "[DONE]")
TOKENS = {"completions": "max_tokens", "responses": "max_output_tokens"}


def talker(server: ScriptedServer, program: str, api: str = "completions", *, keeps: bool = False) -> Client:
    return Client(Address(server.url), route=Route.of(Finding(api, keeps, program=program)))


def sent(program: str, api: str, **options: float) -> Mapping[str, object]:
    """Return what a request with these options has, beside what every request has."""
    reply = DONE if api == "completions" else sse(delta("Hi"), COMPLETED)
    with ScriptedServer(reply) as server:
        list(talker(server, program, api).chat(replace(HELLO, options=Options(**options))))
    usual = {"model", "messages", "input", "stream", "stream_options", "return_progress"}
    return {name: value for name, value in server.requests[0].json.items() if name not in usual}


# Options


@pytest.mark.parametrize(
    ("program", "api", "option", "name"),
    [
        ("llama-server", "completions", "repeat_penalty", "repeat_penalty"),
        ("LM Studio", "responses", "repeat_penalty", "repeat_penalty"),
        ("vLLM", "completions", "repeat_penalty", "repetition_penalty"),
        ("vLLM", "responses", "repeat_penalty", "repetition_penalty"),
        ("SGLang", "completions", "repeat_penalty", "repetition_penalty"),
        ("OpenRouter", "completions", "repeat_penalty", "repetition_penalty"),
        ("vLLM", "completions", "min_p", "min_p"),
        ("LiteLLM", "completions", "top_k", "top_k"),
        ("", "completions", "top_k", "top_k"),
        ("Ollama", "completions", "presence_penalty", "presence_penalty"),
        ("Ollama", "completions", "top_p", "top_p"),
    ],
)
def test_an_option_goes_by_the_name_that_the_program_knows(program: str, api: str, option: str, name: str) -> None:
    assert sent(program, api, **{option: 1}) == {name: 1}


@pytest.mark.parametrize(
    ("program", "api", "option"),
    [
        ("Ollama", "completions", "top_k"),
        ("Ollama", "completions", "min_p"),
        ("Ollama", "completions", "repeat_penalty"),
        ("Ollama", "responses", "presence_penalty"),
        ("vLLM", "responses", "min_p"),
    ],
)
def test_an_option_that_would_be_dropped_in_silence_is_refused_by_name(program: str, api: str, option: str) -> None:
    with ScriptedServer([]) as server, pytest.raises(BadUseError) as caught:
        list(talker(server, program, api).chat(replace(HELLO, options=Options(**{option: 1, "temperature": 1}))))
    assert f"{program} has no option '{option}'" in caught.value.message
    assert server.requests == []


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("api", ["completions", "responses"])
def test_the_options_that_all_have_go_to_all(program: str, api: str) -> None:
    assert sent(program, api, temperature=0.5, max_output_tokens=7) == {"temperature": 0.5, TOKENS[api]: 7}


def test_with_an_api_of_ones_own_the_program_is_asked_for_only_where_it_matters() -> None:
    learned: list[Finding] = []
    served = by_path(v1_models=models("library"), v1_chat_completions=DONE)
    with ScriptedServer(served) as server:
        route = Route.of(Finding("completions", keeps=False, program=NOT_KNOWN), learned.append)
        client = Client(Address(server.url), route=route)
        list(client.chat(replace(HELLO, options=Options(temperature=1))))
        assert [each.path for each in server.requests] == ["/v1/chat/completions"]
        with pytest.raises(BadUseError):
            list(client.chat(replace(HELLO, options=Options(top_k=1))))
        assert [each.path for each in server.requests][1:] == ["/v1/models"]
    assert [each.program for each in learned] == ["Ollama"]


# Ids


@pytest.mark.parametrize("program", ["SGLang", "llama-server", "Ollama", "OpenRouter"])
def test_an_id_is_never_followed_where_that_is_known_to_go_wrong(program: str) -> None:
    with ScriptedServer(sse(created("resp_1"), delta("Hi"), completed("resp_1"))) as server:
        client = talker(server, program, "responses", keeps=True)
        with pytest.raises(ChainLostError):
            list(client.chat(FOLLOWING))
        assert server.requests == []
        *_, last = client.chat(HELLO)
    assert isinstance(last, Finished)
    assert (last.reply.response_id, client.route.keeps) == (None, False)


def test_a_reply_that_is_not_stored_has_no_id() -> None:
    steps = sse(delta("Hi"), {"type": "response.completed", "response": response(store=False)})
    assert finished(events_of(steps, RESPONSES)).reply.response_id is None


GONE = answer(404, '{"error":{"message":"Response with id \'resp_1\' not found.","param":"response_id","code":404}}')
FORGOTTEN = answer(
    400, '{"error":{"message":"Not found","code":"previous_response_not_found","param":"previous_response_id"}}'
)


@pytest.mark.parametrize("refusal", [GONE, FORGOTTEN])
def test_an_old_id_that_is_gone_does_not_mean_that_nothing_is_kept(refusal: Steps) -> None:
    with ScriptedServer(refusal) as server:
        client = talker(server, "vLLM", "responses", keeps=True)
        with pytest.raises(ChainLostError):
            list(client.chat(FOLLOWING))
    assert client.route.keeps


def test_an_id_that_is_gone_as_soon_as_it_was_given_means_that_nothing_is_kept() -> None:
    with ScriptedServer(sse(delta("Hi"), COMPLETED), GONE) as server:
        client = talker(server, "vLLM", "responses", keeps=True)
        *_, last = client.chat(HELLO)
        assert isinstance(last, Finished)
        with pytest.raises(ChainLostError):
            list(client.chat(replace(FOLLOWING, follows=last.reply.response_id)))
    assert not client.route.keeps


@pytest.mark.parametrize(
    ("keeps", "store", "counted"), [(True, True, None), (True, False, 0), (False, True, 0), (False, False, 0)]
)
def test_a_reply_says_whether_earlier_turns_were_sent(keeps: bool, store: bool, counted: int | None) -> None:
    with ScriptedServer(sse(delta("Hi"), COMPLETED)) as server:
        *_, last = talker(server, "LM Studio", "responses", keeps=keeps).chat(replace(HELLO, store=store))
    assert isinstance(last, Finished)
    assert last.sent == counted


def test_the_debug_log_says_who_keeps_the_conversation() -> None:
    lines: list[str] = []
    usage = {"choices": [], "usage": {"prompt_tokens": 57, "completion_tokens": 1}}
    with ScriptedServer(sse(chunk("Hi", "stop"), usage, "[DONE]")) as server:
        client = replace(talker(server, "llama-server"), log=lines.append)
        list(client.chat(HELLO))
    assert "api completions; earlier turns are sent each time" in lines


# What they say of their models


PS = '{"models":[{"name":"m:latest","model":"m:latest","size":5,"context_length":4096}]}'
TAGS = (
    '{"models":[{"name":"m:latest","size":4000,"details":{"format":"gguf","parameter_size":"1.2B",'
    '"quantization_level":"Q8_0"}},{"name":"e:latest","size":9,"details":{}}]}'
)
TWO = '{"object":"list","data":[{"id":"m:latest","owned_by":"library"},{"id":"e:latest","owned_by":"library"}]}'


def ollama(request: Request) -> Steps:
    shown = {
        "m:latest": {
            "capabilities": ["completion", "vision", "tools"],
            "model_info": {"general.architecture": "llama", "llama.context_length": 131072},
        },
        "e:latest": {"capabilities": ["embedding"], "model_info": {}},
    }
    match request.path:
        case "/v1/models":
            return answer(200, TWO)
        case "/api/tags":
            return answer(200, TAGS)
        case "/api/ps":
            return answer(200, PS)
        case "/api/show":
            return answer(200, json.dumps(shown[request.json["model"]]))
        case _:
            return NOT_FOUND


def test_ollama_says_what_its_models_can_and_how_much_fits() -> None:
    with ScriptedServer(ollama) as server:
        model, embedding = talker(server, "Ollama").models()
    assert model == Model(
        key="m:latest",
        type="llm",
        architecture="llama",
        quantization="Q8_0",
        size_bytes=4000,
        params="1.2B",
        max_context_length=131072,
        format="gguf",
        vision=True,
        tools=True,
        reasoning_options=(),
        instances=(Instance("m:latest", 4096),),
    )
    assert not embedding.chats
    assert context_length((model,), "m:latest") == 4096


def test_a_program_that_says_nothing_of_its_models_lists_them_all_the_same() -> None:
    for program, owner in (("Ollama", "library"), ("LiteLLM", "openai"), ("LM Studio", "organization_owner")):
        with ScriptedServer(by_path(v1_models=models(owner))) as server:
            [model] = talker(server, program).models()
        assert (model.key, model.vision) == ("m", None)


def test_llama_server_is_asked_for_what_its_list_lacks() -> None:
    props = answer(200, '{"default_generation_settings":{"n_ctx":2048},"modalities":{"vision":true}}')
    with ScriptedServer(by_path(v1_models=models("llamacpp"), props=props)) as server:
        listed = talker(server, "llama-server").models()
    assert context_length(listed, "m") == 2048
    assert listed[0].vision is True


def test_litellm_says_how_much_fits_into_a_model_that_is_elsewhere() -> None:
    about = '{"max_input_tokens":128000,"supports_vision":true,"supports_function_calling":false,"mode":"chat"}'
    details = answer(200, f'{{"data":[{{"model_name":"m","litellm_params":{{}},"model_info":{about}}}]}}')
    with ScriptedServer(by_path(v1_models=models("openai"), model_info=details)) as server:
        listed = talker(server, "LiteLLM").models()
    assert context_length(listed, "m") == 128000
    # What it does not know it calls false.
    assert (listed[0].vision, listed[0].tools, listed[0].instances) == (True, None, ())


def test_vllm_says_in_its_list_how_much_fits() -> None:
    with ScriptedServer(by_path(v1_models=VLLM)) as server:
        assert context_length(talker(server, "vLLM").models(), "m") == 8192


def test_lm_studio_before_its_own_list_says_it_elsewhere() -> None:
    old = (
        '{"data":[{"id":"m","type":"vlm","publisher":"p","arch":"a","quantization":"Q4","state":"loaded",'
        '"max_context_length":9000,"loaded_context_length":4000}]}'
    )
    served = by_path(v1_models=models("organization_owner"), api_v0_models=answer(200, old))
    with ScriptedServer(served) as server:
        [model] = talker(server, "LM Studio", "responses").models()
    assert (model.vision, model.max_context_length, context_length((model,), "m")) == (True, 9000, 4000)


# How they fail


@pytest.mark.parametrize(
    "last",
    [
        {**chunk("", "error"), "error": {"code": "server_error", "message": "It broke"}},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "error", "error": {"message": "It broke"}}]},
        {"error": {"message": "It broke", "type": "BadRequestError", "code": None}},
        {"type": "error", "message": "It broke"},
    ],
)
def test_an_error_beside_a_piece_of_the_reply_is_a_fault(last: object) -> None:
    events = events_of(sse(chunk("ye"), last, "[DONE]"), COMPLETIONS)
    [fault] = [event for event in events if isinstance(event, Fault)]
    assert "It broke" in fault.error.message


def test_a_reply_that_ends_with_an_error_and_says_no_more_is_broken() -> None:
    assert isinstance(refused(sse(chunk("ye"), chunk("", "error"), "[DONE]"), COMPLETIONS), StreamBrokenError)


@pytest.mark.parametrize(
    "message",
    [
        "Trying to keep the first 5023 tokens when context the overflows. … loaded with context length of only 4096",
        "Cannot truncate prompt with n_keep (2099474) >= n_ctx (8192)",
        "request (3030 tokens) exceeds the available context size (2048 tokens), try increasing it",
        "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens",
        "The decoder prompt (length 5000) is longer than the maximum model length of 4096.",
        "The input (5000 tokens) is longer than the model's context length (4096 tokens).",
        "litellm.ContextWindowExceededError: litellm.BadRequestError: AnthropicException - too much",
        "prompt is too long: 208310 tokens > 200000 maximum",
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000",
        "Your input exceeds the context window of this model.",
    ],
)
@pytest.mark.parametrize("dialect", [COMPLETIONS, RESPONSES])
@pytest.mark.parametrize("written", ["object", "text"])
def test_a_prompt_that_does_not_fit_is_one_kind_of_refusal(message: str, dialect: Dialect, written: str) -> None:
    error: object = {"message": message, "type": "None", "param": None, "code": "400"}
    body = json.dumps({"error": error if written == "object" else message})
    assert type(refused(answer(400, body), dialect)) is ContextOverflowError


def test_a_limit_of_output_that_does_not_fit_is_another() -> None:
    message = "max_tokens is too large: 9000. This model's maximum context length is 4096 tokens"
    error = refused(answer(400, json.dumps({"error": {"message": message}})), COMPLETIONS)
    assert type(error) is RefusedError
    assert "--max-output-tokens" in error.hint


def test_an_option_that_the_model_behind_a_gateway_lacks_is_named() -> None:
    message = "litellm.UnsupportedParamsError: openai does not support parameters: ['reasoning_effort'], for model=m."
    error = refused(answer(400, json.dumps({"error": {"message": message, "code": "400"}})), COMPLETIONS)
    assert error.hint == "Leave out reasoning for this model."


@pytest.mark.parametrize("status", [401, 403, 500, 502])
def test_a_hint_about_another_server_does_not_send_people_to_lm_studio(status: int) -> None:
    for dialect in (COMPLETIONS, RESPONSES):
        assert "LM Studio" not in refused(answer(status, '{"error":{"message":"no"}}'), dialect).hint
    native: list[LmchatError] = []
    with ScriptedServer(answer(status, '{"error":{"message":"no"}}')) as server:
        try:
            list(Client(Address(server.url)).chat(HELLO))
        except LmchatError as error:
            native.append(error)
    assert "LM Studio" in native[0].hint


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_route_that_a_server_lacks_is_named(status: int) -> None:
    error = refused(answer(status, '{"detail":"Not Found"}'), RESPONSES)
    assert error.message.startswith("The server has no route /v1/responses")
    assert "--api auto" in error.hint


def test_every_program_says_its_options_by_dialects_that_there_are() -> None:
    for program in PROGRAMS.values():
        assert set(program.options) <= set(DIALECTS)


def test_a_recorded_loading_is_waited_for_in_both_dialects() -> None:
    for dialect, reply in ((COMPLETIONS, "chat_stream_usage"), (RESPONSES, "responses_stream")):
        with ScriptedServer(recorded("loading_503"), recorded(reply)) as server:
            *_, last = Client(Address(server.url), route=Route(dialect, dialect.keeps)).chat(HELLO)
        assert isinstance(last, Finished)
        assert last.reply.text == "Hello! How can I assist you today?"
