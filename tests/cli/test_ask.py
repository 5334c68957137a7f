"""`lmchat ask` as scripts and people run it, against a server that plays bytes."""

import json
import os
import signal
import subprocess
import sys
import time
from io import BytesIO, TextIOWrapper
from pathlib import Path
from threading import Timer
from typing import TextIO

import pexpect
import pytest

from lmchat.app import asking
from tests.support.conversation import opened
from tests.support.program import MODELS, reply, run, started
from tests.support.scripted import HOLD, RESET, ScriptedServer, Step, Steps, answer, stream

THINKING = MODELS.replace(
    '"capabilities":{', '"capabilities":{"reasoning":{"allowed_options":["low","high"],"default":"low"},'
)
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)
LOST = (
    '{"error":{"message":"Could not find stored response for previous_response_id.","type":"invalid_request",'
    '"param":"previous_response_id","code":"invalid_value"}}'
)


def ask(home: Path, server: ScriptedServer, *arguments: str, stdin: str | TextIO | None = "") -> tuple[int, str, str]:
    ran = run(home, "--url", server.url, "ask", "-m", "tiny", *arguments, stdin=stdin)
    return ran.status, ran.stdout, ran.stderr


def test_the_answer_and_nothing_else_is_on_stdout(tmp_path: Path) -> None:
    with ScriptedServer(stream(reply())) as server:
        assert ask(tmp_path, server, "Which", "colour?") == (0, "Blue.\n", "")
        assert server.requests[0].json == {"model": "tiny", "input": "Which colour?", "stream": True}


def test_a_second_turn_sends_the_id_and_only_the_new_text(tmp_path: Path) -> None:
    with ScriptedServer(stream(reply("1" * 48)), stream(reply("2" * 48))) as server:
        ask(tmp_path, server, "-s", "colours", "-S", "Be brief.", "Which colour?")
        ask(tmp_path, server, "-s", "colours", "And now?")
        first, second = (request.json for request in server.requests)
    assert first["system_prompt"] == "Be brief."
    assert second == {"model": "tiny", "input": "And now?", "stream": True, "previous_response_id": "resp_" + "1" * 48}


