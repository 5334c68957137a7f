"""Moving about in the tree: what goes over the wire afterwards shows where one is."""

import pytest

from lmchat.chat.session import Outcome
from tests.support.lmstudio import Studio, event, refused, spoken
from tests.support.scripted import stream
from tests.support.talking import CTRL_C, CTRL_D, ENTER, Talk


def follows(studio: Studio) -> list[int]:
    """Return which reply each request followed, by number; 0 for none."""
    return [int(chat.get("previous_response_id", "resp_0").removeprefix("resp_"), 16) for chat in studio.chats]


def test_undo_goes_back_and_the_next_prompt_branches_there(talk: Talk, studio: Studio) -> None:
    out = talk.type("one", "two", "/undo", "three", name="s")
    assert "At turn 1: one" in out
    assert follows(studio) == [0, 1, 1]


def test_undo_n_goes_back_n_turns(talk: Talk, studio: Studio) -> None:
    talk.type("one", "two", "three", "/undo 3", "other", name="s")
    assert follows(studio) == [0, 1, 2, 0]


def test_undo_further_than_the_beginning_says_so(talk: Talk) -> None:
    assert "No more than 1 can be undone." in talk.type("one", "/undo 4", name="s")


def test_redo_takes_back_what_was_undone(talk: Talk, studio: Studio) -> None:
    talk.type("one", "two", "/undo 2", "/redo 2", "three", name="s")
    assert follows(studio) == [0, 1, 2]


def test_redo_in_a_new_session_does_not_speak_of_private_ones(talk: Talk) -> None:
    out = talk.type("/redo")
    assert "Nothing is left to redo." in out
    assert "private" not in out


def test_goto_goes_to_any_turn_and_0_before_the_first(talk: Talk, studio: Studio) -> None:
    talk.type("one", "two", "/goto 1", "three", "/goto 2", "four", "/goto 0", "five", name="s")
    assert follows(studio) == [0, 1, 1, 2, 0]


def test_goto_a_turn_that_is_not_there_says_so(talk: Talk) -> None:
    assert "There is no turn 9" in talk.type("one", "/goto 9", name="s")
    assert "not the number of a turn" in talk.type("/goto nine", name="s")


def test_retry_asks_the_same_prompt_beside_the_reply(talk: Talk, studio: Studio) -> None:
    talk.type("one", "two", "/retry", name="s")
    assert [chat["input"] for chat in studio.chats] == ["one", "two", "two"]
    assert follows(studio) == [0, 1, 1]
    assert [turn.parent for turn in talk.store.tree(talk.store.find("s"))] == [None, 1, 1]


def test_retry_with_another_model_shows_both_replies_with_their_models(talk: Talk, studio: Studio) -> None:
    out = talk.type("one", "/retry --model acme/eyes", name="s")
    after = out[out.rindex("Turn 1, acme/big:") :]
    assert after.index("Reply 1.") < after.index("acme/eyes:") < after.index("Reply 2.")
    assert studio.chats[1]["model"] == "acme/eyes"


def test_retry_with_options_uses_them_for_this_turn_only(talk: Talk, studio: Studio) -> None:
    talk.type("one", "/retry temperature=0.2 --model acme/eyes", "two", name="s")
    assert studio.chats[1]["temperature"] == 0.2
    assert "temperature" not in studio.chats[2]
    assert studio.chats[2]["model"] == "acme/big"


def test_retry_refuses_what_it_does_not_understand(talk: Talk, studio: Studio) -> None:
    assert "'warmly' is not understood." in talk.type("one", "/retry warmly", name="s")
    assert "from 0 to 1" in talk.type("/retry temperature=7", name="s")
    assert len(studio.chats) == 1


def test_retry_after_a_failure_asks_again_in_the_same_place(talk: Talk, studio: Studio) -> None:
    studio.replies = [spoken("One."), refused()]
    talk.type("one", "two", f"{CTRL_C}/retry", name="s")
    assert [chat["input"] for chat in studio.chats] == ["one", "two", "two"]
    assert follows(studio) == [0, 1, 1]


def test_a_wrong_model_of_retry_leaves_the_head_and_the_command_stands_in_the_line(talk: Talk, studio: Studio) -> None:
    studio.replies = [spoken("One."), refused("No such model.")]
    talk.press(f"one{ENTER}/retry --model wrong{ENTER} temperature=0.1{ENTER}{CTRL_D}", name="s")
    assert [chat["model"] for chat in studio.chats[1:]] == ["wrong", "wrong"]
    assert studio.chats[2]["temperature"] == 0.1
    session = talk.store.find("s")
    assert (session.model, [turn.id for turn in session.path()]) == (session.model, [3])


