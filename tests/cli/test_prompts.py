"""`lmchat prompts`, `ask -p` and `-S :ROLE`."""

import json
from pathlib import Path

import pytest

from tests.support.program import reply, run
from tests.support.scripted import ScriptedServer, stream


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "roles").mkdir()
    (tmp_path / "prompts" / "commit.md").write_text(
        "---\ndescription: A message\nmodel: tiny\ntemperature: 0.2\n---\nWrite ({{args}}):\n{{input}}\n"
    )
    (tmp_path / "roles" / "短く.md").write_text("Be brief.\n")
    return tmp_path


def test_a_prompt_takes_words_and_pipe_and_asks_with_its_own_model(home: Path) -> None:
    with ScriptedServer(stream(reply())) as server:
        ran = run(home, "--url", server.url, "ask", "-p", "commit", "short", "one", stdin="+ new line\n")
        sent = server.requests[0].json
    assert (ran.status, ran.stdout, ran.stderr) == (0, "Blue.\n", "")
    assert sent == {"model": "tiny", "input": "Write (short one):\n+ new line", "stream": True, "temperature": 0.2}


def test_flags_win_over_the_prompt_and_the_session_stays_as_it_was(home: Path) -> None:
    with ScriptedServer(*(stream(reply(str(number) * 48)) for number in (1, 2, 3))) as server:
        ask = ("--url", server.url, "ask", "-s", "s")
        run(home, *ask, "-m", "first", "--top-k", "5", "Hello")
        run(home, *ask, "-p", "commit", "--temperature", "0.5")
        run(home, *ask, "And?")
        sent = [request.json for request in server.requests]
    assert [each["model"] for each in sent] == ["first", "tiny", "first"]
    assert [each.get("temperature") for each in sent] == [None, 0.5, 0.5]
    assert [each.get("top_k") for each in sent] == [5, 5, 5]


def test_a_role_is_the_system_prompt_of_a_flag_and_of_the_settings(home: Path) -> None:
    (home / "settings.toml").write_text('system = ":短く"\n')
    with ScriptedServer(stream(reply("1" * 48)), stream(reply("2" * 48))) as server:
        run(home, "--url", server.url, "ask", "-m", "tiny", "Hello")
        run(home, "--url", server.url, "ask", "-m", "tiny", "-S", ":短く", "Hello")
        assert [request.json["system_prompt"] for request in server.requests] == ["Be brief.", "Be brief."]
    ran = run(home, "ask", "-m", "tiny", "-S", ":lang", "Hello")
    assert (ran.status, "There is no role 'lang'." in ran.stderr) == (6, True)


def test_a_prompt_that_is_not_there_or_has_a_flaw_is_named(home: Path) -> None:
    ran = run(home, "ask", "-p", "comit")
    assert (ran.status, "Did you mean 'commit'" in ran.stderr) == (6, True)
    (home / "prompts" / "bad.md").write_text("---\ntop_k: many\n---\nx")
    ran = run(home, "ask", "-p", "bad")
    assert (ran.status, "bad.md, line 2: 'top_k' must be a whole number" in ran.stderr) == (2, True)


def test_the_list_has_both_and_says_what_is_wrong(home: Path) -> None:
    (home / "prompts" / "bad.md").write_text("---\nx")
    ran = run(home, "prompts")
    assert (ran.status, "bad.md, line 1" in ran.stderr) == (0, True)
    assert [line.split()[0] for line in ran.stdout.splitlines()] == ["NAME", "/commit", ":短く"]
    documents = json.loads(run(home, "prompts", "--json").stdout)
    assert documents[0] == {
        "kind": "prompt",
        "name": "commit",
        "description": "A message",
        "model": "tiny",
        "options": {"temperature": 0.2},
        "path": str(home / "prompts" / "commit.md"),
    }
    assert (documents[1]["kind"], documents[1]["name"]) == ("role", "短く")


def test_where_there_are_none_it_is_said_where_they_go(tmp_path: Path) -> None:
    ran = run(tmp_path, "prompts")
    assert (ran.status, ran.stdout) == (0, "")
    assert str(tmp_path / "prompts" / "commit.md") in ran.stderr
    assert run(tmp_path, "prompts", "--json").stdout == "[]\n"


def test_a_shell_is_offered_their_names(home: Path) -> None:
    assert run(home, "__complete", "prompts").stdout == "commit\tA message\n"
    assert run(home, "__complete", "roles").stdout == ":短く\tBe brief.\n"
