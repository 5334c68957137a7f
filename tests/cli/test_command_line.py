"""What people type by habit: options anywhere in a line, other programs' names, prompts that look like options."""

import json
import shlex
import sys
from pathlib import Path

import pexpect
import pytest

from lmchat.cli.command_line import arranged
from lmchat.cli.commands import command
from tests.support.program import MODELS, reply, run
from tests.support.scripted import ScriptedServer, answer, stream

ROOT = command()


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("", ""),
        ("-c", "talk -c"),
        ("-m tiny", "talk -m tiny"),
        ("-s trip -S 'Be brief.'", "talk -s trip -S 'Be brief.'"),
        ("--temperature 0.5 --url local", "--url local talk --temperature 0.5"),
        ("--url local", "--url local"),
        ("-c --help", "talk -c --help"),
        ("-h", "-h"),
        ("-m tiny ask hi", "ask -m tiny hi"),
        ("-m ask ask hi", "ask -m ask hi"),
        ("ask hi --url local", "--url local ask hi"),
        ("ask --url=local hi --debug -m tiny", "--url=local --debug ask hi -m tiny"),
        ("ask hi --profile work --color never", "--profile work --color never ask hi"),
        ("--json models", "models --json"),
        ("--json sessions list", "sessions list --json"),
        ("sessions --json list --limit 3", "sessions list --json --limit 3"),
        ("sessions --json", "sessions --json"),
        ("ask -S --url hi", "ask -S --url hi"),
        ("ask -- --url hi", "ask -- --url hi"),
        ("ask -cm tiny --debug hi", "--debug ask -cm tiny hi"),
        ("ask '-SBe brief.' hi", "ask '-SBe brief.' hi"),
        ("ask --temperature -1 hi", "ask --temperature -1 hi"),
        ("ask -", "ask -"),
        ("settings set presence_penalty -1", "settings set presence_penalty -1"),
        ("help sessions fork", "help sessions fork"),
        ("ask hi --version", "--version ask hi"),
    ],
)
def test_words_are_put_into_the_order_that_is_meant(typed: str, wanted: str) -> None:
    assert arranged(ROOT, shlex.split(typed)) == shlex.split(wanted)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("chat", "lmchat talk"),
        ("run llama3", "lmchat talk -m"),
        ("ls", "lmchat sessions"),
        ("list", "lmchat sessions"),
        ("history", "lmchat sessions"),
        ("rm trip", "lmchat sessions delete"),
        ("mv a b", "lmchat sessions rename"),
        ("show trip", "lmchat sessions show"),
        ("fork a b", "lmchat sessions fork"),
        ("frok a b", "lmchat sessions fork"),
        ("config", "lmchat settings"),
        ("ps", "lmchat models"),
        ("pull llama3", "lmchat models download"),
        ("version", "lmchat --version"),
        ("stop", "lmchat local stop"),
        ("aks hi", "lmchat ask"),
        ("LS", "lmchat sessions"),
        ("sessions ls", "lmchat sessions list"),
        ("sessions rm trip", "lmchat sessions delete"),
        ("sessions remove trip", "lmchat sessions delete"),
        ("sessions cat trip", "lmchat sessions show"),
        ("models ls", "lmchat models list"),
        ("models pull x", "lmchat models download"),
        ("models rm x", "lmchat models unload"),
        ("settings get model", "lmchat settings"),
        ("settings rm model", "lmchat settings unset"),
        ("local status", "lmchat local"),
        ("ask --temp 1 hi", "--temperature"),
        ("ask --sys x hi", "--system"),
        ("ask --resume hi", "--continue"),
        ("ask --max_tokens 3 hi", "--max-output-tokens"),
        ("ask --max-tokens 3 hi", "--max-output-tokens"),
        ("ask --top_p 1 hi", "--top-p"),
        ("ask -temperature 1 hi", "--temperature"),
        ("ask -model tiny hi", "--model"),
        ("ask -sys x hi", "--system"),
        ("ask --thinking hi", "--reasoning"),
        ("ask --host x hi", "--url"),
        ("ask --verbose hi", "--debug"),
        ("ask --no-color hi", "--color never"),
        ("--temp 1", "--temperature"),
        ("-p 'Why is it so?'", 'lmchat ask "…"'),
        ("sessions delete -f trip", "--yes"),
        ("sessions export trip --out x.md", "--output"),
    ],
)
def test_the_names_of_other_programs_name_what_is_meant(tmp_path: Path, typed: str, meant: str) -> None:
    ran = run(tmp_path, *shlex.split(typed))
    assert (ran.status, ran.stdout) == (2, "")
    assert ran.stderr.splitlines()[1:] == [f"hint: Did you mean {meant!r}?"]


