"""Help that fits a screen and can be read, and usage errors that say what was meant."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lmchat.cli.commands import command
from tests.support.program import run


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Walk over every command with its words."""
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from commands(child, (*path, name))


COMMANDS = list(commands(command()))
EVERY = pytest.mark.parametrize(("path", "command"), COMMANDS, ids=[" ".join(path) or "lmchat" for path, _ in COMMANDS])


@EVERY
def test_help_fits_the_screen_and_cuts_nothing(tmp_path: Path, path: tuple[str, ...], command: Any) -> None:
    ran = run(tmp_path, *path, "--help")
    assert (ran.status, ran.stderr) == (0, "")
    assert max(map(len, ran.stdout.splitlines())) <= 80
    assert not re.search(r"\w\.\.\.$", ran.stdout, re.MULTILINE)
    assert "\x1b" not in ran.stdout


@EVERY
def test_help_by_name_is_the_same(tmp_path: Path, path: tuple[str, ...], command: Any) -> None:
    assert run(tmp_path, "help", *path) == run(tmp_path, *path, "--help")


@EVERY
def test_every_command_says_what_it_does_and_shows_how(tmp_path: Path, path: tuple[str, ...], command: Any) -> None:
    example = "\n  " + " ".join(["lmchat", *path])
    assert command.help.splitlines()[0].endswith(".")
    # A command that is not for typing by itself shows its line inside of another.
    assert example in run(tmp_path, *path, "--help").stdout or f"(lmchat {' '.join(path)}" in command.help


@EVERY
def test_every_option_says_what_it_is(path: tuple[str, ...], command: Any) -> None:
    silent = [parameter.name for parameter in command.params if not parameter.help]
    assert silent == []
    unnamed = (
        [
            parameter.name
            for parameter in command.params
            if not getattr(parameter, "is_flag", False) and not parameter.metavar
        ]
        if path
        else []
    )
    assert unnamed == []


def test_help_of_a_command_that_is_not_there_names_the_nearest(tmp_path: Path) -> None:
    ran = run(tmp_path, "help", "sessions", "frok")
    assert ran.status == 2
    assert "There is no command 'sessions frok'." in ran.stderr
    assert "'fork'" in ran.stderr


@pytest.mark.parametrize(
    ("line", "words", "way_on"),
    [
        ("ask --tmperature 1 x", "No such option: --tmperature.", "Did you mean '--temperature'"),
        ("ask --zzz x", "No such option: --zzz.", "`lmchat ask --help`"),
        ("--colour never ask x", "No such option: --colour.", "Did you mean '--color'"),
        ("talk --quiet", "No such option: --quiet.", "It is an option of `lmchat ask`."),
        ("aks x", "There is no command 'aks'.", "Did you mean 'lmchat ask'?"),
        ("sessions shwo x", "There is no command 'sessions shwo'.", "Did you mean 'lmchat sessions show'?"),
        ("sessions fork a", "Missing argument 'NEW'.", "`lmchat sessions fork --help`"),
        ("sessions rename a b c", "Unexpected argument 'c'.", "`lmchat sessions rename --help`"),
        ("ask --top-k many x", "Invalid value for '--top-k': 'many' is not a whole number.", "`lmchat ask --help`"),
        ("ask --temperature warm x", "Invalid value for '--temperature': 'warm' is not a number.", "`lmchat ask"),
        ("serve --port 70000", "Invalid value for '--port': 70000 is not from 0 to 65535.", "`lmchat serve --help`"),
        ("ask x --model", "Option '--model' requires an argument.", "`lmchat ask --help`"),
    ],
)
def test_a_usage_error_is_one_sentence_and_one_hint(tmp_path: Path, line: str, words: str, way_on: str) -> None:
    ran = run(tmp_path, *line.split())
    assert (ran.status, ran.stdout) == (2, "")
    message, hint = ran.stderr.splitlines()
    assert message == f"lmchat: error: {words}"
    assert hint.startswith(f"hint: {way_on}")


def test_a_prompt_without_ask_is_told_about_ask(tmp_path: Path) -> None:
    assert "lmchat ask" in run(tmp_path, "why is the sky blue?").stderr


def test_a_usage_error_is_json_for_scripts(tmp_path: Path) -> None:
    ran = run(tmp_path, "ask", "--json", "--tmperature", "1")
    assert ran.status == 2
    assert '"kind": "bad_use"' in ran.stdout


@pytest.mark.parametrize(
    "line", ["ask -S --json --zzz x", "ask -s --json --zzz", "ask --zzz -- --json", "ask x --system --json --zzz"]
)
def test_a_value_that_looks_like_an_option_makes_no_error_json(tmp_path: Path, line: str) -> None:
    ran = run(tmp_path, *line.split())
    assert (ran.status, ran.stdout) == (2, "")
    assert "No such option: --zzz." in ran.stderr


@pytest.mark.parametrize(
    "line",
    [
        "ask --zzz --json x",
        "sessions show --jso --json",
        "--colour never ask --jsonl x",
        "ask --json x -m",
        "models --json --zzz",
    ],
)
def test_whatever_is_wrong_with_the_rest_errors_are_json_where_that_is_asked_for(tmp_path: Path, line: str) -> None:
    ran = run(tmp_path, *line.split())
    assert (ran.status, ran.stderr) == (2, "")
    assert json.loads(ran.stdout)["error"]["kind"] == "bad_use"


def test_help_shows_the_commands_in_a_pipe_without_a_command(tmp_path: Path) -> None:
    assert run(tmp_path).stdout == run(tmp_path, "--help").stdout
