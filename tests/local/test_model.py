"""The whole server with the real model, end to end.

Where no test looks at its words, most of its layers are left out.
"""

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from lmchat.local import run
from tests.local.conftest import KEY
from tests.local.test_run import PROGRAM, alive, below, soon
from tests.support.program import run as run_lmchat
from tests.support.worlds import world_at

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("real")


def events(answer: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in answer.text.split("\n") if line.startswith("data: {")]


@dataclass(frozen=True, slots=True)
class Earlier:
    """What a server did before it was killed: a reply's events, its model as it was listed, and whether all ended."""

    events: list[dict[str, Any]]
    row: dict[str, Any]
    ended: bool


@contextmanager
def program(home: Path, model_cache: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start a program that has a server of its own, and yield it with the server's address."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(home), "start", "0", f"LMCHAT_MODEL_CACHE={model_cache}"],
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        assert process.stderr is not None
        yield process, process.stderr.readline().strip()


def killed_at(process: subprocess.Popen[str], url: str, moment: str) -> bool:
    """Kill a program at an event of a reply; return whether its server and its engine end, too."""
    body = {"model": KEY, "input": "Count from 1 to 1000.", "stream": True}
    with httpx.stream("POST", f"{url}/api/v1/chat", json=body, timeout=60) as answer:
        next(line for line in answer.iter_lines() if moment in line)
        assert soon(lambda: len(below(process.pid)) == 2)
        children = below(process.pid)
        process.kill()
        process.wait()
    # Loading goes on for more than a second, and nothing in the engine can watch its stdin meanwhile.
    return soon(lambda: not any(alive(child) for child in children), seconds=0.7)


@pytest.fixture(scope="module")
def earlier(short_model_cache: Path, home: Path) -> Earlier:
    """Stream a reply from a server, and kill its program while it writes another."""
    body = {"model": KEY, "input": "My name is Alice.", "stream": True, "max_output_tokens": 4, "temperature": 0}
    with program(home, short_model_cache) as (process, url):
        answer = httpx.post(f"{url}/api/v1/chat", json=body, timeout=60)
        row = httpx.get(f"{url}/api/v1/models").json()["models"][0]
        return Earlier(events(answer), row, sys.platform != "linux" or killed_at(process, url, "message.delta"))


@contextmanager
def serving(home: Path, model_cache: Path) -> Iterator[httpx.Client]:
    """Start a server, and yield a client of it."""
    world = world_at(home, LMCHAT_MODEL_CACHE=str(model_cache))
    with run.started(world) as url, httpx.Client(base_url=url, timeout=100) as client:
        yield client


@pytest.fixture(scope="module")
def real(model_cache: Path, home: Path) -> Iterator[httpx.Client]:
    """Start the server that most tests talk to."""
    with serving(home, model_cache) as client:
        yield client


@pytest.fixture(scope="module")
def short(short_model_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Start a server whose model is quick, for tests that do not look at its words."""
    with serving(tmp_path_factory.mktemp("short"), short_model_cache) as client:
        yield client


def chat(client: httpx.Client, text: str, limit: int = 12, **more: Any) -> dict[str, Any]:
    """Ask for a short reply, the surest one: at other temperatures the model could guess a word, or miss it."""
    body = {"model": KEY, "input": text, "max_output_tokens": limit, "temperature": 0, **more}
    answer = client.post("/api/v1/chat", json=body)
    assert answer.status_code == 200, answer.text
    reply: dict[str, Any] = answer.json()
    return reply


def said(reply: dict[str, Any]) -> str:
    return "".join(item["content"] for item in reply["output"])


def stats(reply: dict[str, Any]) -> dict[str, float]:
    found: dict[str, float] = reply["stats"]
    return found


@pytest.mark.parametrize(
    ("fact", "asked", "word"),
    [
        ("私の好きな色は青です", "先ほど私が話していた色は?", "青"),
        ("My name is Alice.", "What is my name?", "Alice"),
    ],
)
def test_it_remembers_what_was_said(real: httpx.Client, fact: str, asked: str, word: str) -> None:
    first = chat(real, fact, 2)["response_id"]

    assert word in said(chat(real, asked, previous_response_id=first))


@pytest.mark.parametrize(("asked", "word"), [("先ほど私が話していた色は?", "青"), ("What is my name?", "Alice")])
def test_it_does_not_know_what_was_said_elsewhere(real: httpx.Client, asked: str, word: str) -> None:
    assert word not in said(chat(real, asked))


def test_a_branch_follows_the_earlier_turn_only(real: httpx.Client) -> None:
    alice = chat(real, "My name is Alice.", 2)["response_id"]
    chat(real, "No, my name is Robert.", 2, previous_response_id=alice)

    assert "Alice" in said(chat(real, "What is my name?", previous_response_id=alice))


def test_lmchat_continues_one_session_over_all_dialects(real: httpx.Client, tmp_path: Path) -> None:
    ask = ("--url", str(real.base_url), "ask", "-s", "x", "--temperature", "0", "--max-output-tokens")
    run_lmchat(tmp_path, *ask, "2", "My name is Alice.")

    for api in ("responses", "completions", "lmstudio"):
        reply = run_lmchat(tmp_path, "--api", api, *ask, "12", "What is my name?")
        assert (reply.status, "Alice" in reply.stdout) == (0, True), (api, reply)


def test_a_schema_binds_the_reply(short: httpx.Client) -> None:
    schema = {
        "type": "object",
        "properties": {"colour": {"enum": ["red", "green"]}, "warm": {"type": "boolean"}},
        "required": ["colour", "warm"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    messages = [{"role": "user", "content": "Describe blue."}]
    answer = short.post(
        "/v1/chat/completions", json={"model": KEY, "messages": messages, "response_format": form}
    ).json()

    reply = json.loads(answer["choices"][0]["message"]["content"])
    assert reply["colour"] in ("red", "green")
    assert isinstance(reply["warm"], bool)


def test_a_schema_that_is_none_is_refused(short: httpx.Client) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "thing"}}}
    body = {"model": KEY, "messages": [{"role": "user", "content": "Hi"}], "response_format": form}

    assert short.post("/v1/chat/completions", json=body).status_code == 400


def test_a_stream_loads_reads_and_writes(earlier: Earlier) -> None:
    seen = earlier.events
    kinds = [event["type"] for event in seen]
    assert kinds[:3] == ["chat.start", "model_load.start", "model_load.progress"]
    assert kinds.index("model_load.end") < kinds.index("prompt_processing.end") < kinds.index("message.delta")
    assert [event["progress"] for event in seen if event["type"] == "model_load.progress"][-1] == 1.0
    result = seen[-1]["result"]
    assert "".join(event["content"] for event in seen if event["type"] == "message.delta") == said(result)
    assert stats(result)["model_load_time_seconds"] > 0
    assert stats(result)["tokens_per_second"] > 0
    assert earlier.row["loaded_instances"] == [{"id": KEY, "config": {"context_length": 8192, "parallel": 1}}]


def test_a_chain_survives_a_kill_and_another_server_knows_it(earlier: Earlier, real: httpx.Client) -> None:
    first = earlier.events[-1]["result"]["response_id"]

    assert "Alice" in said(chat(real, "What is my name?", previous_response_id=first))


def read_in_pieces(client: httpx.Client, text: str, **more: Any) -> tuple[bool, str]:
    """Return whether a prompt had more than the 128 new tokens that are read at once, and the id of its reply."""
    body = {"model": KEY, "input": text, "stream": True, "max_output_tokens": 1, **more}
    seen = events(client.post("/api/v1/chat", json=body))
    fractions = [event["progress"] for event in seen if event["type"] == "prompt_processing.progress"]
    return any(0 < fraction < 1 for fraction in fractions), seen[-1]["result"]["response_id"]


def test_a_second_turn_reads_only_what_is_new(short: httpx.Client) -> None:
    chat(short, "Hello", 1)  # the system prompt has been read
    in_pieces, first = read_in_pieces(short, "Remember this list. " + "apples, pears and plums; " * 18)
    assert in_pieces

    assert not read_in_pieces(short, "Thanks.", previous_response_id=first)[0]


@pytest.mark.parametrize("prompt", ["Count from 1 to 1000.", "word " * 3000])
def test_hanging_up_while_it_writes_or_reads_frees_the_engine(real: httpx.Client, prompt: str) -> None:
    chat(real, "Hello", 1)  # the model is in memory
    connection = http.client.HTTPConnection(real.base_url.host, real.base_url.port)
    connection.request("POST", "/api/v1/chat", json.dumps({"model": KEY, "input": prompt, "stream": True}))
    response = connection.getresponse()
    while b"progress" not in response.readline():
        pass
    connection.close()
    response.close()

    before = time.monotonic()
    chat(real, "Hello", 1)

    assert time.monotonic() - before < 10  # reading those words to the end takes 15 s, counting longer


def test_the_limit_of_tokens_is_kept(short: httpx.Client) -> None:
    assert stats(chat(short, "Count from 1 to 100.", 5))["total_output_tokens"] == 5


def test_characters_of_many_bytes_arrive_complete(short: httpx.Client) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"enum": ["👩‍👩‍👧 青い空"]}}}
    body = {"model": KEY, "messages": [{"role": "user", "content": "Hi"}], "response_format": form, "stream": True}

    chunks = events(short.post("/v1/chat/completions", json=body))

    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks) == '"👩‍👩‍👧 青い空"'


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_killing_the_program_while_it_writes_ends_server_and_engine(earlier: Earlier) -> None:
    assert earlier.ended


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_killing_the_program_while_it_loads_ends_server_and_engine(short_model_cache: Path, tmp_path: Path) -> None:
    with program(tmp_path, short_model_cache) as (process, url):
        assert killed_at(process, url, "model_load.progress")