@pytest.mark.parametrize(
    ("typed", "where"),
    [
        ("talk --quiet", "ask"),
        ("models --all", "models unload"),
        ("--limit 3", "sessions list"),
        ("sessions --purge", "sessions delete"),
    ],
)
def test_an_option_of_another_command_is_said_to_be_one(tmp_path: Path, typed: str, where: str) -> None:
    ran = run(tmp_path, *typed.split())
    assert ran.status == 2
    assert ran.stderr.splitlines()[1] == f"hint: It is an option of `lmchat {where}`."


@pytest.mark.parametrize(
    "prompt",
    [
        "-5 + 3?",
        "-5",
        "- one\n- two",
        "-> what is this",
        "-m is which option?",
        "--url is what?",
        "---",
        "-あ",
        "-x y z",
    ],
)
def test_a_prompt_that_begins_with_a_dash_is_not_sent_as_options(tmp_path: Path, prompt: str) -> None:
    with ScriptedServer(stream(reply())) as server:
        ran = run(tmp_path, "--url", server.url, "ask", "-m", "tiny", prompt)
        assert (ran.status, server.requests) == (2, [])
        hint = ran.stderr.splitlines()[1]
        assert "lmchat ask -- " in hint
        assert run(tmp_path, "--url", server.url, "ask", "-m", "tiny", "--", prompt).status == 0
        assert server.requests[0].json["input"] == prompt.strip()


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        (["why is the sky blue?"], 'lmchat ask "why is the sky blue?"'),
        (["why", "is", "it", "so?"], 'lmchat ask "why is it so?"'),
        (["-m", "tiny", "-c", "and now?"], 'lmchat ask "and now?"'),
        (['say "hi" for $5'], "lmchat ask 'say \"hi\" for $5'"),
        (["空はなぜ青いの? 教えて"], 'lmchat ask "空はなぜ青いの? 教えて"'),
    ],
)
def test_a_prompt_without_ask_is_not_sent_and_shows_how(tmp_path: Path, typed: list[str], hint: str) -> None:
    ran = run(tmp_path, *typed)
    assert (ran.status, ran.stdout) == (2, "")
    assert ran.stderr.splitlines()[1] == f"hint: To ask it: {hint}"


@pytest.mark.parametrize("command", ["ask", "talk"])
def test_help_behind_a_command_that_takes_words_is_not_taken_for_one(tmp_path: Path, command: str) -> None:
    ran = run(tmp_path, command, "help")
    assert ran.status == 2
    assert f"`lmchat help {command}`" in ran.stderr


def test_options_of_lmchat_itself_work_behind_the_prompt(tmp_path: Path) -> None:
    with ScriptedServer(stream(reply())) as server:
        ran = run(tmp_path, "ask", "-m", "tiny", "hi", "--url", server.url, "--debug", "--json")
    assert ran.status == 0
    assert json.loads(ran.stdout)["text"] == "Blue."
    assert "debug: POST" in ran.stderr


def test_what_is_piped_to_lmchat_alone_is_not_dropped_without_a_word(tmp_path: Path) -> None:
    ran = run(tmp_path, stdin="why?\n")
    assert ran.stdout == run(tmp_path, "--help").stdout
    assert "`lmchat ask` asks what is piped" in ran.stderr


def test_two_names_for_one_talk_are_refused(tmp_path: Path) -> None:
    assert "Two sessions are named: 'a' and 'b'." in run(tmp_path, "talk", "a", "-s", "b").stderr


@pytest.mark.terminal
@pytest.mark.parametrize("options", ["-s trip", "-m tiny -s trip", "-c"])
def test_options_of_talk_talk_without_a_command(tmp_path: Path, options: str) -> None:
    with ScriptedServer(stream(reply()), answer(200, MODELS)) as server:
        run(tmp_path, "--url", server.url, "ask", "-m", "tiny", "-s", "trip", "hi")
        line = f"-m lmchat --url {server.url} {options}"
        environ = {"LMCHAT_HOME": str(tmp_path), "TERM": "xterm", "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
        child = pexpect.spawn(
            sys.executable, line.split(), env=environ, encoding="utf-8", timeout=60, dimensions=(30, 100)
        )
        child.expect("trip")
        child.sendcontrol("d")
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == 0
