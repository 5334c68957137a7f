"""Hints name a command as it is typed: in one way in a shell, in another in talk."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

import lmchat
from lmchat.advice import COMMAND_LINE, IN_TALK, Action, Do, worded
from lmchat.repl.commands.table import command_in
from tests.support.lmstudio import Studio, refused
from tests.support.talking import Talk

SHARED = ("app", "wire", "store", "chat", "render", "decoding.py", "pictures.py", "errors.py")

_NAMED = r"[`:] ?lmchat (?!settings |serve|sessions (?:check|restore|import))[a-z]+ |`/[a-z]+[` ]|[\"'] ?/[a-z]+ [A-Z{]"
"""A command as a hint names it. Settings, a server and the care of the store are a shell's business."""


@pytest.mark.parametrize("action", Action)
def test_a_shell_and_talk_word_every_action(action: Action) -> None:
    assert re.match(r"lmchat |--", COMMAND_LINE[action](""))
    in_talk = IN_TALK[action]("")
    # What is in the trash is a shell's business.
    assert command_in(in_talk) is not None or in_talk == COMMAND_LINE[action]("")


def test_no_package_that_a_shell_and_talk_share_names_a_command_itself() -> None:
    roots = [Path(lmchat.__path__[0], room) for room in SHARED]
    files = [path for root in roots for path in ([root] if root.is_file() else root.rglob("*.py"))]
    naming = [
        f"{path.name}: {line.strip()}"
        for path in files
        for line in path.read_text().splitlines()
        if re.search(_NAMED, line) and not line.lstrip().startswith(('"""', "#"))
    ]
    assert naming == []


def test_what_an_action_is_done_to_is_filled_in() -> None:
    advice = ("Do this: ", Do(Action.LOAD_MODEL, "acme/big context_length=8192"), ".")
    assert worded(advice, COMMAND_LINE) == "Do this: `lmchat models load acme/big --context-length 8192`."
    assert worded(advice, IN_TALK) == "Do this: `/load acme/big context_length=8192`."


NAMES = [
    "session 5",
    "青 空",
    "it's",
    'say "x"',
    "$HOME",
    "a!b",
    "R&D",
    "a;b",
    "x*",
    "#1",
    "~",
    "a\\b",
    "`date`",
    "=x",
    "(a)",
]


WITHOUT_NAME = (Action.BEGIN_SESSION, Action.LIST_MODELS, Action.LIST_SESSIONS)


@pytest.mark.parametrize("name", [*NAMES, "holidays", "acme/big", "休日", "2026-11-26", "a@b:4,5%+x=y"])
@pytest.mark.parametrize("action", [each for each in Action if each not in WITHOUT_NAME])
def test_a_shell_reads_a_name_as_one_word_whatever_is_in_it(action: Action, name: str) -> None:
    """The objects of options begin with the option."""
    of_option = action in {Action.SET_OPTION, Action.UNSET_OPTION}
    command = COMMAND_LINE[action](f"reasoning {name}" if of_option else name)
    assert name in shlex.split(command)
    assert subprocess.run(
        ["sh", "-c", f"printf '%s\\n' {command}"], capture_output=True, text=True
    ).stdout.splitlines() == (shlex.split(command))


@pytest.mark.parametrize("name", ["holidays", "acme/big", "休日", "2026-11-26"])
def test_a_plain_name_is_in_no_quotes(name: str) -> None:
    assert COMMAND_LINE[Action.SWITCH_SESSION](name) == f"lmchat talk {name}"


def test_no_hint_fills_a_name_into_a_shells_command_by_itself() -> None:
    """`advice.in_shell` decides what is in quotes."""
    filled = re.compile(r"lmchat (?:talk|ask|sessions|models|settings)\b[^`{]*\{(?!in_shell\()|--url \{(?!in_shell\()")
    lines = [
        f"{path.name}: {line.strip()}"
        for path in Path(lmchat.__path__[0]).rglob("*.py")
        for line in path.read_text().splitlines()
        if filled.search(line)
    ]
    assert lines == []


def test_an_unknown_session_is_answered_with_the_command_that_lists_them(talk: Talk) -> None:
    out = talk.type("/switch nowhere")
    assert "`/sessions` lists them." in out


def test_a_refused_level_of_reasoning_is_answered_with_the_command_that_sets_one(talk: Talk, studio: Studio) -> None:
    studio.replies = [refused("Reasoning setting 'off' is not supported. Supported settings: 'low'.", "reasoning")]
    out = talk.type("one")
    assert "with `/reasoning`: low." in out
    assert "--reasoning" not in out


def test_other_hints_stay_as_they_are() -> None:
    hint = "Start LM Studio's server (`lms server start`)."
    assert [worded(hint, words) for words in (COMMAND_LINE, IN_TALK)] == [hint, hint]
