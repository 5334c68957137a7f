"""What is typed while a reply runs: shown, taken back, and handed to the next prompt."""

from io import StringIO

from prompt_toolkit.input.vt100_parser import Vt100Parser
from prompt_toolkit.key_binding.key_processor import KeyPress

from lmchat.render.progress import queued_row
from lmchat.render.terminal import PLAIN
from lmchat.repl.terminal import Terminal, TypedAhead
from tests.support.talking import ENTER, Talk


def ahead(talk: Talk, typed: str) -> TypedAhead:
    waiting, keys = TypedAhead(talk.keys, Terminal(StringIO(), StringIO())), list[KeyPress]()
    Vt100Parser(keys.append).feed_and_flush(typed)
    waiting.take(keys)
    return waiting


def test_what_is_typed_is_shown(talk: Talk) -> None:
    assert ahead(talk, f"次の質問{ENTER}and").shown == "次の質問 ⏎ and"
    assert ahead(talk, "a\x1b[200~two\nlines\x1b[201~\x1b[D").shown == "atwo\nlines"


def test_backspace_takes_back_a_character_and_ctrl_u_a_line(talk: Talk) -> None:
    assert ahead(talk, "日本\x7f").shown == "日"
    assert ahead(talk, f"one{ENTER}two\x15").shown == "one ⏎ "
    assert ahead(talk, f"one{ENTER}two\x15\x15").shown == ""
    assert ahead(talk, f"one{ENTER}\x7f!").shown == "one!"
    assert ahead(talk, "\x7f\x15").shown == ""


def test_backspace_after_a_key_that_is_not_shown_is_left_to_the_line(talk: Talk) -> None:
    waiting = ahead(talk, "ab\x1b[D\x7f")
    waiting.hand_over()
    assert waiting.shown == ""
    talk.press(f"{ENTER}\x04")
    assert talk.studio.chats[0]["input"] == "b"


def test_a_row_shows_the_end_of_a_long_text_and_how_it_is_taken_back(talk: Talk) -> None:
    row = queued_row("日本" * 30 + " the end ⏎ ", PLAIN, 30)
    assert row is not None
    assert row.text.startswith("queued: …")
    assert row.text.endswith("the end ⏎")
    assert row.cells <= 30
    short = queued_row("hi", PLAIN, 80)
    assert short is not None
    assert short.text == "queued: hi  (Ctrl-U takes it back)"
    assert queued_row("", PLAIN, 80) is None
