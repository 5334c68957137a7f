"""Which server is talked to, and what is remembered of it.

Where none is named, those on this machine's usual ports are looked at, and taken before the built-in model.
"""

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from lmchat.app.connect import known_models, known_route, remember_models, remember_route
from lmchat.chat.models import Model
from lmchat.dataclass import replace
from lmchat.settings import keys
from lmchat.wire.dialects import Finding
from tests.support.answers import GREAT, LITELLM, NO_ROUTE, NOT_FOUND, by_path, models, recorded
from tests.support.program import MODELS as NATIVE_MODELS
from tests.support.program import Ran, reply, run
from tests.support.scripted import HOLD, Request, ScriptedServer, Steps, answer, stream
from tests.support.worlds import world_in

GREETED = answer(200, '{"lmstudio":true}')
LLAMA = by_path(v1_models=recorded("models"), v1_chat_completions=recorded("chat_stream_usage"))
HELLO = "Hello! How can I assist you today?\n"


@pytest.fixture(autouse=True)
def lm_studio(monkeypatch: pytest.MonkeyPatch) -> int:
    """Take the place of LM Studio's own port: nothing answers there unless a test lets it."""
    with ScriptedServer([]) as closed:
        port = closed.port
    monkeypatch.setitem(keys.BY_NAME, "url", replace(keys.BY_NAME["url"], default=f"http://localhost:{port}"))
    return port


def looked(home: Path, *arguments: str, ports: object, **environ: str) -> Ran:
    return run(home, *arguments, environ={"LMCHAT_USUAL_PORTS": str(ports), **environ})


def test_what_answers_on_a_usual_port_is_taken_and_named_in_one_line(tmp_path: Path) -> None:
    with ScriptedServer(LLAMA) as server:
        ran = looked(tmp_path, "ask", "hi", ports=server.port)
    first, *rest = ran.stderr.splitlines()
    assert (ran.status, ran.stdout) == (0, HELLO)
    assert f"talking to llama-server, found at http://127.0.0.1:{server.port}." in first
    assert f"--url http://127.0.0.1:{server.port}" in first
    assert rest == []


def test_the_first_in_the_order_of_the_ports_is_taken_that_has_a_model(tmp_path: Path) -> None:
    empty = by_path(v1_models=answer(200, '{"object":"list","data":null}'))
    web = answer(200, "<html></html>", "text/html")
    with ExitStack() as stack:
        others = [stack.enter_context(ScriptedServer(each)) for each in (web, empty, [b"SSH-2.0-x\r\n"], [HOLD])]
        server = stack.enter_context(ScriptedServer(LLAMA))
        last = stack.enter_context(ScriptedServer(LLAMA))
        ports = ", ".join(str(each.port) for each in (*others, server, last))
        ran = looked(tmp_path, "ask", "hi", ports=ports)
    assert ran.stdout == HELLO
    assert "/v1/chat/completions" in {each.path for each in server.requests}


def test_a_server_that_is_loading_its_model_is_waited_for(tmp_path: Path) -> None:
    loading = recorded("loading_503")

    def served(request: Request) -> Steps:
        return loading if len(server.requests) < 3 else LLAMA(request)

    with ScriptedServer(served) as server:
        ran = looked(tmp_path, "ask", "-m", "m", "hi", ports=server.port)
    assert ran.stdout == HELLO


def test_no_token_goes_to_a_server_that_was_not_named(tmp_path: Path) -> None:
    with ScriptedServer(LLAMA) as server:
        ran = looked(tmp_path, "ask", "hi", ports=server.port, LM_API_TOKEN="sk-lm-secret")
        assert ran.stdout == HELLO
        assert "LM_API_TOKEN is not sent there." in ran.stderr
        assert all("authorization" not in each.headers for each in server.requests)
        run(tmp_path, "--url", server.url, "ask", "hi", environ={"LM_API_TOKEN": "sk-lm-secret"})
        assert server.requests[-1].headers["authorization"] == "Bearer sk-lm-secret"


def test_nothing_is_looked_for_where_lm_studio_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer(LLAMA) as other, ScriptedServer(GREETED, stream(reply())) as studio:
        monkeypatch.setitem(keys.BY_NAME, "url", replace(keys.BY_NAME["url"], default=studio.url))
        ran = looked(tmp_path, "ask", "-m", "tiny", "hi", ports=other.port)
    assert (ran.stdout, ran.stderr) == ("Blue.\n", "")
    assert other.requests == []


