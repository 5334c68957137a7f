"""The routes beside chat: greeting, models, load, unload, download."""

import pytest

from lmchat.chat.models import DownloadJob, Instance, Model
from lmchat.errors import NotFoundError, RefusedError, StreamBrokenError, UnreachableError
from lmchat.wire.address import Address
from lmchat.wire.client import Client
from lmchat.wire.models import LoadedModel
from tests.support.scripted import HOLD, ScriptedServer, Steps, answer

MODELS = (
    '{"models":[{"type":"llm","publisher":"google","key":"google/gemma-3-1b","display_name":"Gemma 3 1B",'
    '"architecture":"gemma3_text","quantization":{"name":"4bit","bits_per_weight":4},"size_bytes":771933305,'
    '"params_string":"1B","loaded_instances":[{"id":"google/gemma-3-1b","config":{"context_length":8192,"parallel":4,'
    '"reasoning_budget_message":""}}],"max_context_length":32768,"format":"mlx","capabilities":{"vision":false,'
    '"trained_for_tool_use":false,"reasoning":{"allowed_options":["off","on"],"default":"on"}},"description":null,'
    '"variants":["google/gemma-3-1b@4bit"],"selected_variant":"google/gemma-3-1b@4bit"},'
    '{"type":"embedding","publisher":"gaianet","key":"nomic","quantization":{"name":"F16"},"params_string":null,'
    '"loaded_instances":[],"max_context_length":2048,"format":"gguf"}]}'
)


def served(steps: Steps) -> ScriptedServer:
    return ScriptedServer(steps)


def test_models_are_listed_with_their_instances() -> None:
    with served(answer(200, MODELS)) as server:
        gemma, nomic = Client(Address(server.url)).models()
    assert gemma == Model(
        key="google/gemma-3-1b",
        type="llm",
        publisher="google",
        display_name="Gemma 3 1B",
        architecture="gemma3_text",
        quantization="4bit",
        bits_per_weight=4.0,
        size_bytes=771933305,
        params="1B",
        max_context_length=32768,
        format="mlx",
        vision=False,
        tools=False,
        reasoning_options=("off", "on"),
        reasoning_default="on",
        variants=("google/gemma-3-1b@4bit",),
        instances=(Instance("google/gemma-3-1b", 8192),),
    )
    assert (nomic.chats, nomic.vision, nomic.params, nomic.quantization) == (False, None, "", "F16")


def test_a_list_is_asked_for_with_the_token() -> None:
    with served(answer(200, MODELS)) as server:
        Client(Address(server.url, "sk-lm-abc:def")).models()
    (request,) = server.requests
    assert (request.method, request.path, request.body) == ("GET", "/api/v1/models", b"")
    assert request.headers["authorization"] == "Bearer sk-lm-abc:def"


@pytest.mark.parametrize(
    "entry",
    [
        '{"type":null,"key":"m","capabilities":null,"quantization":null,"loaded_instances":null,"variants":null}',
        '{"key":"m","capabilities":[],"loaded_instances":[null,{"id":null}],"size_bytes":{},"variants":[null,{}]}',
        '{"key":"m","capabilities":{"reasoning":7,"vision":"yes"},"max_context_length":"many"}',
    ],
)
def test_a_model_of_which_little_is_known_is_listed(entry: str) -> None:
    with served(answer(200, f'{{"models":[{entry},{{"type":"llm"}},null]}}')) as server:
        assert Client(Address(server.url)).models() == (Model("m", "llm"),)


def test_a_quantization_may_be_a_word() -> None:
    with served(answer(200, '{"models":[{"key":"m","quantization":"Q4_K_M","size_bytes":"5"}]}')) as server:
        assert Client(Address(server.url)).models() == (Model("m", "llm", quantization="Q4_K_M", size_bytes=5),)


@pytest.mark.parametrize(
    "body",
    ['{"error":"Unexpected endpoint or method. (GET /api/v1/models)"}', '{"data":[]}', "<html></html>"],
)
def test_a_list_that_is_none_says_what_is_needed(body: str) -> None:
    with served(answer(200, body)) as server, pytest.raises(RefusedError) as caught:
        Client(Address(server.url)).models()
    assert "LM Studio 0.4.0 or newer" in caught.value.hint


def test_a_list_that_is_cut_is_broken() -> None:
    head, body = answer(200, MODELS)
    assert isinstance(body, bytes)
    with served([head, body[:99]]) as server, pytest.raises(StreamBrokenError):
        Client(Address(server.url)).models()


def test_a_dead_connection_is_not_used_again() -> None:
    with served(answer(200, MODELS)) as server:
        client = Client(Address(server.url))
        assert client.models() == client.models()


def test_a_load_sends_only_what_was_given() -> None:
    body = '{"type":"llm","instance_id":"m:2","load_time_seconds":9.099,"status":"loaded"}'
    with served(answer(200, body)) as server:
        assert Client(Address(server.url)).load("m") == LoadedModel("m:2", 9.099)
    (request,) = server.requests
    assert (request.method, request.path, request.json) == ("POST", "/api/v1/models/load", {"model": "m"})