def test_what_a_session_talks_with_wins_over_the_environment_and_the_settings(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("temperature = 0.1\ntop_k = 7\n")
    with ScriptedServer(stream(reply("1" * 48)), stream(reply("2" * 48))) as server:
        ask(tmp_path, server, "-s", "colours", "--temperature", "0.5", "Which colour?")
        arguments = ("--url", server.url, "ask", "-s", "colours", "And now?")
        run(tmp_path, *arguments, environ={"LMCHAT_MODEL": "other"})
        sent = server.requests[1].json
    assert (sent["model"], sent["temperature"], sent["top_k"]) == ("tiny", 0.5, 7)


def test_the_json_document_has_every_promised_key(tmp_path: Path) -> None:
    with ScriptedServer(stream(reply("1" * 48)), stream(reply("2" * 48))) as server:
        ask(tmp_path, server, "-s", "colours", "Which colour?")
        status, stdout, _ = ask(tmp_path, server, "-c", "--json", "Which colour?")
    assert status == 0
    assert json.loads(stdout) == {
        "session": "colours",
        "turn": 2,
        "parent": 1,
        "outcome": "complete",
        "reason": None,
        "text": "Blue.",
        "reasoning": None,
        "tool_calls": [],
        "model": "tiny",
        "model_instance_id": "tiny",
        "response_id": "resp_" + "2" * 48,
        "previous_response_id": "resp_" + "1" * 48,
        "unsent_turns": 0,
        "stats": {
            "input_tokens": 35,
            "total_output_tokens": 8,
            "reasoning_output_tokens": 0,
            "tokens_per_second": 57.7,
            "time_to_first_token_seconds": 0.107,
        },
    }


def test_jsonl_is_what_the_server_sent_and_then_the_turn(tmp_path: Path) -> None:
    odd = b'event: novelty\ndata: {"type":"novelty","unknown":{"key":1}}\n\n'
    with ScriptedServer(stream(odd, reply())) as server:
        _, stdout, _ = ask(tmp_path, server, "--jsonl", "Which colour?")
    lines = [json.loads(line) for line in stdout.splitlines()]
    assert lines[0] == {"type": "novelty", "unknown": {"key": 1}}
    assert [line["type"] for line in lines[1:]] == [
        "chat.start",
        "message.start",
        "message.delta",
        "message.delta",
        "message.end",
        "chat.end",
        "lmchat.turn",
    ]
    assert lines[-1]["text"] == "Blue."


def test_a_lost_chain_is_healed_and_said_in_one_line(tmp_path: Path) -> None:
    with ScriptedServer(stream(reply("1" * 48)), answer(400, LOST), stream(reply("2" * 48))) as server:
        ask(tmp_path, server, "-s", "colours", "My colour is blue.")
        status, stdout, stderr = ask(tmp_path, server, "-s", "colours", "Which colour?")
        healed = server.requests[2].json
    assert (status, stdout) == (0, "Blue.\n")
    assert "previous_response_id" not in healed
    assert "My colour is blue." in healed["input"]
    assert healed["input"].endswith("Which colour?")
    assert len(stderr.splitlines()) == 1
    assert "1 earlier turn" in stderr


@pytest.mark.parametrize(
    ("steps", "status", "words"),
    [
        (answer(400, '{"error":{"message":"Nope.","type":"invalid_request"}}'), 4, "Nope."),
        (answer(200, '{"error":"Unexpected endpoint or method. (POST /api/v1/chat)"}'), 4, "0.4.0"),
        (
            answer(401, '{"error":{"code":"invalid_api_key","message":"An LM Studio API token is required"}}'),
            4,
            "LM_API_TOKEN",
        ),
        (
            answer(404, '{"error":{"message":"Invalid model identifier","param":"model","code":"model_not_found"}}'),
            6,
            "models",
        ),
        (stream(reply().split(b"event: message.end")[0]), 5, "ended"),
        (stream(reply()[:200], RESET, end=False), 5, ""),
        (stream(b'event: error\ndata: {"type":"error","error":"Engine died."}\n\n'), 4, "Engine died."),
    ],
)
def test_a_failure_is_one_sentence_one_hint_and_its_exit_code(
    tmp_path: Path, steps: Steps, status: int, words: str
) -> None:
    with ScriptedServer(steps) as server:
        code, _, stderr = ask(tmp_path, server, "Hello")
    assert code == status
    assert words in stderr
    assert stderr.splitlines()[-2].startswith("lmchat: error: ")
    assert stderr.splitlines()[-1].startswith("hint: ")


def test_a_failure_with_json_is_a_document(tmp_path: Path) -> None:
    with ScriptedServer(answer(400, '{"error":{"message":"Nope.","type":"invalid_request"}}')) as server:
        status, stdout, _ = ask(tmp_path, server, "--json", "Hello")
    assert status == 4
    error = json.loads(stdout)["error"]
    assert (error["kind"], error["exit_code"]) == ("refused", 4)
    assert "Nope." in error["message"]


def test_a_partial_reply_is_kept_and_shown_as_failed(tmp_path: Path) -> None:
    with ScriptedServer(stream(reply().split(b"event: message.end")[0])) as server:
        ask(tmp_path, server, "-s", "broken", "Hello")
    shown = run(tmp_path, "sessions", "show", "broken").stdout
    assert "Blue." in shown
    assert "(failed" in shown


@pytest.mark.parametrize(
    ("words", "stdin", "sent"),
    [
        (["Review"], "the diff\n", "Review\n\nthe diff"),
        ([], "just this\n", "just this"),
        (["-"], "explicit\n", "explicit"),
        (["Sum", "up", "-"], "this\n", "Sum up\n\nthis"),
        (["Hello"], None, "Hello"),
    ],
)
def test_standard_input_goes_along_as_people_expect(
    tmp_path: Path, words: list[str], stdin: str | None, sent: str
) -> None:
    with ScriptedServer(stream(reply())) as server:
        ask(tmp_path, server, *words, stdin=stdin)
        assert server.requests[0].json["input"] == sent


def test_no_prompt_at_all_is_bad_use(tmp_path: Path) -> None:
    assert run(tmp_path, "--url", "http://localhost:9", "ask", stdin=" \n").status == 2


def test_a_pipe_that_is_late_is_waited_for_and_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "STDIN_PATIENCE", 0.05)
    read, write = os.pipe()

    def send() -> None:
        with os.fdopen(write, "wb") as end:
            end.write(b"the log\n")

    late = Timer(0.5, send)
    with ScriptedServer(stream(reply())) as server, os.fdopen(read) as pipe:
        late.start()
        ran = run(tmp_path, "--url", server.url, "ask", "-m", "tiny", "Why?", stdin=pipe)
        assert server.requests[0].json["input"] == "Why?\n\nthe log"
    assert (ran.status, ran.stdout) == (0, "Blue.\n")
    assert ran.stderr == "lmchat: waiting for standard input to end; --no-stdin asks without it; Ctrl-C leaves.\n"


