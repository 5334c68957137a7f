"""The server in front of an upstream server, which is recorded replies of llama-server and bytes by hand."""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from lmchat.app.connect import connection_to
from lmchat.app.invocation import Invocation, settings_of
from lmchat.app.local import as_upstream, passing_on
from lmchat.chat.exchange import ChatRequest, Finished
from lmchat.chat.values import Options, Prompt
from lmchat.local.history import History
from lmchat.local.server import ServerState, Worker, application
from lmchat.local.upstream import upstream_routes
from lmchat.wire.address import Address
from lmchat.wire.client import Client
from lmchat.wire.dialects import COMPLETIONS, Route
from tests.local.conftest import Switch
from tests.support.program import run
from tests.support.scripted import HOLD, Answer, ScriptedServer, answer, stream
from tests.support.worlds import world_at

SAMPLES = Path(__file__).parents[1] / "wire" / "samples"
MODEL = "/models/qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"
DONE = b"data: [DONE]\n\n"
PICTURE = "data:image/png;base64,iVBORw0KGgo="

InFront = Callable[..., "Front"]


def recorded(name: str) -> list[bytes]:
    head, _, body = (SAMPLES / f"{name}.http").read_bytes().replace(b"\r\n", b"\n").partition(b"\n\n")
    status = int(head.split()[1])
    kind = re.search(rb"content-type: *(\S+)", head, re.IGNORECASE)
    return list(answer(status, body, kind[1].decode() if kind else "application/json"))  # type: ignore[arg-type]


