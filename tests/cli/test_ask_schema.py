"""`lmchat ask --schema`: where it goes, and what is said of a reply that does not fit."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.program import MODELS, Ran, reply, run
from tests.support.scripted import Request, ScriptedServer, Steps, answer, stream

SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
FITS = '{"name": "京都"}'


def chunk(text: str, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return b"data: %s\n\n" % json.dumps({"model": "tiny", "choices": [choice]}).encode()


def lm_studio(said: str, finish: str = "stop") -> Callable[[Request], Steps]:
    """Answer as LM Studio would on each of its routes."""

    def answered(request: Request) -> Steps:
        match request.path:
            case "/api/v1/models":
                return answer(200, MODELS)
            case "/api/v1/chat":
                return stream(reply())
            case "/v1/responses":
                response = {
                    "id": "resp_1",
                    "model": "tiny",
                    "previous_response_id": None,
                    "output": [{"type": "message", "content": [{"type": "output_text", "text": said}]}],
                }
                return stream(
                    b"data: %s\n\n" % json.dumps({"type": "response.completed", "response": response}).encode()
                )
            case "/v1/chat/completions":
                return stream(chunk(said), chunk("", finish), b"data: [DONE]\n\n")
            case other:
                raise AssertionError(other)

    return answered


def ask(home: Path, server: ScriptedServer, *arguments: str, before: tuple[str, ...] = ()) -> Ran:
    schema = ("--schema", json.dumps(SCHEMA)) if "--schema" not in arguments else ()
    return run(home, "--url", server.url, *before, "ask", *schema, *arguments, "A city")


def test_the_route_that_can_is_taken_and_the_answer_is_the_json(tmp_path: Path) -> None:
    with ScriptedServer(lm_studio(FITS)) as server:
        ran = ask(tmp_path, server)

        assert (ran.status, ran.stdout) == (0, f"{FITS}\n")
        sent = server.requests[-1]
    assert sent.path == "/v1/chat/completions"
    assert sent.json["model"] == "tiny"
    assert sent.json["response_format"] == {"type": "json_schema", "json_schema": {"name": "reply", "schema": SCHEMA}}


def test_a_schema_may_be_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "city.json").write_text(json.dumps(SCHEMA))
    with ScriptedServer(lm_studio(FITS)) as server:
        assert ask(tmp_path, server, "--schema", str(tmp_path / "city.json")).status == 0
        assert server.requests[-1].json["response_format"]["json_schema"]["schema"] == SCHEMA


@pytest.mark.parametrize(
    ("said", "words"), [('{"name": 5}', "name: 5 is not of type 'string'"), ("Kyoto", "The reply is not JSON")]
)
@pytest.mark.parametrize("quiet", [(), ("--quiet",)])
def test_a_reply_that_does_not_fit_is_shown_and_said_to_be_so(
    tmp_path: Path, said: str, words: str, quiet: tuple[str, ...]
) -> None:
    with ScriptedServer(lm_studio(said)) as server:
        ran = ask(tmp_path, server, *quiet)

    assert (ran.status, ran.stdout) == (8, f"{said}\n")
    assert words in ran.stderr
    assert "hint: " in ran.stderr


def test_as_json_there_is_one_document_all_the_same(tmp_path: Path) -> None:
    with ScriptedServer(lm_studio("Kyoto")) as server:
        ran = ask(tmp_path, server, "--json")

    assert (ran.status, json.loads(ran.stdout)["text"]) == (8, "Kyoto")


def test_a_file_gets_the_reply_all_the_same(tmp_path: Path) -> None:
    with ScriptedServer(lm_studio("Kyoto")) as server:
        ran = ask(tmp_path, server, "-o", str(tmp_path / "city"))

    assert (ran.status, (tmp_path / "city").read_text()) == (8, "Kyoto\n")


def test_the_native_route_by_choice_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    with ScriptedServer(lm_studio(FITS)) as server:
        ran = ask(tmp_path, server, "-m", "tiny", before=("--api", "lmstudio"))

        assert ran.status == 2
        assert "LM Studio's own API cannot bind a reply to a schema" in ran.stderr
        assert "--api completions" in ran.stderr
        assert server.requests == []


def test_responses_by_choice_take_it_in_their_own_way(tmp_path: Path) -> None:
    with ScriptedServer(lm_studio(FITS)) as server:
        assert ask(tmp_path, server, "-m", "tiny", before=("--api", "responses")).status == 0
        sent = server.requests[-1]

    assert sent.path == "/v1/responses"
    assert sent.json["text"]["format"] == {"type": "json_schema", "name": "reply", "schema": SCHEMA}


def test_such_a_turn_is_part_of_its_session_before_and_after(tmp_path: Path) -> None:
    with ScriptedServer(lm_studio(FITS)) as server:
        url = ("--url", server.url, "ask", "-m", "tiny", "-s", "x")
        run(tmp_path, *url, "Which colour?")
        run(tmp_path, *url, "--schema", json.dumps(SCHEMA), "A city")
        sent = server.requests[-1].json["messages"]
        run(tmp_path, *url, "And now?")
        native = server.requests[-1]

    assert [each["content"] for each in sent] == ["Which colour?", "Blue.", "A city"]
    assert native.path == "/api/v1/chat"
    assert native.json["previous_response_id"] == f"resp_{'1' * 48}"
    assert "京都" in native.json["input"]


@pytest.mark.parametrize("given", ['{"type": "thing"}', "nowhere.json", "{"])
def test_what_is_no_schema_is_bad_use_and_nothing_is_sent(tmp_path: Path, given: str) -> None:
    with ScriptedServer(lm_studio(FITS)) as server:
        assert ask(tmp_path, server, "--schema", given).status == 2
        assert server.requests == []