def test_a_pipe_that_never_ends_is_left_alone_where_that_is_asked_for(tmp_path: Path) -> None:
    read, write = os.pipe()
    with ScriptedServer(stream(reply())) as server, os.fdopen(read) as silent, os.fdopen(write, "w"):
        ran = run(tmp_path, "--url", server.url, "ask", "-m", "tiny", "--no-stdin", "Hello", stdin=silent)
        assert server.requests[0].json["input"] == "Hello"
    assert (ran.status, ran.stderr) == (0, "")


@pytest.mark.parametrize("device", ["/dev/null", "/dev/zero"])
def test_a_device_is_no_pipe_and_is_left_alone(tmp_path: Path, device: str) -> None:
    with ScriptedServer(stream(reply())) as server, Path(device).open() as source:
        ran = run(tmp_path, "--url", server.url, "ask", "-m", "tiny", "Hello", stdin=source)
        assert server.requests[0].json["input"] == "Hello"
    assert ran.status == 0


def test_an_old_encoding_is_read_from_a_pipe_and_a_file_and_said_even_when_quiet(tmp_path: Path) -> None:
    text = "ログにエラーがあります。\n"
    (tmp_path / "log.txt").write_bytes(text.encode("shift_jis"))
    with ScriptedServer(stream(reply())) as server, BytesIO(text.encode("euc_jp")) as data:
        pipe = TextIOWrapper(data, encoding="utf-8")
        file = str(tmp_path / "log.txt")
        ran = run(tmp_path, "--url", server.url, "ask", "-q", "-m", "tiny", "-f", file, "Why?", stdin=pipe)
        assert server.requests[0].json["input"] == f"Why?\n\nFile `log.txt`:\n```txt\n{text}```\n\n{text.strip()}"
    assert "log.txt' was read as Shift_JIS" in ran.stderr
    assert "Standard input was read as EUC-JP" in ran.stderr


def test_the_files_of_a_pattern_that_the_shell_wrote_out_are_quoted(tmp_path: Path) -> None:
    for name in ("a.md", "b1.md", "b2.md"):
        (tmp_path / name).write_text(name)
    names = [str(tmp_path / name) for name in ("a.md", "b1.md", "b2.md")]
    with ScriptedServer(stream(reply())) as server:
        ask(tmp_path, server, "-f", *names, "Compare", "them")
        asked = server.requests[0].json["input"]
    assert asked.startswith("Compare them\n\nFile `a.md`")
    assert [name for name in ("a.md", "b1.md", "b2.md") if f"File `{name}`" in asked] == ["a.md", "b1.md", "b2.md"]


def test_a_pattern_in_quotes_names_files_and_a_long_question_none(tmp_path: Path) -> None:
    for name in ("a.md", "b1.md", "b2.md"):
        (tmp_path / name).write_text(name)
    question = "Why? " * 100
    with ScriptedServer(stream(reply())) as server:
        ask(tmp_path, server, "-f", str(tmp_path / "a.md"), "-f", str(tmp_path / "b*.md"), question)
        asked = server.requests[0].json["input"]
    assert asked.startswith(question.strip())
    assert [name for name in ("a.md", "b1.md", "b2.md") if f"File `{name}`" in asked] == ["a.md", "b1.md", "b2.md"]
    assert "No file fits" in run(tmp_path, "ask", "-f", str(tmp_path / "*.txt"), "Why?").stderr


