"""Every option of the settings' table can be set in a conversation, and reaches the request."""

import pytest

from lmchat.settings.keys import OPTIONS, Key
from tests.repl.lmstudio import Studio
from tests.repl.talking import Talk


@pytest.mark.parametrize("key", [key for name, key in OPTIONS.items() if name != "reasoning"], ids=lambda key: key.name)
def test_an_option_can_be_set_and_goes_into_the_request(talk: Talk, studio: Studio, key: Key) -> None:
    talk.type(f"/set {key.name} {key.example}", "hi")
    assert studio.chats[0][key.name] == key.shape.read(key.example)


def test_an_option_out_of_range_is_named_with_its_range(talk: Talk) -> None:
    assert "presence_penalty must be a number from -2 to 2, not 3." in talk.type("/set presence_penalty 3")
