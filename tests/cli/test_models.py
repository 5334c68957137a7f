"""`lmchat models …` against a server that plays bytes."""

import json
from pathlib import Path

import pytest

from tests.support.program import Ran, reply, run
from tests.support.scripted import Answer, Request, ScriptedServer, Steps, answer, stream

SEEN = (
    '{"models":[{"type":"llm","publisher":"google","key":"google/gemma-3-1b","display_name":"Gemma 3 1B",'
    '"architecture":"gemma3_text","quantization":{"name":"4bit","bits_per_weight":4},"size_bytes":771933305,'
    '"params_string":"1B","loaded_instances":[{"id":"google/gemma-3-1b","config":{"context_length":8192}}],'
    '"max_context_length":32768,"format":"mlx","capabilities":{"vision":false,"trained_for_tool_use":true,'
    '"reasoning":{"allowed_options":["off","on"],"default":"on"}}},'
    '{"type":"llm","key":"bare"},'
    '{"type":"embedding","publisher":"gaianet","key":"nomic","quantization":{"name":"F16"},"size_bytes":274290560,'
    '"params_string":null,"loaded_instances":[],"max_context_length":2048,"format":"gguf"}]}'
)
LOADED = (
    '{"type":"llm","instance_id":"bare","load_time_seconds":9.099,"status":"loaded",'
    '"load_config":{"context_length":4096}}'
)


def models(home: Path, answers: tuple[Answer, ...], *arguments: str) -> tuple[Ran, list[Request]]:
    with ScriptedServer(*answers) as server:
        ran = run(home, "--url", server.url, "models", *arguments)
        return ran, server.requests


def listed(*more: Steps) -> tuple[Answer, ...]:
    return (answer(200, SEEN), *more)


def test_the_list_says_what_each_model_is_and_what_is_loaded(tmp_path: Path) -> None:
    ran, _ = models(tmp_path, listed())
    title, gemma, bare, nomic = ran.stdout.splitlines()
    assert title.split()[0] == "KEY"
    assert gemma.startswith("google/gemma-3-1b")
    assert "772 MB" in gemma
    assert "32,768" in gemma
    assert "tools, reasoning off/on" in gemma
    assert "yes (8,192)" in gemma
    assert bare == "bare"
    assert "embeddings only" in nomic


def test_the_list_as_json_keeps_the_facts(tmp_path: Path) -> None:
    ran, _ = models(tmp_path, listed(), "list", "--json")
    gemma, *_ = json.loads(ran.stdout)
    assert gemma["reasoning_options"] == ["off", "on"]
    assert gemma["loaded_instances"] == [{"id": "google/gemma-3-1b", "context_length": 8192}]


def test_load_looks_first_and_says_time_and_real_context(tmp_path: Path) -> None:
    ran, requests = models(tmp_path, listed(answer(200, LOADED), answer(200, SEEN)), "load", "bare")
    assert ran.status == 0
    assert [request.path for request in requests[:2]] == ["/api/v1/models", "/api/v1/models/load"]
    assert requests[1].json == {"model": "bare", "echo_load_config": True}
    assert "Loaded bare in 9.1 s, with a context of 4,096 tokens." in ran.stderr


def test_load_does_not_load_twice(tmp_path: Path) -> None:
    ran, requests = models(tmp_path, listed(), "load", "google/gemma-3-1b")
    assert (ran.status, len(requests)) == (0, 1)
    assert "loaded already, with a context of 8,192 tokens" in ran.stderr


def test_a_context_the_server_capped_is_said(tmp_path: Path) -> None:
    ran, requests = models(
        tmp_path, listed(answer(200, LOADED), answer(200, SEEN)), "load", "bare", "--context-length", "999999"
    )
    assert requests[1].json["context_length"] == 999999
    assert "999,999 tokens was asked for; the server gave 4,096" in ran.stderr


def test_an_unknown_model_suggests_the_nearest(tmp_path: Path) -> None:
    ran, _ = models(tmp_path, listed(), "load", "google/gema-3-1b")
    assert ran.status == 6
    assert "google/gemma-3-1b" in ran.stderr