def test_a_model_is_found_when_none_is_named(tmp_path: Path) -> None:
    with ScriptedServer(answer(200, MODELS), stream(reply())) as server:
        assert run(tmp_path, "--url", server.url, "ask", "Hello").status == 0
        assert [request.path for request in server.requests] == ["/api/v1/models", "/api/v1/chat"]


def test_several_unloaded_models_ask_for_a_choice(tmp_path: Path) -> None:
    two = '{"models":[{"type":"llm","key":"one"},{"type":"llm","key":"two"},{"type":"embedding","key":"e"}]}'
    with ScriptedServer(answer(200, two)) as server:
        ran = run(tmp_path, "--url", server.url, "ask", "Hello")
    assert ran.status == 6
    assert "one, two" in ran.stderr


def test_private_leaves_nothing_behind(tmp_path: Path) -> None:
    with ScriptedServer(stream(reply().replace(b',"response_id":"resp_' + b"1" * 48 + b'"', b""))) as server:
        status, _, _ = ask(tmp_path, server, "--private", "Secret")
        assert status == 0
        assert server.requests[0].json["store"] is False
    assert json.loads(run(tmp_path, "sessions", "--json").stdout) == []


@pytest.mark.parametrize("named", [(), ("-s", "trip")])
def test_private_writes_no_file_at_all(tmp_path: Path, named: tuple[str, ...]) -> None:
    with ScriptedServer(answer(200, MODELS), stream(reply())) as server:
        ran = run(tmp_path, "--url", server.url, "ask", "--private", *named, "Secret")
    assert (ran.status, ran.stdout) == (0, "Blue.\n")
    assert list(tmp_path.rglob("*")) == []


def test_options_are_sent_only_when_given(tmp_path: Path) -> None:
    with ScriptedServer(answer(200, THINKING), stream(reply())) as server:
        ask(tmp_path, server, "--temperature", "0.5", "--max-output-tokens", "9", "--reasoning", "low", "Hello")
        sent = server.requests[1].json
    assert {key: sent[key] for key in ("temperature", "max_output_tokens", "reasoning")} == {
        "temperature": 0.5,
        "max_output_tokens": 9,
        "reasoning": "low",
    }
    assert set(sent) == {"model", "input", "stream", "temperature", "max_output_tokens", "reasoning"}


def test_a_reasoning_level_the_model_does_not_have_is_refused_with_those_it_has(tmp_path: Path) -> None:
    with ScriptedServer(answer(200, THINKING)) as server:
        status, _, stderr = ask(tmp_path, server, "--reasoning", "huge", "Hello")
        assert (status, len(server.requests)) == (2, 1)
    assert "low, high" in stderr


def test_a_picture_is_refused_for_a_model_that_does_not_see(tmp_path: Path) -> None:
    (tmp_path / "dot.png").write_bytes(PNG)
    with ScriptedServer(answer(200, MODELS)) as server:
        status, _, stderr = ask(tmp_path, server, "-i", str(tmp_path / "dot.png"), "What is this?")
    assert status == 2
    assert "does not see pictures" in stderr


def test_a_picture_goes_along_as_a_data_url(tmp_path: Path) -> None:
    (tmp_path / "dot.jpg").write_bytes(PNG)
    seeing = MODELS.replace('"vision":false', '"vision":true')
    with ScriptedServer(answer(200, seeing), stream(reply())) as server:
        assert ask(tmp_path, server, "-i", str(tmp_path / "dot.jpg"), "What is this?")[0] == 0
        text, image = server.requests[1].json["input"]
    assert text == {"type": "text", "content": "What is this?"}
    assert image["data_url"].startswith("data:image/png;base64,iVBOR")


