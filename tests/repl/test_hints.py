"""What a person is told to do in talk can be done in talk."""

from pathlib import Path

import pytest

import lmchat
from lmchat.errors import LmchatError
from lmchat.repl.hints import NAMES_HERE, told_here
from tests.repl.lmstudio import Studio, refused
from tests.repl.talking import Talk


@pytest.mark.parametrize("elsewhere", NAMES_HERE)
def test_every_name_that_is_changed_stands_in_some_hint(elsewhere: str) -> None:
    rooms = ("wire", "store", "chat", "app")
    sources = [path.read_text() for room in rooms for path in Path(lmchat.__path__[0], room).glob("*.py")]
    assert any(elsewhere in source for source in sources)


def test_an_unknown_session_is_answered_with_the_command_that_lists_them(talk: Talk) -> None:
    out = talk.type("/switch nowhere")
    assert "`/sessions` lists them." in out


def test_a_refused_level_of_reasoning_is_answered_with_the_command_that_sets_one(talk: Talk, studio: Studio) -> None:
    studio.replies = [refused("Reasoning setting 'off' is not supported. Supported settings: 'low'.", "reasoning")]
    out = talk.type("one")
    assert "with `/reasoning`: low." in out
    assert "--reasoning" not in out


def test_other_hints_stay_as_they_are() -> None:
    told = told_here(LmchatError("Nothing answers.", hint="Start LM Studio's server (`lms server start`)."))
    assert (told.message, told.hint) == ("Nothing answers.", "Start LM Studio's server (`lms server start`).")
