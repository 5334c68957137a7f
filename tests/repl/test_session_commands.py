"""Commands for sessions."""

from tests.support.lmstudio import Studio
from tests.support.talking import CTRL_C, CTRL_D, ENTER, Talk


def test_fork_goes_on_in_a_session_that_shares_what_was_said(talk: Talk, studio: Studio) -> None:
    talk.type("one", "/fork b", "two", name="a")
    assert studio.chats[1]["previous_response_id"] == f"resp_{1:048x}"
    assert [len(talk.store.find(name).path()) for name in ("a", "b")] == [1, 2]


def test_fork_before_the_first_turn_says_that_there_is_nothing(talk: Talk) -> None:
    assert "There is nothing to fork yet." in talk.type("/fork b")


def test_new_begins_another_conversation_with_the_same_settings(talk: Talk, studio: Studio) -> None:
    talk.type("/set temperature 0.3", "one", "/new b", "two", name="a")
    assert "previous_response_id" not in studio.chats[1]
    assert studio.chats[1]["temperature"] == 0.3
    assert set(talk.store.names()) == {"a", "b"}


def test_new_does_not_take_a_name_that_is_there(talk: Talk) -> None:
    assert "There is a session 'a' already." in talk.type("one", "/new a", name="a")


def test_switch_goes_on_elsewhere_and_shows_where_it_was(talk: Talk, studio: Studio) -> None:
    talk.type("from a", name="a")
    out = talk.type("from b", "/switch a", "more", name="b")
    assert "Reply 1." in out
    assert studio.chats[2]["previous_response_id"] == f"resp_{1:048x}"


def test_switch_to_an_unknown_name_suggests_the_nearest(talk: Talk) -> None:
    assert "'colours'" in talk.type("one", "/switch colors", name="colours")


def test_rename_renames_the_session_on_disk(talk: Talk) -> None:
    talk.type("one", "/rename b", "two", name="a")
    assert talk.store.names() == ["b"]
    assert len(talk.store.find("b").path()) == 2


def test_rename_before_the_first_prompt_names_the_session(talk: Talk) -> None:
    talk.type("/rename blue", "one")
    assert talk.store.names() == ["blue"]


def test_delete_asks_first_and_then_begins_a_new_session(talk: Talk, studio: Studio) -> None:
    talk.press(f"one{ENTER}/delete{ENTER}y{ENTER}two{ENTER}{CTRL_D}", name="a")
    assert talk.store.names() == ["two"]
    assert [each.name for each in talk.store.in_trash()] == ["a"]
    assert "previous_response_id" not in studio.chats[1]


def test_delete_without_a_yes_deletes_nothing(talk: Talk) -> None:
    out = talk.press(f"one{ENTER}/delete{ENTER}{ENTER}{CTRL_D}", name="a")
    assert "Nothing was deleted." in out
    assert talk.store.names() == ["a"]


def test_delete_another_session_leaves_this_one(talk: Talk) -> None:
    talk.type("one", name="a")
    talk.press(f"two{ENTER}/delete a{ENTER}y{ENTER}three{ENTER}{CTRL_D}", name="b")
    assert talk.store.names() == ["b"]
    assert len(talk.store.find("b").path()) == 2


def test_search_finds_words_with_session_and_turn(talk: Talk) -> None:
    talk.type("青い空を見た", name="空")
    out = talk.type("/search 青い空", f"{CTRL_C}/search nonsense")
    assert "空 · turn 1 · prompt" in out
    assert "Nothing was found." in out
