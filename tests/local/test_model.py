"""The whole server with the real model, end to end."""

import http.client
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from lmchat.local import run
from tests.cli.program import run as run_lmchat
from tests.local.conftest import KEY, world_at
from tests.local.test_run import PROGRAM, alive, below, soon

pytestmark = pytest.mark.model


def chat(client: httpx.Client, text: str, **more: Any) -> dict[str, Any]:
    answer = client.post("/api/v1/chat", json={"model": KEY, "input": text, **more})
    assert answer.status_code == 200, answer.text
    reply: dict[str, Any] = answer.json()
    return reply


def said(reply: dict[str, Any]) -> str:
    return "".join(item["content"] for item in reply["output"])


def stats(reply: dict[str, Any]) -> dict[str, float]:
    found: dict[str, float] = reply["stats"]
    return found


@pytest.mark.parametrize(
    ("told", "asked", "word"),
    [
        ("私の好きな色は青です", "先ほど私が話していた色は?", "青"),
        ("My name is Alice.", "What is my name?", "Alice"),
        ("My favorite color is blue.", "What is my favorite color?", "blue"),
    ],
)
def test_it_remembers_what_it_was_told(real: httpx.Client, told: str, asked: str, word: str) -> None:
    first = chat(real, told)["response_id"]

    assert word in said(chat(real, asked, previous_response_id=first))


@pytest.mark.parametrize(("asked", "word"), [("先ほど私が話していた色は?", "青"), ("What is my name?", "Alice")])
def test_it_does_not_know_what_it_was_told_elsewhere(real: httpx.Client, asked: str, word: str) -> None:
    # The surest answer: at other temperatures it could guess the word. (It always guesses blue, asked in English.)
    assert word not in said(chat(real, asked, temperature=0))


def test_a_branch_follows_the_earlier_turn_only(real: httpx.Client) -> None:
    alice = chat(real, "My name is Alice.")["response_id"]
    chat(real, "No, my name is Robert.", previous_response_id=alice)

    assert "Alice" in said(chat(real, "What is my name?", previous_response_id=alice))


def test_lmchat_goes_on_in_one_session_over_all_dialects(real: httpx.Client, tmp_path: Path) -> None:
    url = str(real.base_url)
    run_lmchat(tmp_path, "--url", url, "ask", "-s", "x", "My name is Alice.")

    for api in ("responses", "completions", "lmstudio"):
        said_by = run_lmchat(tmp_path, "--url", url, "--api", api, "ask", "-s", "x", "What is my name?")
        assert (said_by.status, "Alice" in said_by.stdout) == (0, True), (api, said_by)


def test_a_schema_binds_the_reply(real: httpx.Client) -> None:
    schema = {
        "type": "object",
        "properties": {"colour": {"enum": ["red", "green"]}, "warm": {"type": "boolean"}},
        "required": ["colour", "warm"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    messages = [{"role": "user", "content": "Describe blue."}]
    answer = real.post(
        "/v1/chat/completions", json={"model": KEY, "messages": messages, "response_format": form}
    ).json()

    reply = json.loads(answer["choices"][0]["message"]["content"])
    assert reply["colour"] in ("red", "green")
    assert isinstance(reply["warm"], bool)


def test_a_schema_that_is_none_is_refused(real: httpx.Client) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "thing"}}}
    body = {"model": KEY, "messages": [{"role": "user", "content": "Hi"}], "response_format": form}

    assert real.post("/v1/chat/completions", json=body).status_code == 400