@pytest.mark.parametrize("named", ["flag", "variable", "file", "profile"])
def test_nothing_is_looked_for_where_a_server_is_named(tmp_path: Path, named: str) -> None:
    with ScriptedServer(LLAMA) as other, ScriptedServer(stream(reply())) as studio:
        url, arguments, environ = studio.url, ["ask", "-m", "tiny", "hi"], {}
        match named:
            case "flag":
                arguments = ["--url", url, *arguments]
            case "variable":
                environ["LMCHAT_URL"] = url
            case "file":
                (tmp_path / "settings.toml").write_text(f'url = "{url}"\n')
            case _:
                (tmp_path / "settings.toml").write_text(f'[profile.a]\nurl = "{url}"\n')
                arguments = ["--profile", "a", *arguments]
        ran = looked(tmp_path, *arguments, ports=other.port, **environ)
    assert (ran.stdout, other.requests) == ("Blue.\n", [])


def test_an_api_that_is_named_is_spoken_to_what_is_found(tmp_path: Path) -> None:
    served = by_path(v1_models=recorded("models"), v1_responses=recorded("responses_stream"))
    with ScriptedServer(served) as server:
        ran = looked(tmp_path, "--api", "responses", "ask", "-m", "m", "hi", ports=server.port)
    assert ran.stdout == HELLO


def test_off_looks_nowhere_and_a_wrong_list_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lmchat.local.run.available", lambda: False)
    assert looked(tmp_path, "ask", "-m", "m", "hi", ports="off").status == 3
    assert looked(tmp_path, "ask", "-m", "m", "hi", ports="80,,90").status == 2


def test_looking_at_silent_ports_takes_no_longer_than_a_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lmchat.local.run.available", lambda: False)

    def seconds(ports: str) -> float:
        begun = time.monotonic()
        assert looked(tmp_path, "ask", "-m", "m", "hi", ports=ports).status == 3
        return time.monotonic() - begun

    with ExitStack() as stack:
        silent = [stack.enter_context(ScriptedServer([HOLD])) for _ in range(8)]
        without = min(seconds("off") for _ in range(3))
        took = min(seconds(", ".join(str(each.port) for each in silent)) for _ in range(3))
    assert took - without < 1.0  # one after another they would take 1.6 s


# lmchat servers


SETTINGS = '[profile.work]\nurl = "{0}"\ntoken_env = "WORK_KEY"\n[profile.away]\nurl = "http://127.0.0.1:9"\n'


def listed(home: Path, *arguments: str, **environ: str) -> list[dict[str, object]]:
    ran = run(home, *arguments, "servers", "--json", environ=environ)
    assert ran.status == 0, ran.stderr
    rows: list[dict[str, object]] = json.loads(ran.stdout)
    return rows


def test_what_is_named_what_is_found_and_what_is_built_in_are_listed(tmp_path: Path) -> None:
    def guarded(request: Request) -> Steps:
        known = request.headers.get("authorization") == "Bearer k"
        return LITELLM(request) if known else recorded("key_none_chat")

    with ScriptedServer(LLAMA) as found, ScriptedServer(NOT_FOUND) as web, ScriptedServer(guarded) as work:
        (tmp_path / "settings.toml").write_text(SETTINGS.format(work.url))
        ports = f"{web.port}, {found.port}"
        rows = listed(tmp_path, LMCHAT_USUAL_PORTS=ports, WORK_KEY="k", LM_API_TOKEN="general")
        tokens = {each.headers.get("authorization") for each in work.requests}
    about = [(row["source"], row["state"], row["program"], row["api"], row["used"]) for row in rows]
    assert about[:-1] == [
        ("LM Studio's own", "no answer", None, None, False),
        ("profile 'work'", "ready", "LiteLLM", "completions", False),
        ("profile 'away'", "no answer", None, None, False),
        ("found on this machine", "ready", "llama-server", "completions", True),
    ]
    assert rows[-1]["url"] == "local"
    assert rows[3]["keeps_conversations"] is False
    assert tokens == {None, "Bearer k"}
    assert [each.headers.get("authorization") for each in found.requests] == [None] * len(found.requests)


def test_a_server_that_is_named_is_the_one_in_use(tmp_path: Path) -> None:
    with ScriptedServer(by_path(api_v1_models=answer(200, NATIVE_MODELS))) as studio:
        first, *rest = listed(tmp_path, "--url", studio.url, LMCHAT_USUAL_PORTS=str(studio.port))
    assert (first["source"], first["api"], first["used"]) == ("--url", "lmstudio", True)
    assert [row["url"] for row in rest] == ["local"]  # the usual port is the same server


def test_the_table_says_who_keeps_the_conversation(tmp_path: Path) -> None:
    with ScriptedServer(by_path(v1_models=models("sglang"))) as server:
        ran = run(tmp_path, "--url", server.url, "servers", environ={"LMCHAT_USUAL_PORTS": "off"})
    head, row, *_ = ran.stdout.splitlines()
    assert head.split()[:2] == ["SERVER", "FROM"]
    assert "SGLang" in row
    assert "sent each time" in row


