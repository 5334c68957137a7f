"""Prompts of the person's own as commands, and roles as system prompts, in talk."""

from pathlib import Path

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from lmchat.repl.commands.table import Completions
from tests.support.lmstudio import Studio
from tests.support.talking import Talk

COMMIT = """---
description: A message for what is staged
model: acme/eyes
temperature: 0.2
---
Write a message. {{args}}
{{input}}
"""


@pytest.fixture
def home(talk: Talk) -> Path:
    home = talk.world.directories.settings
    for kind, name, text in (
        ("prompts", "commit", COMMIT),
        ("prompts", "翻訳", "Translate: {{input}}"),
        ("prompts", "new", "x"),
        ("prompts", "log", "Look at {{input}}"),
        ("roles", "terse", "---\ndescription: Few words\n---\nBe brief."),
        ("prompts", "broken", "---\nmodle: x\n---\nx"),
    ):
        (home / kind).mkdir(exist_ok=True)
        (home / kind / f"{name}.md").write_text(text)
    return home


def offered(talk: Talk, text: str) -> list[tuple[str, str]]:
    found = Completions(talk.state()).get_completions(Document(text), CompleteEvent())
    return [(each.text, each.display_meta_text) for each in found]


def test_a_prompt_is_asked_with_its_model_and_options_for_this_turn_only(
    talk: Talk, studio: Studio, home: Path
) -> None:
    (home / "a.py").write_text("print()")
    talk.type("first", f"/file {home / 'a.py'}", "/commit be short", "third")
    assert [chat["model"] for chat in studio.chats] == ["acme/big", "acme/eyes", "acme/big"]
    assert [chat.get("temperature") for chat in studio.chats] == [None, 0.2, None]
    assert studio.chats[1]["input"] == "Write a message. be short\nFile `a.py`:\n```py\nprint()\n```"
    assert studio.chats[2]["input"] == "third"


def test_a_prompt_with_a_name_of_any_script_takes_what_is_typed_after_it(
    talk: Talk, studio: Studio, home: Path
) -> None:
    talk.type("/翻訳 青い空", "/log x")
    assert [chat["input"] for chat in studio.chats] == ["Translate: 青い空", "Look at x"]


def test_a_flaw_is_named_with_its_line_and_the_command_stays_in_the_line(
    talk: Talk, studio: Studio, home: Path
) -> None:
    out = talk.type("/broken this")
    assert "broken.md, line 2: 'modle' cannot be set in a prompt." in out
    assert "Did you mean 'model'" in out
    assert studio.chats == []


def test_commands_of_our_own_win_and_that_is_said_once(talk: Talk, studio: Studio, home: Path) -> None:
    out = talk.type("/new", "/new")
    assert out.count("before prompts of the same names: /new.") == 1
    assert studio.chats == []


def test_help_and_completion_have_them(talk: Talk, home: Path) -> None:
    assert "/commit /log /翻訳" in talk.type("/help")
    assert "A message for what is staged" in talk.type("/help prompts")
    assert "It is a prompt of your own." in talk.type("/help commit")
    assert ("/commit", "A message for what is staged") in offered(talk, "/com")
    assert offered(talk, "/system :") == [(":terse", "Few words")]
    assert "Did you mean 'commit'" in talk.type("/comit")


def test_a_role_is_a_system_prompt(talk: Talk, studio: Studio, home: Path) -> None:
    talk.type("/system :terse", "one", "/system :) smile", "two")
    assert [chat["system_prompt"] for chat in studio.chats] == ["Be brief.", ":) smile"]
    assert "There is no role 'nobody'." in talk.type("/system :nobody")