def test_a_stream_loads_reads_and_writes(model_cache: Path, tmp_path: Path) -> None:
    world = world_at(tmp_path, LMCHAT_MODEL_CACHE=str(model_cache))
    body = {"model": KEY, "input": "Say hello.", "stream": True, "max_output_tokens": 12}
    with run.started(world) as url:
        answer = httpx.post(f"{url}/api/v1/chat", json=body, timeout=60)
        instances = httpx.get(f"{url}/api/v1/models").json()["models"][0]["loaded_instances"]

    events = [json.loads(line[6:]) for line in answer.text.split("\n") if line.startswith("data: ")]
    kinds = [event["type"] for event in events]
    assert kinds[:3] == ["chat.start", "model_load.start", "model_load.progress"]
    assert kinds.index("model_load.end") < kinds.index("prompt_processing.end") < kinds.index("message.delta")
    assert [event["progress"] for event in events if event["type"] == "model_load.progress"][-1] == 1.0
    result = events[-1]["result"]
    assert "".join(event["content"] for event in events if event["type"] == "message.delta") == said(result)
    assert stats(result)["model_load_time_seconds"] > 0
    assert stats(result)["tokens_per_second"] > 0
    assert instances == [{"id": KEY, "config": {"context_length": 8192, "parallel": 1}}]


def test_a_chain_survives_a_restart_and_another_server_knows_it(model_cache: Path, tmp_path: Path) -> None:
    world = world_at(tmp_path, LMCHAT_MODEL_CACHE=str(model_cache))
    with run.started(world) as url, httpx.Client(base_url=url, timeout=60) as client:
        first = chat(client, "My name is Alice.")["response_id"]

    with run.started(world) as url, httpx.Client(base_url=url, timeout=60) as client:
        assert "Alice" in said(chat(client, "What is my name?", previous_response_id=first))


def test_a_second_turn_reads_only_what_is_new(real: httpx.Client) -> None:
    first = chat(real, "Remember this list. " + "apples, pears and plums; " * 60, max_output_tokens=4)
    second = chat(real, "Thanks.", previous_response_id=first["response_id"], max_output_tokens=4)

    assert stats(second)["input_tokens"] > stats(first)["input_tokens"] > 350
    assert stats(second)["time_to_first_token_seconds"] < stats(first)["time_to_first_token_seconds"] / 3


@pytest.mark.parametrize("prompt", ["Count from 1 to 1000.", "word " * 3000])
def test_hanging_up_while_it_writes_or_reads_frees_the_engine(real: httpx.Client, prompt: str) -> None:
    chat(real, "Hello", max_output_tokens=1)  # the model is in memory
    connection = http.client.HTTPConnection(real.base_url.host, real.base_url.port)
    connection.request("POST", "/api/v1/chat", json.dumps({"model": KEY, "input": prompt, "stream": True}))
    response = connection.getresponse()
    while b"progress" not in response.readline():
        pass
    connection.close()
    response.close()

    before = time.monotonic()
    chat(real, "Hello", max_output_tokens=1)

    assert time.monotonic() - before < 10  # reading those words to the end takes 15 s, counting longer


def test_the_limit_of_tokens_is_kept(real: httpx.Client) -> None:
    assert stats(chat(real, "Count from 1 to 100.", max_output_tokens=5))["total_output_tokens"] == 5


def test_characters_of_many_bytes_arrive_whole(real: httpx.Client) -> None:
    answer = real.post(
        "/api/v1/chat", json={"model": KEY, "input": "Repeat: 👩‍👩‍👧 青い空", "stream": True, "temperature": 0}
    )

    assert "\ufffd" not in answer.content.decode("utf-8")


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("moment", ["loading", "writing"])
def test_killing_the_program_ends_server_and_engine(model_cache: Path, tmp_path: Path, moment: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path), "start", "0", f"LMCHAT_MODEL_CACHE={model_cache}"],
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stderr is not None
    url = process.stderr.readline().strip()
    body = {"model": KEY, "input": "Count from 1 to 1000.", "stream": True}
    with httpx.stream("POST", f"{url}/api/v1/chat", json=body, timeout=60) as answer:
        awaited = "model_load.progress" if moment == "loading" else "message.delta"
        next(line for line in answer.iter_lines() if awaited in line)
        assert soon(lambda: len(below(process.pid)) == 2)
        children = below(process.pid)

        process.kill()
        process.communicate()

    # Loading goes on for more than a second, and nothing in the engine can watch its lifeline meanwhile.
    assert soon(lambda: not any(alive(child) for child in children), seconds=0.7)
