"""Where things go wrong around a turn: races, disks, names and outputs that fail."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lmchat.app.files import place_for, write_text
from lmchat.errors import BadUseError
from tests.support.program import reply, run, started
from tests.support.scripted import ScriptedServer, answer, stream


def ask(home: Path, server: ScriptedServer, *arguments: str) -> tuple[int, str, str]:
    ran = run(home, "--url", server.url, "ask", "-m", "tiny", *arguments)
    return ran.status, ran.stdout, ran.stderr


def test_asks_at_once_in_a_session_that_is_new_all_land_in_it(tmp_path: Path) -> None:
    with ScriptedServer(*(stream(0.3, reply(f"{n}" * 48)) for n in range(6))) as server:
        programs = [started(tmp_path, "--url", server.url, "ask", "-m", "tiny", "-s", "new", f"{n}") for n in range(6)]
        outcomes = [program.communicate(timeout=60) for program in programs]
    assert [program.returncode for program in programs] == [0] * 6, outcomes
    assert len(json.loads(run(tmp_path, "sessions", "tree", "new", "--json").stdout)) == 6


def test_a_private_question_needs_no_place_to_keep_conversations(tmp_path: Path) -> None:
    place = tmp_path / "home"
    with ScriptedServer(stream(reply())) as server:
        assert ask(place, server, "--private", "Secret") == (0, "Blue.\n", "")
    assert not place.exists()


def test_a_private_question_in_a_session_still_reads_it(tmp_path: Path) -> None:
    with ScriptedServer(stream(reply("1" * 48)), stream(reply("2" * 48))) as server:
        ask(tmp_path, server, "-s", "colours", "My colour is blue.")
        ask(tmp_path, server, "-s", "colours", "--private", "Which colour?")
        assert server.requests[1].json["previous_response_id"] == "resp_" + "1" * 48


def test_an_empty_session_name_is_no_session_name(tmp_path: Path) -> None:
    with ScriptedServer(stream(reply())) as server:
        status, _, stderr = ask(tmp_path, server, "-s", "", "Hello")
        assert (status, server.requests) == (2, [])
    assert "cannot be empty" in stderr


@pytest.mark.parametrize(
    ("arguments", "where"), [(["-s", "colours"], "in session 'colours'"), ([], "in a new session")]
)
def test_a_turn_that_is_not_there_is_told_in_words_of_the_shell(
    tmp_path: Path, arguments: list[str], where: str
) -> None:
    with ScriptedServer(stream(reply())) as server:
        ask(tmp_path, server, "-s", "colours", "Hello")
        status, _, stderr = ask(tmp_path, server, *arguments, "--at", "9", "Hello")
    assert (status, where in stderr, "lmchat sessions tree" in stderr) == (6, True, True)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("manner", [[], ["--json"], ["--jsonl"]])
def test_an_output_that_cannot_be_written_is_no_bug(tmp_path: Path, manner: list[str]) -> None:
    with ScriptedServer(stream(reply())) as server, Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "lmchat", "--url", server.url, "ask", "-m", "tiny", *manner, "Hello"],
            stdout=full,
            stderr=subprocess.PIPE,
            env={**os.environ, "LMCHAT_HOME": str(tmp_path)},
            text=True,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("lmchat: error: Operating system error: No space left on device.\nhint: ")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["settings"], ["settings", "--json"]])
def test_it_is_told_once_and_in_two_lines(tmp_path: Path, arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "lmchat", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            env={**os.environ, "LMCHAT_HOME": str(tmp_path)},
            text=True,
        )
    assert done.returncode == 1
    assert [line.partition(" ")[0] for line in done.stderr.splitlines()] == ["lmchat:", "hint:"]


@pytest.mark.parametrize("content", [None, b"\x00\x01\x02"])
def test_a_system_prompt_that_cannot_be_read_is_told_without_jargon(tmp_path: Path, content: bytes | None) -> None:
    role = tmp_path / "role.txt"
    if content is not None:
        role.write_bytes(content)
    ran = run(tmp_path, "--url", "http://localhost:9", "ask", "-m", "tiny", "-S", f"@{role}", "Hello")
    assert ran.status == 2
    assert str(role) in ran.stderr
    assert not any(jargon in ran.stderr for jargon in ("Errno", "codec"))


@pytest.mark.parametrize("body", ["", "null", "{}", "nonsense"])
def test_nothing_is_said_to_be_kept_where_nothing_came(tmp_path: Path, body: str) -> None:
    with ScriptedServer(answer(200, body)) as server:
        status, _, stderr = ask(tmp_path, server, "Hello")
    assert status == 5
    assert stderr.endswith("hint: Try again, or check that it is LM Studio that answers there.\n")


@pytest.mark.parametrize(
    ("arguments", "as_json"),
    [
        (["ask", "hi", "--json"], True),
        (["ask", "--json", "--no-such-option"], True),
        (["ask", "--jsonl", "hi"], True),
        (["sessions", "show", "nowhere", "--json"], True),
        (["models", "--json"], True),
        (["ask", "-S", "--json", "hi"], False),
        (["ask", "-s", "--json", "hi"], False),
        (["ask", "--", "--json"], False),
        (["sessions", "search", "--session", "--json", "word"], False),
    ],
)
def test_an_error_is_json_where_the_option_was_given_not_where_it_is_a_value(
    tmp_path: Path, arguments: list[str], as_json: bool
) -> None:
    ran = run(tmp_path, "--url", "http://127.0.0.1:9", *arguments)
    assert ran.status
    assert ran.stdout.startswith('{"error"') is as_json
    assert (ran.stderr == "") is as_json


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="/dev/zero is not installed")
@pytest.mark.parametrize("arguments", [("-f", "/dev/zero"), ("-i", "/dev/zero"), ("-S", "@/dev/zero")])
def test_a_file_without_end_is_bad_use(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    ran = run(tmp_path, "--url", "http://127.0.0.1:9", "ask", "-m", "tiny", *arguments, "hi")
    assert (ran.status, " MB" in ran.stderr) == (2, True)


@pytest.mark.parametrize("name", ["conversations.db", "conversations.db-wal", "conversations.db-shm", "link"])
def test_nothing_is_ever_written_over_a_database(tmp_path: Path, name: str) -> None:
    with ScriptedServer(stream(reply())) as server:
        assert run(tmp_path, "--url", server.url, "ask", "-s", "s", "-m", "tiny", "hi").status == 0
    (tmp_path / "link").symlink_to(tmp_path / "conversations.db")
    with pytest.raises(BadUseError, match="is a database"):
        write_text(place_for(tmp_path / name, ask=lambda _: True, force=True), "text")
