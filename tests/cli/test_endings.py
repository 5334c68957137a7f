"""Replies that a limit cut, and contexts that are full: scripts can see it, and a hint says how to go on."""

import json
from pathlib import Path

import pytest

from tests.support.lmstudio import Studio, spoken
from tests.support.program import Ran, run
from tests.support.scripted import ScriptedServer, Steps, stream


def completion(finish: str, made: int = 10) -> Steps:
    """Reply on the route that keeps nothing."""
    said = {"model": "m", "choices": [{"delta": {"content": "Blue and"}, "finish_reason": None}]}
    end = {"model": "m", "choices": [{"delta": {}, "finish_reason": finish}], "usage": {"completion_tokens": made}}
    return stream(*(f"data: {json.dumps(each)}\n\n".encode() for each in (said, end)), b"data: [DONE]\n\n")


def response(status: str, reason: str | None = None, made: int = 10) -> Steps:
    """Reply on the OpenAI-style route that keeps conversations."""
    whole = {
        "id": "resp_1",
        "model": "m",
        "status": status,
        "incomplete_details": {"reason": reason} if reason else None,
        "output": [{"type": "message", "content": [{"type": "output_text", "text": "Blue and"}]}],
        "usage": {"output_tokens": made},
    }
    kind = "response.completed" if status == "completed" else "response.incomplete"
    return stream(f"event: {kind}\ndata: {json.dumps({'type': kind, 'response': whole})}\n\n".encode())


LIMIT = ("--max-output-tokens", "10")
CASES = [
    pytest.param("lmstudio", spoken("Blue and"), LIMIT, "max_tokens", id="lmstudio limit"),
    pytest.param("lmstudio", spoken("Blue and", tokens=990), (), "context", id="lmstudio context"),
    pytest.param("lmstudio", spoken("Blue and", tokens=700), ("--max-output-tokens", "20"), None, id="lmstudio whole"),
    pytest.param("lmstudio", spoken("Blue and", tokens=2000), (), None, id="lmstudio rolling window"),
    pytest.param("completions", completion("length"), LIMIT, "max_tokens", id="completions limit"),
    pytest.param("completions", completion("length", 4), LIMIT, "context", id="completions below the limit"),
    pytest.param("completions", completion("length"), (), "length", id="completions without a limit"),
    pytest.param("completions", completion("content_filter"), (), "content_filter", id="completions filter"),
    pytest.param("completions", completion("stop"), LIMIT, None, id="completions whole"),
    pytest.param("responses", response("incomplete", "max_output_tokens"), LIMIT, "max_tokens", id="responses limit"),
    pytest.param("responses", response("incomplete", "max_output_tokens", 4), LIMIT, "context", id="responses context"),
    pytest.param("responses", response("completed"), LIMIT, "max_tokens", id="responses limit, called complete"),
    pytest.param("responses", response("incomplete"), (), "length", id="responses without a reason"),
    pytest.param("responses", response("incomplete", "content_filter"), (), "content_filter", id="responses filter"),
    pytest.param("responses", response("completed"), (), None, id="responses whole"),
]


def asked(home: Path, api: str, steps: Steps, *arguments: str) -> Ran:
    """Ask one prompt in the session `trip` of a server that speaks `api`."""
    studio = Studio(steps)
    if api != "lmstudio":
        studio.routes["/v1/"] = lambda _: steps
    with studio.server as server:
        model = "acme/big" if api == "lmstudio" else "m"
        return run(home, "--url", server.url, "--api", api, "ask", "-s", "trip", "-m", model, *arguments, "Which?")


@pytest.mark.parametrize(("api", "steps", "options", "reason"), CASES)
def test_a_reply_that_was_cut_is_truncated_for_scripts(
    tmp_path: Path, api: str, steps: Steps, options: tuple[str, ...], reason: str | None
) -> None:
    ran = asked(tmp_path, api, steps, *options, "--json")
    assert ran.status == 0
    document = json.loads(ran.stdout)
    assert document["outcome"] == ("truncated" if reason else "complete")
    assert document["reason"] == reason
    assert document["text"] == "Blue and"