def test_a_load_takes_every_option_of_the_api() -> None:
    with served(answer(200, '{"instance_id":"m","load_config":{"context_length":4096}}')) as server:
        loaded = Client(Address(server.url)).load(
            "m",
            context_length=8192,
            eval_batch_size=512,
            flash_attention=False,
            num_experts=4,
            offload_kv_cache_to_gpu=True,
            parallel=2,
            echo_load_config=True,
        )
    assert server.requests[0].json == {
        "model": "m",
        "context_length": 8192,
        "eval_batch_size": 512,
        "flash_attention": False,
        "num_experts": 4,
        "offload_kv_cache_to_gpu": True,
        "parallel": 2,
        "echo_load_config": True,
    }
    assert loaded.context_length == 4096


def test_an_unload_names_the_instance() -> None:
    with served(answer(200, '{"instance_id":"m:2"}')) as server:
        assert Client(Address(server.url)).unload("m:2") == "m:2"
    (request,) = server.requests
    assert (request.path, request.json) == ("/api/v1/models/unload", {"instance_id": "m:2"})


@pytest.mark.parametrize("error", ['{"message":"no m"}', '{"message":"no m","type":"invalid_request"}', '"no m"'])
def test_loading_and_unloading_what_is_not_there_is_not_found(error: str) -> None:
    with served(answer(404, f'{{"error":{error}}}')) as server:
        with pytest.raises(NotFoundError) as loading:
            Client(Address(server.url)).load("m")
        with pytest.raises(NotFoundError) as unloading:
            Client(Address(server.url)).unload("m")
    assert (
        loading.value.message == unloading.value.message == "The server knows no model or download of that name: no m"
    )


@pytest.mark.parametrize(
    "body", ['{"detail":"Not Found"}', '{"error":{"code":404,"message":"File Not Found","type":"not_found_error"}}', ""]
)
def test_loading_where_there_is_no_such_route_says_what_is_needed(body: str) -> None:
    with served(answer(404, body)) as server, pytest.raises(RefusedError) as caught:
        Client(Address(server.url)).load("m")
    assert "LM Studio 0.4.0 or newer" in caught.value.hint


def test_a_download_begins_with_a_job() -> None:
    body = '{"job_id":"job_1","status":"downloading","total_size_bytes":100,"started_at":"2026-10-01T00:00:00Z"}'
    with served(answer(200, body)) as server:
        job = Client(Address(server.url)).download("https://huggingface.co/a/b", "Q4_K_M")
    assert job == DownloadJob("job_1", "downloading", total_size_bytes=100)
    assert server.requests[0].json == {"model": "https://huggingface.co/a/b", "quantization": "Q4_K_M"}


def test_what_is_downloaded_already_has_no_job() -> None:
    with served(answer(200, '{"status":"already_downloaded"}')) as server:
        job = Client(Address(server.url)).download("a/b")
    assert (job.id, job.over) == ("", True)
    assert server.requests[0].json == {"model": "a/b"}


def test_a_download_is_asked_about_by_its_encoded_id() -> None:
    body = '{"status":"downloading","downloaded_bytes":50,"total_size_bytes":100,"bytes_per_second":12.5}'
    with served(answer(200, body)) as server:
        job = Client(Address(server.url)).download_status("a/b c?d%")
    assert job == DownloadJob("a/b c?d%", "downloading", 50, 100, 12.5)
    assert server.requests[0].path == "/api/v1/models/download/status/a%2Fb%20c%3Fd%25"


def test_an_unknown_download_is_not_found() -> None:
    steps = answer(404, '{"error":{"type":"job_not_found","message":"No job"}}')
    with served(steps) as server, pytest.raises(NotFoundError):
        Client(Address(server.url)).download_status("x")


@pytest.mark.parametrize(
    ("steps", "greets"),
    [
        (answer(200, '{"lmstudio": true}'), True),
        (answer(401, '{"error":{"code":"invalid_api_key","message":"no"}}'), True),
        (answer(200, '{"error":"Unexpected endpoint or method. (GET /lmstudio-greeting)"}'), True),
        (answer(200, "<html>"), False),
        (answer(404, "Not Found"), False),
        ([b"SSH-2.0-OpenSSH_9.6\r\n"], False),
        ([], False),
        ([HOLD], False),
    ],
)
def test_a_greeting_shows_whether_a_server_is_there(steps: Steps, *, greets: bool) -> None:
    with served(steps) as server:
        assert Client(Address(server.url)).greets() is greets


def test_no_greeting_comes_where_nothing_listens() -> None:
    with served([]) as server:
        url = server.url
    assert not Client(Address(url)).greets()


def test_a_server_that_is_not_there_is_unreachable() -> None:
    with served([]) as server:
        url = server.url
    with pytest.raises(UnreachableError) as caught:
        Client(Address(url)).models()
    assert caught.value.message == f"Nothing answers at {url}."
    for way_out in ("`lms server start`", "`--url`", "`--url local`"):
        assert way_out in caught.value.hint
