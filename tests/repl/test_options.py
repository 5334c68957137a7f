"""Every option of the table can be set in a conversation and reaches the request; what is not a path is refused."""

from collections.abc import Callable

import pytest

from lmchat.app.attachments import text_or_file
from lmchat.errors import BadUseError
from lmchat.repl.commands.command import paths
from lmchat.repl.commands.output import _target
from lmchat.settings.keys import OPTIONS, Key
from tests.support.lmstudio import Studio
from tests.support.talking import Talk


@pytest.mark.parametrize("key", [key for name, key in OPTIONS.items() if name != "reasoning"], ids=lambda key: key.name)
def test_an_option_can_be_set_and_goes_into_the_request(talk: Talk, studio: Studio, key: Key) -> None:
    talk.type(f"/set {key.name} {key.example}", "hi")
    assert studio.chats[0][key.name] == key.shape.read(key.example)


def test_an_option_out_of_range_is_named_with_its_range(talk: Talk) -> None:
    assert "presence_penalty must be a number from -2 to 2, not 3." in talk.type("/set presence_penalty 3")


@pytest.mark.parametrize("path", ["a\0b", "\ud800", "~\udbff/x", "a \0"])
@pytest.mark.parametrize(
    "boundary", [paths, _target, lambda path: text_or_file(f"@{path}", print)], ids=["file", "save", "system"]
)
def test_what_no_file_can_be_called_is_refused_in_a_sentence(boundary: Callable[[str], object], path: str) -> None:
    with pytest.raises(BadUseError, match="is not a path"):
        boundary(path)


@pytest.mark.parametrize("command", ["/file", "/export", "/save", "/system @"])
def test_a_name_that_is_too_long_is_refused_by_the_system(talk: Talk, command: str) -> None:
    out = talk.type("hi", f"{command}{'' if command.endswith('@') else ' '}{'x' * 300}")
    assert "File name too long" in out
    assert "bug" not in out