def test_a_picture_comes_from_a_pipe(tmp_path: Path) -> None:
    piped = TextIOWrapper(BytesIO(PNG), encoding="utf-8")
    seeing = MODELS.replace('"vision":false', '"vision":true')
    with ScriptedServer(answer(200, seeing), stream(reply())) as server:
        assert ask(tmp_path, server, "-i", "-", "What is this?", stdin=piped)[0] == 0
        text, image = server.requests[1].json["input"]
    assert text == {"type": "text", "content": "What is this?"}
    assert image["data_url"].startswith("data:image/png;base64,iVBOR")


def test_an_option_out_of_range_never_reaches_the_server(tmp_path: Path) -> None:
    with ScriptedServer(stream(reply())) as server:
        status, _, stderr = ask(tmp_path, server, "--temperature", "7", "Hello")
        assert (status, server.requests) == (2, [])
        assert "temperature" in stderr


def test_without_a_stream_one_document_is_asked_for(tmp_path: Path) -> None:
    body = (
        '{"model_instance_id":"tiny","output":[{"type":"message","content":"Blue."}],"stats":{},"response_id":"resp_1"}'
    )
    with ScriptedServer(answer(200, body)) as server:
        assert ask(tmp_path, server, "--no-stream", "Hello")[:2] == (0, "Blue.\n")
        assert server.requests[0].json.get("stream") in (None, False)


def test_at_grows_a_branch_and_the_head_moves_there(tmp_path: Path) -> None:
    ids = ["1" * 48, "2" * 48, "3" * 48]
    with ScriptedServer(*(stream(reply(each)) for each in ids)) as server:
        ask(tmp_path, server, "-s", "tree", "one")
        ask(tmp_path, server, "-s", "tree", "two")
        _, stdout, _ = ask(tmp_path, server, "-s", "tree", "--at", "1", "--json", "other")
        assert server.requests[2].json["previous_response_id"] == "resp_" + "1" * 48
    assert json.loads(stdout)["parent"] == 1
    drawn = json.loads(run(tmp_path, "sessions", "tree", "tree", "--json").stdout)
    assert [(each["turn"], each["parent"], each["head"]) for each in drawn] == [
        (1, None, False),
        (2, 1, False),
        (3, 1, True),
    ]


def test_at_0_grows_beside_the_first_turn(tmp_path: Path) -> None:
    with ScriptedServer(stream(reply("1" * 48)), stream(reply("2" * 48))) as server:
        ask(tmp_path, server, "-s", "tree", "one")
        _, stdout, _ = ask(tmp_path, server, "-s", "tree", "--at", "0", "--json", "other")
        assert "previous_response_id" not in server.requests[1].json
    assert json.loads(stdout)["parent"] is None


def test_at_0_is_before_the_first_turn_for_every_command(tmp_path: Path) -> None:
    with ScriptedServer(stream(reply("1" * 48))) as server:
        ask(tmp_path, server, "-s", "tree", "one")
    shown = run(tmp_path, "sessions", "show", "tree", "--at", "0")
    assert (shown.status, shown.stdout) == (0, "")
    assert json.loads(run(tmp_path, "sessions", "show", "tree", "--at", "0", "--json").stdout)["turns"] == []
    assert run(tmp_path, "sessions", "fork", "tree", "early", "--at", "0").status == 0
    sessions = json.loads(run(tmp_path, "sessions", "--json").stdout)
    assert [(each["name"], each["turns"]) for each in sessions] == [("early", 0), ("tree", 1)]


def test_stats_go_to_stderr(tmp_path: Path) -> None:
    with ScriptedServer(stream(reply())) as server:
        _, stdout, stderr = ask(tmp_path, server, "--stats", "Hello")
    assert stdout == "Blue.\n"
    assert "57.7 tokens/s" in stderr


