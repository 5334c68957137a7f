"""Which API a server has is found out once, remembered for a day, and decided by the settings where they say it."""

from pathlib import Path

from tests.cli.program import run
from tests.wire.scripted import ScriptedServer, answer
from tests.wire.test_dialects import GREAT, NO_ROUTE, recorded

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