def test_a_token_that_cannot_be_read_is_said_and_the_others_are_listed(tmp_path: Path) -> None:
    with ScriptedServer(recorded("key_none_chat")) as work:
        (tmp_path / "settings.toml").write_text(SETTINGS.format(work.url))
        ran = run(tmp_path, "servers", "--json", environ={"LMCHAT_USUAL_PORTS": "off"})
    rows = json.loads(ran.stdout)
    assert "WORK_KEY" in rows[1]["problem"]
    assert "WORK_KEY" in ran.stderr
    assert len(rows) == 4


SERVER = "http://localhost:1234"


def test_programs_that_write_at_once_leave_a_whole_list_and_nothing_else(tmp_path: Path) -> None:
    world = world_in(tmp_path)
    lists = [[Model(f"{name}-{number}", "llm") for number in range(20 * (name + 1))] for name in range(4)]

    def work(models: list[Model]) -> set[int]:
        read = set()
        for _ in range(100):
            remember_models(world, SERVER, models)
            read.add(len(known_models(world, [SERVER])))
        return read

    with ThreadPoolExecutor(4) as pool:
        lengths = set().union(*pool.map(work, lists))
    assert lengths <= {20, 40, 60, 80}
    assert len(list(tmp_path.iterdir())) == 1


DAMAGED: list[bytes] = [
    b"", b"\xff", b"[]", b"null", b'{"at":1,"models":[]}', b"[" * 50_000, b'{"at":"2026-04-01T00:00:00","models":[]}',
    b'{"at":"2026-04-01T00:00:00+00:00","models":7}', b'{"at":"2026-04-01T00:00:00+00:00","models":"ab"}',
    b'{"at":"2026-04-01T00:00:00+00:00","models":[7,null,[],{}]}', b'{"at":"9999-12-31T23:59:59+00:00","models":{}}',
    b'{"at":"2026-04-01T00:00:00+00:00","api":[],"keeps":{}}', b"9" * 5000, b"{" * 2_000_000,
]  # fmt: skip


@pytest.mark.parametrize("content", DAMAGED, ids=lambda content: repr(content[:40]))
def test_a_cache_that_makes_no_sense_is_none(tmp_path: Path, content: bytes) -> None:
    world = world_in(tmp_path)
    remember_models(world, SERVER, [Model("a", "llm")])
    remember_route(world, SERVER, Finding("completions", keeps=False))
    for path in tmp_path.rglob("*.json"):
        path.write_bytes(content)
    assert known_models(world, [SERVER]) == []
    assert known_route(world, SERVER) is None


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
@pytest.mark.timeout(20)
def test_a_cache_that_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    world = world_in(tmp_path)
    remember_models(world, SERVER, [Model("a", "llm")])
    for path in tmp_path.rglob("*.json"):
        path.unlink()
        os.mkfifo(path)
    assert known_models(world, [SERVER]) == []


MODELS = answer(200, GREAT % "sglang")
REPLY = recorded("chat_stream_usage")


def test_the_second_program_asks_at_once_in_the_api_that_the_first_found(tmp_path: Path) -> None:
    with ScriptedServer(NO_ROUTE, NO_ROUTE, MODELS, REPLY) as server:
        for _ in range(2):
            run(tmp_path, "--url", server.url, "ask", "-m", "m", "hi")
    assert [each.path for each in server.requests] == [
        "/api/v1/chat",
        "/api/v1/models",
        "/v1/models",
        "/v1/chat/completions",
        "/v1/chat/completions",
    ]


def test_a_private_question_leaves_no_trace_of_what_was_found(tmp_path: Path) -> None:
    with ScriptedServer(NO_ROUTE, NO_ROUTE, MODELS, REPLY) as server:
        run(tmp_path, "--url", server.url, "ask", "--private", "-m", "m", "hi")
    assert not list(tmp_path.rglob("api-*"))


def test_an_api_that_is_named_is_used_without_a_question(tmp_path: Path) -> None:
    with ScriptedServer(recorded("responses_stream")) as server:
        ran = run(tmp_path, "--url", server.url, "--api", "responses", "ask", "-m", "m", "hi")
    assert [each.path for each in server.requests] == ["/v1/responses"]
    assert "Hello! How can I assist you today?" in ran.stdout
    assert "The server answered with" in ran.stderr


def test_a_reply_that_a_limit_cut_says_so(tmp_path: Path) -> None:
    with ScriptedServer(recorded("chat_stream_length")) as server:
        ran = run(tmp_path, "--url", server.url, "--api", "completions", "ask", "-m", "m", "hi")
    assert "The reply was cut off: a limit of the server" in ran.stderr