def chunk(text: str, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return b"data: %s\n\n" % json.dumps({"model": "big", "choices": [choice]}, ensure_ascii=False).encode()


def said(text: str) -> Answer:
    return stream(chunk(text), chunk("", "stop"), DONE)


class Front:
    """The server under test, and its upstream server."""

    def __init__(self, http: httpx.Client, behind: ScriptedServer) -> None:
        self.http = http
        self.behind = behind

    def chat(self, text: object = "Hello", **more: object) -> httpx.Response:
        return self.http.post("/api/v1/chat", json={"model": "big", "input": text, **more})

    def events(self, text: str = "Hello", **more: object) -> list[dict[str, Any]]:
        lines = self.chat(text, stream=True, **more).text.split("\n")
        return [json.loads(line[6:]) for line in lines if line.startswith("data: ")]

    def sent(self) -> list[tuple[str, Any]]:
        return [(each["role"], each["content"]) for each in self.behind.requests[-1].json["messages"]]


@pytest.fixture
def in_front(tmp_path: Path, switch: tuple[Switch, str], http: httpx.Client) -> Iterator[InFront]:
    servers: list[ScriptedServer] = []

    def begin(*answers: Answer, token: str = "") -> Front:
        behind = ScriptedServer(*answers).__enter__()
        servers.append(behind)
        asking = Client(Address(behind.url, token=token), route=Route(COMPLETIONS, keeps=False))
        upstream, worker = as_upstream(asking), Worker(at_once=True)
        state = ServerState(upstream, History(tmp_path / "local.db"), worker)
        switch[0].app = application(state, upstream_routes(upstream, worker))
        return Front(http, behind)

    yield begin
    for server in servers:
        server.__exit__(None, None, None)


def test_a_real_engines_reply_becomes_the_native_events(in_front: InFront) -> None:
    events = in_front(recorded("chat_stream_usage")).events()

    kinds = [event["type"] for event in events]
    assert kinds[:2] == ["chat.start", "message.start"]
    assert kinds[-2:] == ["message.end", "chat.end"]
    result = events[-1]["result"]
    assert result["model_instance_id"] == MODEL
    assert (
        "".join(event["content"] for event in events if event["type"] == "message.delta")
        == (result["output"][0]["content"])
    )
    assert (result["stats"]["input_tokens"], result["stats"]["total_output_tokens"]) == (32, 10)
    assert re.fullmatch("resp_[0-9a-f]{48}", result["response_id"])


def test_progress_of_a_long_prompt_comes_through(in_front: InFront) -> None:
    events = in_front(recorded("chat_stream_progress")).events()

    kinds = [event["type"] for event in events]
    fractions = [event["progress"] for event in events if event["type"] == "prompt_processing.progress"]
    assert kinds[0] == "chat.start"
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert kinds.index("prompt_processing.end") < kinds.index("message.start")


def test_a_chain_is_kept_here_and_sent_whole(in_front: InFront) -> None:
    front = in_front(said("青ですね"), said("青"))
    first = front.chat("私の好きな色は青です", system_prompt="Be brief.").json()["response_id"]

    second = front.chat("先ほど私が話していた色は?", previous_response_id=first).json()

    assert second["output"] == [{"type": "message", "content": "青"}]
    assert front.sent() == [
        ("system", "Be brief."),
        ("user", "私の好きな色は青です"),
        ("assistant", "青ですね"),
        ("user", "先ほど私が話していた色は?"),
    ]


def test_branches_are_apart(in_front: InFront) -> None:
    front = in_front(said("ok"))
    first = front.chat("One").json()["response_id"]
    front.chat("Two", previous_response_id=first)

    front.chat("Other", previous_response_id=first)

    assert front.sent() == [("user", "One"), ("assistant", "ok"), ("user", "Other")]


def test_both_stateful_routes_have_one_store(in_front: InFront) -> None:
    front = in_front(said("ok"))
    first = front.http.post("/v1/responses", json={"model": "big", "input": "One"}).json()["id"]
    second = front.chat("Two", previous_response_id=first).json()["response_id"]

    third = front.http.post("/v1/responses", json={"model": "big", "input": "Three", "previous_response_id": second})

    assert third.json()["previous_response_id"] == second
    assert [text for _, text in front.sent()] == ["One", "ok", "Two", "ok", "Three"]


def test_an_unknown_id_is_refused_without_asking(in_front: InFront) -> None:
    front = in_front(said("ok"))

    assert front.chat(previous_response_id="resp_none").json()["error"]["param"] == "previous_response_id"
    assert not front.behind.requests


def test_options_go_by_the_names_of_the_server_behind(in_front: InFront) -> None:
    front = in_front(said("ok"))

    front.chat(temperature=0.5, max_output_tokens=9, reasoning="low", top_k=3)

    asked = front.behind.requests[-1].json
    assert (asked["temperature"], asked["max_tokens"], asked["reasoning_effort"], asked["top_k"]) == (0.5, 9, "low", 3)


def test_pictures_go_along_also_those_of_earlier_turns(in_front: InFront) -> None:
    front = in_front(said("A dot."))
    items = [{"type": "text", "content": "What is this?"}, {"type": "image", "data_url": PICTURE}]
    first = front.chat(items).json()["response_id"]

    front.chat("Sure?", previous_response_id=first)

    assert front.sent()[0] == (
        "user",
        [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": PICTURE}}],
    )


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning"])
def test_reasoning_in_either_spelling_is_reasoning(in_front: InFront, key: str) -> None:
    thought = {"model": "big", "choices": [{"index": 0, "delta": {key: "Hm"}}]}
    front = in_front(stream(b"data: %s\n\n" % json.dumps(thought).encode(), chunk("Yes"), chunk("", "stop"), DONE))

    assert [item["type"] for item in front.chat().json()["output"]] == ["reasoning", "message"]


def test_thinking_inside_the_text_is_reasoning(in_front: InFront) -> None:
    front = in_front(said("<think>Hm</think>\n\nYes"))

    assert front.chat().json()["output"] == [
        {"type": "reasoning", "content": "Hm"},
        {"type": "message", "content": "Yes"},
    ]


def test_its_token_is_the_one_that_is_sent_and_never_shown(in_front: InFront) -> None:
    front = in_front(recorded("key_wrong_chat"), token="sk-secret-of-upstream")

    answer_ = front.http.post(
        "/api/v1/chat", json={"model": "big", "input": "Hi"}, headers={"Authorization": "Bearer mine"}
    )

    assert front.behind.requests[-1].headers["authorization"] == "Bearer sk-secret-of-upstream"
    assert answer_.status_code == 502
    assert "sk-secret" not in answer_.text


@pytest.mark.parametrize(
    ("behind", "status", "code"),
    [
        (recorded("chat_overflow"), 500, "unknown"),
        (recorded("chat_overflow_stream"), 500, "unknown"),
        (answer(404, '{"error":{"message":"The model `x` does not exist.","type":"NotFoundError","code":404}}'), 404,
         "model_not_found"),
        (answer(400, '{"error":{"message":"bad top_k","type":"BadRequestError","code":400}}'), 400, "400"),
        (answer(502, "<html>Bad Gateway</html>", "text/html"), 502, None),
        ([], 502, None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("streamed", [True, False])
def test_a_refusal_comes_before_anything_is_begun(
    in_front: InFront, behind: Answer, status: int, code: str | None, streamed: bool
) -> None:
    answer_ = in_front(behind).chat(stream=streamed)

    assert (answer_.status_code, answer_.json()["error"]["code"]) == (status, code)


def test_a_server_that_is_not_there_is_said(in_front: InFront) -> None:
    front = in_front(said("ok"))
    front.behind.__exit__(None, None, None)

    assert front.chat().status_code == 502
    assert front.http.get("/api/v1/models").status_code == 502
    assert front.http.get("/v1/models").status_code == 502


@pytest.mark.parametrize("end", [b'data: {"error":{"message":"boom","code":500}}\n\n', b""])
def test_a_reply_that_breaks_off_keeps_what_came_and_cannot_be_followed(in_front: InFront, end: bytes) -> None:
    events = in_front(stream(chunk("Hel"), end, end=bool(end))).events()

    assert [event["type"] for event in events[-3:]] == ["message.end", "error", "chat.end"]
    assert events[-1]["result"]["output"] == [{"type": "message", "content": "Hel"}]
    assert "response_id" not in events[-1]["result"]


def test_a_chain_that_outgrows_the_window_is_cut_at_the_front(in_front: InFront) -> None:
    def only_short(request: Any) -> Any:
        return said("ok") if len(request.json["messages"]) < 10 else recorded("chat_overflow")

    front = in_front(only_short)
    follows = front.chat("0", system_prompt="Be brief.").json()["response_id"]
    for number in range(1, 9):
        answer_ = front.chat(str(number), previous_response_id=follows)
        assert answer_.status_code == 200
        follows = answer_.json()["response_id"]

    assert front.sent()[0] == ("system", "Be brief.")
    assert front.sent()[-1] == ("user", "8")
    refused = [each for each in front.behind.requests if len(each.json["messages"]) >= 10]
    assert len(refused) <= 3  # the turns after a cut begin where it was


@contextmanager
def hung_up_early(front: Front, path: str, body: dict[str, Any]) -> Iterator[None]:
    with front.http.stream("POST", path, json=body | {"stream": True}) as streamed:
        next(streamed.iter_lines())
        yield


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/chat", {"model": "big", "input": "Talk"}),
        ("/v1/responses", {"model": "big", "input": "Talk"}),
        ("/v1/chat/completions", {"model": "big", "messages": [{"role": "user", "content": "Talk"}]}),
    ],
)
def test_hanging_up_here_hangs_up_there(in_front: InFront, path: str, body: dict[str, Any]) -> None:
    front = in_front(stream(chunk("Hel"), HOLD))

    with hung_up_early(front, path, body):
        pass

    assert front.behind.hung_up.wait(20)


def test_several_are_answered_at_once(in_front: InFront) -> None:
    both = threading.Barrier(2, timeout=20)

    def waiting(_request: Any) -> Any:
        both.wait()
        return said("ok")

    front = in_front(waiting)
    answers: list[int] = []
    threads = [threading.Thread(target=lambda: answers.append(front.chat().status_code)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [200, 200]


def test_its_models_are_listed_as_lm_studio_lists_them(in_front: InFront) -> None:
    front = in_front(recorded("models"))

    (row,) = front.http.get("/api/v1/models").json()["models"]

    assert (row["type"], row["key"]) == ("llm", MODEL)
    assert row["loaded_instances"] == [{"id": MODEL, "config": {"context_length": 4096}}]


def test_its_own_routes_are_passed_on_unchanged(in_front: InFront) -> None:
    called = b'data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"1"}]},"finish_reason":null}]}\n\n'
    front = in_front(recorded("models"), stream(called, DONE), recorded("chat_overflow"))
    tools = {"model": "x", "messages": [{"role": "user", "content": "Hi"}], "tools": [{"type": "function"}]}

    models = front.http.get("/v1/models?limit=3")
    streamed = front.http.post("/v1/chat/completions", json=tools)
    refused = front.http.post("/v1/embeddings", json={"input": "x"})

    assert models.json()["data"][0]["meta"]["n_ctx"] == 4096
    assert [each.path for each in front.behind.requests] == [
        "/v1/models?limit=3",
        "/v1/chat/completions",
        "/v1/embeddings",
    ]
    assert front.behind.requests[1].json == tools
    assert streamed.headers["content-type"] == "text/event-stream"
    assert streamed.content == called + DONE
    assert (refused.status_code, refused.json()["error"]["type"]) == (400, "exceed_context_size_error")


def test_a_stream_that_breaks_there_says_so_here(in_front: InFront) -> None:
    front = in_front(stream(chunk("Hel"), end=False))

    text = front.http.post("/v1/chat/completions", json={"messages": []}).text

    assert text.split("\n\n")[-2].startswith("event: error\ndata: ")


def test_loading_is_for_the_program_behind(in_front: InFront) -> None:
    answer_ = in_front(said("ok")).http.post("/api/v1/models/load", json={"model": "big"})

    assert (answer_.status_code, answer_.json()["error"]["type"]) == (501, "not_implemented")


def test_lmchat_talks_through_it_by_ids(tmp_path: Path) -> None:
    def either(request: Any) -> Any:
        return recorded("models") if request.method == "GET" else said(f"{len(request.json['messages'])} messages")

    with ScriptedServer(either) as behind:
        serving = subprocess.Popen(
            [sys.executable, "-m", "lmchat", "serve", "--port", "0", "--upstream", behind.url],
            stderr=subprocess.PIPE,
            text=True,
            env={"LMCHAT_HOME": str(tmp_path / "serving"), "PATH": ""},
            cwd=Path(__file__).parents[2],
        )
        assert serving.stderr is not None
        try:
            line = serving.stderr.readline()
            url = line.split()[3].rstrip(",")
            assert f"in front of {behind.url}" in line
            first = run(tmp_path, "--url", url, "ask", "-s", "x", "One")
            second = run(tmp_path, "--url", url, "ask", "-s", "x", "--json", "Two")
        finally:
            serving.terminate()
            assert serving.wait(20) is not None
            serving.stderr.close()

    assert (first.stdout, first.stderr) == ("1 messages\n", "")
    document = json.loads(second.stdout)
    assert document["text"] == "3 messages"
    assert document["unsent_turns"] == 0


def test_a_token_of_a_variable_that_is_not_set_is_said(tmp_path: Path) -> None:
    ran = run(tmp_path, "serve", "--port", "0", "--upstream", "http://127.0.0.1:9", "--upstream-token-env", "NOWHERE")

    assert (ran.status, "NOWHERE is not set" in ran.stderr) == (2, True)


def test_which_program_is_behind_is_asked_where_options_have_other_names(tmp_path: Path) -> None:
    models = answer(200, b'{"object":"list","data":[{"id":"big","owned_by":"vllm","max_model_len":4096}]}')
    with ScriptedServer(models, said("Hi.")) as behind:
        here = Invocation(world_at(tmp_path))
        client = passing_on(connection_to(here, settings_of(here), behind.url, remember=False).client)
        request = ChatRequest("big", Prompt("Hello"), options=Options(repeat_penalty=1.1))
        assert isinstance(list(client.chat(request))[-1], Finished)
        assert json.loads(behind.requests[-1].body)["repetition_penalty"] == 1.1
