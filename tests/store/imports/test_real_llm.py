"""A log that `llm` itself wrote: installed from its packages, of an older and a newer version, talking to a server."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lmchat.store.store import open_store
from tests.support.conversation import ticking
from tests.support.documents import RED
from tests.support.program import run

pytestmark = [pytest.mark.engines, pytest.mark.timeout(600)]

MODEL = """
- model_id: tiny
  model_name: tiny
  api_base: http://127.0.0.1:{port}/v1
  api_key_name: none
  can_stream: false
  vision: true
  supports_tools: true
"""


class Handler(BaseHTTPRequestHandler):
    """Answer as OpenAI's API does, with a tool call where there are tools that were not called yet."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        message: dict[str, object] = {"role": "assistant", "content": "Blue."}
        if body.get("tools") and body["messages"][-1]["role"] != "tool":
            function = {"name": body["tools"][0]["function"]["name"], "arguments": "{}"}
            message = {"role": "assistant", "tool_calls": [{"id": "call1", "type": "function", "function": function}]}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
        document = {"id": "c", "object": "chat.completion", "created": 1, "model": "tiny", "choices": [choice]}
        answer = json.dumps(document | {"usage": usage}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("version", [("llm==0.26", "httpx"), ("llm>=0.36",)], ids=["old", "new"])
def test_a_log_of_llm_itself_comes_in(version: tuple[str, ...], port: int, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    program = tmp_path / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
    subprocess.run([program / "pip", "install", "--quiet", *version], check=True)
    (tmp_path / "llm").mkdir()
    (tmp_path / "llm" / "extra-openai-models.yaml").write_text(MODEL.format(port=port))
    (tmp_path / "red.png").write_bytes(RED)

    def llm(*arguments: str) -> None:
        environ = {"LLM_USER_PATH": str(tmp_path / "llm"), "OPENAI_API_KEY": "x", "PATH": ""}
        subprocess.run([program / "llm", "-m", "tiny", *arguments], env=environ, cwd=tmp_path, check=True)

    llm("-s", "Be brief", "空は何色?")
    llm("-c", "And now?", "-a", "red.png")
    llm("-T", "llm_version", "Which version?")
    ran = run(tmp_path / "home", "sessions", "import", str(tmp_path / "llm" / "logs.db"))
    assert (ran.status, "2 sessions imported: 空は何色, which-version" in ran.stderr) == (0, True)
    assert "left out" not in ran.stderr
    with open_store(tmp_path / "home", now=ticking()) as store:
        first, second = store.find("空は何色").path()
        assert (first.system, first.model, first.reply.text) == ("Be brief", "tiny", "Blue.")
        assert (second.prompt.text, [image.width for image in second.prompt.images]) == ("And now?", [4])
        (called,) = store.find("which-version").path()
        (call,) = called.reply.tool_calls
        assert (called.reply.text, call.tool) == ("Blue.", "llm_version")