def test_edit_puts_the_prompt_into_the_line_and_branches_beside_it(talk: Talk, studio: Studio) -> None:
    talk.press(f"one{ENTER}two{ENTER}/edit{ENTER} changed{ENTER}{CTRL_D}", name="s")
    assert studio.chats[2]["input"] == "two changed"
    assert follows(studio) == [0, 1, 1]


def test_edit_takes_an_earlier_turn(talk: Talk, studio: Studio) -> None:
    talk.press(f"one{ENTER}two{ENTER}/edit 1{ENTER}!{ENTER}{CTRL_D}", name="s")
    assert studio.chats[2]["input"] == "one!"
    assert follows(studio) == [0, 1, 0]


def test_clearing_the_line_ends_an_edit(talk: Talk, studio: Studio) -> None:
    talk.press(f"one{ENTER}two{ENTER}/edit 1{ENTER}{CTRL_C}three{ENTER}{CTRL_D}", name="s")
    assert follows(studio) == [0, 1, 2]


def test_an_edit_that_fails_can_be_sent_again_to_the_same_place(talk: Talk, studio: Studio) -> None:
    studio.replies = [spoken("One."), spoken("Two.", 2), refused()]
    talk.press(f"one{ENTER}two{ENTER}/edit 1{ENTER}!{ENTER}{ENTER}{CTRL_D}", name="s")
    assert [chat["input"] for chat in studio.chats] == ["one", "two", "one!", "one!"]
    assert follows(studio) == [0, 1, 0, 0]


def test_tree_draws_siblings_with_the_head_marked(talk: Talk) -> None:
    out = talk.type("one", "two", "/undo", "three", "/tree", name="s")
    assert "├─ 2  two" in out
    assert "3  three  ● here" in out


def test_history_shows_the_last_turns(talk: Talk) -> None:
    talk.type("one", "two", "three", name="s")
    out = talk.type("/history 2", name="s").partition("Reply 3.")[2]  # after the greeting
    assert "one" not in out
    assert out.index("two") < out.index("three")


def test_continue_asks_to_go_on_where_the_reply_was_cut(talk: Talk, studio: Studio) -> None:
    studio.replies = [stream(event("message.delta", content="Half of"))]
    talk.type("one", f"{CTRL_C}/continue", name="s")
    assert "Half of" in studio.chats[1]["input"]
    assert "go on" in studio.chats[1]["input"]


def test_compact_begins_a_new_chain_from_a_summary(talk: Talk, studio: Studio) -> None:
    studio.replies = [spoken("One."), spoken("In short: blue.", 2)]
    talk.type("one", "/compact colours", "two", name="s")
    assert "colours" in studio.chats[1]["input"]
    assert follows(studio) == [0, 1, 0]
    assert "In short: blue." in studio.chats[2]["input"]
    assert "One." not in studio.chats[2]["input"]


def test_half_a_summary_changes_nothing(talk: Talk, studio: Studio) -> None:
    studio.replies = [spoken("One."), stream(event("message.delta", content="In sho"))]
    talk.type("one", "/compact", f"{CTRL_C}two", name="s")
    assert follows(studio) == [0, 1, 1]
    assert [turn.outcome for turn in talk.store.tree(talk.store.find("s"))][1] is Outcome.FAILED


def test_a_private_conversation_can_be_moved_about_in_too(talk: Talk, studio: Studio) -> None:
    talk.private = True
    out = talk.type("one", "two", "/undo", "three", "/tree", "/history", "/redo")
    assert "three  ● here" in out
    assert "Nothing is left to redo." in out
    assert talk.store.names() == []
    assert all(chat["store"] is False for chat in studio.chats)


def test_commands_before_the_first_turn_say_that_there_is_none(talk: Talk) -> None:
    out = talk.type("/retry", f"{CTRL_C}/edit", f"{CTRL_C}/tree", f"{CTRL_C}/continue", f"{CTRL_C}/compact")
    assert out.count("lmchat: error:") == 5


@pytest.mark.parametrize("number", ["9" * 19, "9" * 5000])
@pytest.mark.parametrize("command", ["/undo", "/goto", "/history", "/edit", "/copy"])
def test_a_number_that_is_far_too_large_is_no_bug(talk: Talk, command: str, number: str) -> None:
    # Pasted: thousands of keys typed one by one take a second.
    assert "a bug" not in talk.type("one", f"{command} \x1b[200~{number}\x1b[201~")