@pytest.mark.parametrize("quiet", [(), ("-q",)])
def test_a_person_is_told_how_to_go_on(tmp_path: Path, quiet: tuple[str, ...]) -> None:
    ran = asked(tmp_path, "lmstudio", spoken("Blue and"), *LIMIT, *quiet)
    assert ran.stdout == "Blue and\n"
    said, hint = "The reply was cut off: the limit of output tokens was reached.", '`lmchat ask -s trip "Go on."`'
    assert ran.stderr == f"{said} {hint} asks for the rest.\n"


def test_a_private_reply_has_no_session_to_go_on_in(tmp_path: Path) -> None:
    studio = Studio(spoken("Blue and"))
    with studio.server as server:
        ran = run(tmp_path, "--url", server.url, "ask", "--private", "-m", "acme/big", *LIMIT, "Which?")
    assert ran.stderr == "The reply was cut off: the limit of output tokens was reached.\n"


def test_a_truncated_reply_is_followed_by_its_id(tmp_path: Path) -> None:
    studio = Studio(spoken("Blue and"), spoken("green."))
    with studio.server as server:
        run(tmp_path, "--url", server.url, "ask", "-s", "trip", "-m", "acme/big", *LIMIT, "Which?")
        ran = run(tmp_path, "--url", server.url, "ask", "-s", "trip", "Go on.")
    assert ran.stderr.count("Sending") == 0
    assert studio.chats[1]["previous_response_id"] == f"resp_{1:048x}"


def test_a_truncated_reply_is_kept_shown_exported_and_imported_as_one(tmp_path: Path) -> None:
    asked(tmp_path, "lmstudio", spoken("Blue and"), *LIMIT)
    why = "truncated: the limit of output tokens was reached"
    assert f"({why})" in run(tmp_path, "sessions", "show", "trip").stdout
    assert "(truncated)" in run(tmp_path, "sessions", "tree", "trip").stdout
    assert why in run(tmp_path, "sessions", "export", "trip").stdout
    file = tmp_path / "trip.json"
    assert run(tmp_path, "sessions", "export", "trip", "-o", str(file)).status == 0
    assert run(tmp_path, "sessions", "import", str(file), "--name", "again").status == 0
    [turn] = json.loads(run(tmp_path, "sessions", "show", "again", "--json").stdout)["turns"]
    assert (turn["outcome"], turn["fault"]) == ("truncated", "max_tokens")


@pytest.mark.parametrize(("tokens", "said"), [(780, False), (800, True), (900, True)])
def test_ask_says_when_the_context_is_nearly_full(tmp_path: Path, tokens: int, said: bool) -> None:
    ran = asked(tmp_path, "lmstudio", spoken("Blue.", tokens=tokens))
    assert ran.stdout == "Blue.\n"
    studio = Studio(spoken("Blue.", tokens=tokens))
    with studio.server as server:
        # The second time, the models are known.
        run(tmp_path, "--url", server.url, "models")
        ran = run(tmp_path, "--url", server.url, "ask", "-m", "acme/big", "Which?")
    assert ("of 1,000 tokens)" in ran.stderr) is said
    assert ("`lmchat models load acme/big --context-length 2000`" in ran.stderr) is said


def test_quiet_hides_what_is_only_about_to_happen(tmp_path: Path) -> None:
    studio = Studio(spoken("Blue.", tokens=900))
    with studio.server as server:
        run(tmp_path, "--url", server.url, "models")
        assert run(tmp_path, "--url", server.url, "ask", "-q", "-m", "acme/big", "Which?").stderr == ""


@pytest.mark.parametrize(("second", "said"), [(60, False), (30, True)])
def test_ask_says_when_the_server_dropped_the_oldest_turns(tmp_path: Path, second: int, said: bool) -> None:
    studio = Studio(spoken("One.", 1, tokens=40), spoken("Two.", 2, tokens=second))
    with studio.server as server:
        run(tmp_path, "--url", server.url, "ask", "-s", "trip", "-m", "acme/big", "One?")
        ran = run(tmp_path, "--url", server.url, "ask", "-c", "Two?")
    assert ("dropped the oldest turns" in ran.stderr) is said