def test_a_kill_in_mid_reply_leaves_an_interrupted_turn_with_its_text(tmp_path: Path) -> None:
    begun = reply().split(b"event: message.end")[0]
    with ScriptedServer(stream(begun, HOLD)) as server:
        program = started(tmp_path, "--url", server.url, "ask", "-m", "tiny", "-s", "killed", "Tell me")
        with opened(tmp_path) as store:
            while store._database.row("SELECT 1 FROM draft_piece WHERE item LIKE '%Blue.%'") is None:
                assert program.poll() is None
                time.sleep(0.02)
        assert program.stdout is not None
        assert program.stdout.read(3) == "Blu"
        program.kill()
        program.communicate()
    with ScriptedServer(stream(reply())) as server:
        shown = json.loads(run(tmp_path, "sessions", "show", "killed", "--json").stdout)
        [turn] = shown["turns"]
        assert turn["outcome"] == "interrupted"
        ask(tmp_path, server, "-s", "killed", "Go on")
        assert "Tell me" in server.requests[0].json["input"]
        assert "Blue." in server.requests[0].json["input"]


def test_ctrl_c_keeps_what_came_and_exits_130(tmp_path: Path) -> None:
    begun = reply().split(b"event: message.end")[0]
    with ScriptedServer(stream(begun, HOLD)) as server:
        program = started(tmp_path, "--url", server.url, "ask", "-m", "tiny", "-s", "cut", "Tell me")
        assert program.stdout is not None
        assert program.stdout.read(5) == "Blue."
        program.send_signal(signal.SIGINT)
        assert program.wait(timeout=60) == 130
        program.communicate()
        assert server.hung_up.wait(10)
    assert "(interrupted)" in run(tmp_path, "sessions", "show", "cut").stdout


@pytest.mark.skipif(os.name == "nt", reason="Windows has none of these to speak of")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGQUIT"])
def test_a_polite_kill_keeps_what_came(tmp_path: Path, name: str) -> None:
    begun = reply().split(b"event: message.end")[0]
    with ScriptedServer(stream(begun, HOLD)) as server:
        program = started(tmp_path, "--url", server.url, "ask", "-m", "tiny", "-s", "cut", "Tell me")
        assert program.stdout is not None
        assert program.stdout.read(5) == "Blue."
        number = getattr(signal, name)
        program.send_signal(number)
        assert program.wait(timeout=60) == 128 + number
        program.communicate()
    assert "Blue." in run(tmp_path, "sessions", "show", "cut").stdout


def test_a_reader_that_leaves_ends_it_quietly(tmp_path: Path) -> None:
    lots = b'event: message.delta\ndata: {"type":"message.delta","content":"' + b"word " * 20 + b'"}\n\n'
    steps: list[bytes | float | Step] = [lots, 0.01] * 200
    with ScriptedServer(stream(*steps, HOLD)) as server:
        program = started(tmp_path, "--url", server.url, "ask", "-m", "tiny", "Talk")
        assert program.stdout is not None
        program.stdout.read(4)
        program.stdout.close()
        assert program.wait(timeout=60) == 0
        assert program.stderr is not None
        assert program.stderr.read() == ""
        program.stderr.close()


def test_asks_at_once_in_one_session_keep_every_turn(tmp_path: Path) -> None:
    def slow(number: int) -> Steps:
        return stream(0.3, reply(f"{number}" * 48))

    with ScriptedServer(stream(reply("0" * 48)), *(slow(n) for n in range(1, 5))) as server:
        ask(tmp_path, server, "-s", "busy", "first")
        programs = [
            started(tmp_path, "--url", server.url, "ask", "-m", "tiny", "-s", "busy", f"at once {n}") for n in range(4)
        ]
        outcomes = [program.communicate(timeout=60) for program in programs]
    assert [program.returncode for program in programs] == [0] * 4
    assert all("locked" not in stderr for _, stderr in outcomes)
    entries = json.loads(run(tmp_path, "sessions", "tree", "busy", "--json").stdout)
    assert len(entries) == 5
    assert all(entry["parent"] is None or entry["parent"] < entry["turn"] for entry in entries)


def test_piping_through_a_shell_works_as_in_the_help(tmp_path: Path) -> None:
    with ScriptedServer(stream(reply())) as server:
        line = f"printf 'a\\nb\\n' | '{sys.executable}' -m lmchat --url {server.url} ask -m tiny 'Sum up' | cat"
        environ = {**os.environ, "LMCHAT_HOME": str(tmp_path)}
        done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, env=environ)
        assert done.stdout == "Blue.\n"
        assert server.requests[0].json["input"] == "Sum up\n\na\nb"