@pytest.mark.parametrize("arguments", [("google/gemma-3-1b",), ("--all",)])
def test_unload_takes_a_key_or_all(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = answer(200, '{"instance_id":"google/gemma-3-1b"}')
    ran, requests = models(tmp_path, listed(done), "unload", *arguments)
    assert ran.status == 0
    assert requests[1].json == {"instance_id": "google/gemma-3-1b"}


def test_unload_of_what_is_not_loaded_says_so(tmp_path: Path) -> None:
    ran, _ = models(tmp_path, listed(), "unload", "bare")
    assert ran.status == 6
    assert "'bare' is not loaded." in ran.stderr


def test_unload_wants_a_name_or_all(tmp_path: Path) -> None:
    assert models(tmp_path, listed(), "unload")[0].status == 2


def test_download_waits_to_the_end(tmp_path: Path) -> None:
    begun = '{"job_id":"job/1","status":"downloading","total_size_bytes":100,"started_at":"now"}'
    half = (
        '{"job_id":"job/1","status":"downloading","downloaded_bytes":50,"total_size_bytes":100,"bytes_per_second":50}'
    )
    done = '{"job_id":"job/1","status":"completed","downloaded_bytes":100,"total_size_bytes":100}'
    ran, requests = models(tmp_path, (answer(200, begun), answer(200, half), answer(200, done)), "download", "bare")
    assert ran.status == 0
    assert requests[1].path.endswith("/job%2F1")
    assert "bare is downloaded (100 B)." in ran.stderr


def test_a_failed_download_fails(tmp_path: Path) -> None:
    begun = '{"job_id":"1","status":"downloading","total_size_bytes":100}'
    ran, _ = models(tmp_path, (answer(200, begun), answer(200, '{"job_id":"1","status":"failed"}')), "download", "bare")
    assert ran.status == 1
    assert "failed" in ran.stderr


def test_what_is_here_is_not_downloaded(tmp_path: Path) -> None:
    ran, _ = models(tmp_path, (answer(200, '{"status":"already_downloaded"}'),), "download", "bare")
    assert ran.status == 0
    assert "already downloaded" in ran.stderr


def test_without_wait_it_comes_back_at_once(tmp_path: Path) -> None:
    begun = '{"job_id":"1","status":"downloading","total_size_bytes":100}'
    ran, requests = models(tmp_path, (answer(200, begun),), "download", "bare", "--no-wait")
    assert (ran.status, len(requests)) == (0, 1)


def test_a_model_that_is_not_loaded_is_not_suggested_for_unloading(tmp_path: Path) -> None:
    ran, _ = models(tmp_path, listed(), "unload", "bare")
    assert ran.status == 6
    assert ran.stderr == "lmchat: error: 'bare' is not loaded.\nhint: `lmchat models` shows what is loaded.\n"


TWO = json.dumps({"models": [{"type": "llm", "key": key} for key in ("google/gemma-1b", "google/gemma-4b", "qwen/q8")]})
NO_MODEL = '{"error":{"message":"Invalid model identifier","param":"model","code":"model_not_found"}}'


def test_a_part_of_a_key_is_the_model_it_fits_and_the_session_keeps_the_key(tmp_path: Path) -> None:
    with ScriptedServer(answer(404, NO_MODEL), answer(200, TWO), stream(reply())) as server:
        ran = run(tmp_path, "--url", server.url, "ask", "-s", "trip", "-m", "4B", "--json", "hi")
        assert server.requests[2].json["model"] == "google/gemma-4b"
    assert (ran.status, ran.stderr) == (0, "'4B' is google/gemma-4b here.\n")
    assert json.loads(ran.stdout)["model"] == "google/gemma-4b"
    assert json.loads(run(tmp_path, "sessions", "--json").stdout)[0]["model"] == "google/gemma-4b"
    assert len(json.loads(run(tmp_path, "sessions", "show", "trip", "--json").stdout)["turns"]) == 1


def test_a_name_that_the_server_takes_is_sent_as_it_is(tmp_path: Path) -> None:
    with ScriptedServer(stream(reply())) as server:
        run(tmp_path, "--url", server.url, "ask", "-m", "gemma", "hi")
        assert [request.json["model"] for request in server.requests] == ["gemma"]


def test_a_part_that_fits_several_models_is_refused_with_their_names(tmp_path: Path) -> None:
    with ScriptedServer(answer(404, NO_MODEL), answer(200, TWO)) as server:
        ran = run(tmp_path, "--url", server.url, "ask", "-m", "gemma", "hi")
    assert ran.status == 6
    assert ran.stderr.splitlines() == [
        "lmchat: error: 'gemma' fits several models.",
        "hint: Name one: google/gemma-1b, google/gemma-4b.",
    ]
    assert json.loads(run(tmp_path, "sessions", "--json").stdout) == []


def test_what_fits_no_model_is_what_the_server_says_of_it(tmp_path: Path) -> None:
    with ScriptedServer(answer(404, NO_MODEL), answer(200, TWO)) as server:
        ran = run(tmp_path, "--url", server.url, "ask", "-m", "llama", "hi")
    assert ran.status == 6
    assert "Invalid model identifier" in ran.stderr


def elsewhere(home: Path) -> None:
    """Begin a session with a model that the next server does not have."""
    with ScriptedServer(stream(reply())) as server:
        run(home, "--url", server.url, "ask", "-s", "trip", "-m", "big/one", "hi")


def test_a_session_from_another_server_goes_on_with_the_one_model_of_this(tmp_path: Path) -> None:
    elsewhere(tmp_path)
    only = json.dumps({"models": [{"type": "llm", "key": "acme/only"}]})
    with ScriptedServer(answer(404, NO_MODEL), answer(200, only), answer(200, only), stream(reply())) as server:
        ran = run(tmp_path, "--url", server.url, "ask", "-s", "trip", "and now?")
        assert [each.json["model"] for each in server.requests if each.method == "POST"] == ["big/one", "acme/only"]
    assert ran.status == 0
    assert ran.stderr.splitlines() == [
        "Sending 1 earlier turn again, 7 characters, because this server does not have this conversation.",
        "This server has no big/one; acme/only is asked.",
    ]
    assert json.loads(run(tmp_path, "sessions", "--json").stdout)[0]["model"] == "acme/only"


def test_a_session_from_another_server_goes_on_with_the_model_of_the_settings(tmp_path: Path) -> None:
    elsewhere(tmp_path)
    with ScriptedServer(answer(404, NO_MODEL), answer(200, TWO), stream(reply())) as server:
        ran = run(tmp_path, "--url", server.url, "ask", "-s", "trip", "and now?", environ={"LMCHAT_MODEL": "qwen/q8"})
        assert server.requests[2].json["model"] == "qwen/q8"
    assert ran.status == 0


def test_where_a_session_from_another_server_could_go_on_with_several_they_are_named(tmp_path: Path) -> None:
    elsewhere(tmp_path)
    with ScriptedServer(answer(404, NO_MODEL), answer(200, TWO), answer(200, TWO)) as server:
        ran = run(tmp_path, "--url", server.url, "ask", "-s", "trip", "and now?")
    assert (ran.status, "`--model google/gemma-1b`" in ran.stderr) == (6, True)


def test_a_model_that_is_named_is_not_replaced_by_another(tmp_path: Path) -> None:
    elsewhere(tmp_path)
    only = json.dumps({"models": [{"type": "llm", "key": "acme/only"}]})
    with ScriptedServer(answer(404, NO_MODEL), answer(200, only)) as server:
        ran = run(tmp_path, "--url", server.url, "ask", "-s", "trip", "-m", "big/one", "and now?")
    assert (ran.status, "Invalid model identifier" in ran.stderr) == (6, True)


def test_a_part_of_a_key_loads_the_model_it_fits(tmp_path: Path) -> None:
    loaded = '{"type":"llm","instance_id":"qwen/q8","load_time_seconds":0.1,"status":"loaded"}'
    with ScriptedServer(answer(200, TWO), answer(200, loaded), answer(200, TWO)) as server:
        ran = run(tmp_path, "--url", server.url, "models", "load", "qwen")
        assert server.requests[1].json["model"] == "qwen/q8"
    assert ran.stderr.splitlines()[0] == "'qwen' is qwen/q8 here."