def test_another_branch_is_no_reason_to_say_that_turns_were_dropped(tmp_path: Path) -> None:
    studio = Studio(spoken("One.", 1, tokens=40), spoken("Two.", 2, tokens=60), spoken("Three.", 3, tokens=45))
    with studio.server as server:
        for more in ([], [], ["--at", "1"]):
            ran = run(tmp_path, "--url", server.url, "ask", "-s", "trip", "-m", "acme/big", *more, "So?")
    assert ran.stderr == ""


def test_each_model_is_asked_in_turn_beside_the_others(tmp_path: Path) -> None:
    studio = Studio(spoken("First.", 1), spoken("Big.", 2), spoken("Eyes.", 3))
    with studio.server as server:
        run(tmp_path, "--url", server.url, "ask", "-s", "trip", "-m", "acme/big", "Before")
        ran = run(tmp_path, "--url", server.url, "ask", "-s", "trip", "-m", "acme/big", "-m", "eyes", "Which?")
    assert (ran.status, ran.stdout) == (0, "# acme/big\n\nBig.\n\n# acme/eyes\n\nEyes.\n")
    assert ran.stderr == "'eyes' is acme/eyes here.\n"
    assert [(each["model"], each.get("previous_response_id")) for each in studio.chats[1:]] == [
        ("acme/big", f"resp_{1:048x}"),
        ("acme/eyes", f"resp_{1:048x}"),
    ]
    drawn = json.loads(run(tmp_path, "sessions", "tree", "trip", "--json").stdout)
    assert [(each["parent"], each["head"]) for each in drawn] == [(None, False), (1, False), (1, True)]


def test_each_model_is_asked_in_a_session_of_their_own_where_none_is_named(tmp_path: Path) -> None:
    studio = Studio(spoken("Big.", 1), spoken("Eyes.", 2))
    with studio.server as server:
        ran = run(tmp_path, "--url", server.url, "ask", "-m", "acme/big", "-m", "acme/eyes", "--json", "Which?")
    documents = json.loads(ran.stdout)
    assert [(each["model"], each["text"], each["parent"]) for each in documents] == [
        ("acme/big", "Big.", None),
        ("acme/eyes", "Eyes.", None),
    ]
    assert len({each["session"] for each in documents}) == 1


@pytest.mark.parametrize("form", [(), ("--json",), ("--jsonl",), ("-q",)])
def test_a_model_that_fails_keeps_no_other_from_being_asked(tmp_path: Path, form: tuple[str, ...]) -> None:
    refusal = b'{"error":{"message":"No.","type":"invalid_request"}}'
    refused = [b"HTTP/1.1 400 x\r\nContent-Length: %d\r\n\r\n%s" % (len(refusal), refusal)]
    studio = Studio(refused, spoken("Eyes.", 1))
    with studio.server as server:
        ran = run(tmp_path, "--url", server.url, "ask", *form, "-m", "acme/big", "-m", "acme/eyes", "Which?")
    assert ran.status == 4
    assert "Eyes." in ran.stdout
    if form == ("--json",):
        failed, worked = json.loads(ran.stdout)
        assert (failed["model"], failed["error"]["exit_code"], worked["text"]) == ("acme/big", 4, "Eyes.")
    elif form == ("--jsonl",):
        lines = [json.loads(line) for line in ran.stdout.splitlines()]
        assert [line["type"] for line in lines if line["type"].startswith("lmchat.")] == ["lmchat.error", "lmchat.turn"]
    else:
        assert "No." in ran.stderr


def test_a_part_of_several_models_asks_none(tmp_path: Path) -> None:
    studio = Studio()
    with studio.server as server:
        ran = run(tmp_path, "--url", server.url, "ask", "-m", "acme/big", "-m", "acme/", "Which?")
    assert (ran.status, studio.chats) == (6, [])


def test_a_talk_has_one_model(tmp_path: Path) -> None:
    with ScriptedServer(stream()) as server:
        ran = run(tmp_path, "--url", server.url, "talk", "-m", "a", "-m", "b")
    assert ran.status == 2
    assert "lmchat ask -m KEY -m KEY" in ran.stderr