def test_quiet_says_nothing_but_the_answer_even_where_the_conversation_was_sent_again(tmp_path: Path) -> None:
    with ScriptedServer(stream(reply("1" * 48)), answer(400, LOST), stream(reply("2" * 48))) as server:
        ask(tmp_path, server, "-s", "colours", "My colour is blue.")
        assert ask(tmp_path, server, "-q", "--stats", "-s", "colours", "Which colour?") == (0, "Blue.\n", "")
        assert len(server.requests) == 3


def test_quiet_still_says_what_went_wrong(tmp_path: Path) -> None:
    with ScriptedServer(answer(401, "{}")) as server:
        status, stdout, stderr = ask(tmp_path, server, "--quiet", "Which colour?")
    assert (status, stdout) == (4, "")
    assert stderr.startswith("lmchat: error: ")


@pytest.mark.terminal
def test_quiet_says_nothing_of_what_was_sent_again_on_a_terminal_either(tmp_path: Path) -> None:
    with ScriptedServer(stream(reply("1" * 48)), answer(400, LOST), stream(reply("2" * 48))) as server:
        ask(tmp_path, server, "-s", "colours", "My colour is blue.")
        arguments = ["-m", "lmchat", "--url", server.url, "ask", "-q", "-s", "colours", "Which colour?"]
        environ = {**os.environ, "LMCHAT_HOME": str(tmp_path), "TERM": "xterm-256color"}
        child = pexpect.spawn(sys.executable, arguments, env=environ, encoding="utf-8", timeout=60)
        child.expect(pexpect.EOF)
    assert "Blue." in child.before
    assert "earlier" not in child.before


def test_the_list_of_sessions_shows_the_newest_and_says_how_many_are_older(tmp_path: Path) -> None:
    with ScriptedServer(stream(reply())) as server:
        for name in ("one", "two", "three"):
            ask(tmp_path, server, "-s", name, "Hello")
    ran = run(tmp_path, "sessions", "list", "--limit", "2")
    assert [line.split()[0] for line in ran.stdout.splitlines()] == ["NAME", "three", "two"]
    assert "1 older session not shown" in ran.stderr
    assert len(json.loads(run(tmp_path, "sessions", "list", "--limit", "2", "--json").stdout)) == 3


def test_a_session_is_shown_with_its_reasoning_or_as_a_replys_own_text(tmp_path: Path) -> None:
    with ScriptedServer(stream(reply())) as server:
        ask(tmp_path, server, "-s", "s", "Which colour?")
    kept = json.loads(run(tmp_path, "sessions", "export", "s", "--json").stdout)
    kept["turns"][0]["items"].insert(0, {"kind": "reasoning", "text": "Hm.", "seconds": 1.0})
    (tmp_path / "thought.json").write_text(json.dumps(kept))
    assert run(tmp_path, "sessions", "import", str(tmp_path / "thought.json"), "--name", "t").status == 0
    assert "Hm." not in run(tmp_path, "sessions", "show", "t").stdout
    assert "Thought for" in run(tmp_path, "sessions", "show", "t").stdout
    assert "Hm." in run(tmp_path, "sessions", "show", "t", "--show-reasoning").stdout
    assert "Thought" not in run(tmp_path, "sessions", "show", "t", "--hide-reasoning").stdout
    assert run(tmp_path, "sessions", "show", "t", "--raw").stdout == "Blue.\n"
    assert run(tmp_path, "sessions", "show", "t", "--raw", "--at", "0").status == 6


def test_two_replies_are_compared(tmp_path: Path) -> None:
    with ScriptedServer(stream(reply()), stream(reply())) as server:
        ask(tmp_path, server, "-s", "s", "Which colour?")
        ask(tmp_path, server, "-s", "s", "And now?")
    assert run(tmp_path, "sessions", "compare", "s", "1", "2").stdout.count("Blue.") == 2
    assert run(tmp_path, "sessions", "compare", "s", "1", "9").status == 6
