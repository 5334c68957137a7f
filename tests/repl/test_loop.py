"""The loop: what a line does, what Ctrl-C does, and that no error ends it."""

import json
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from lmchat.app.conversation import Conversation
from lmchat.chat.exchange import MessageDelta
from lmchat.chat.session import Outcome, TurnId
from lmchat.chat.values import Prompt
from lmchat.repl import loop
from lmchat.repl.state import ModelList
from lmchat.repl.turns import ask_typed
from lmchat.store.store import open_store
from tests.support.lmstudio import Studio, event, refused, spoken
from tests.support.scripted import HOLD, Request, Steps, answer, stream
from tests.support.talking import ALT_ENTER, CTRL_C, CTRL_D, CTRL_J, ENTER, Talk


def test_a_line_is_asked_and_its_reply_is_shown(talk: Talk, studio: Studio) -> None:
    assert "Reply 1." in talk.type("hello")
    assert studio.chats[0]["input"] == "hello"


def test_a_session_without_a_name_is_named_after_its_first_prompt(talk: Talk) -> None:
    talk.type("blue sky thinking")
    assert talk.store.names() == ["blue-sky-thinking"]


def test_the_next_line_follows_the_reply_before_it(talk: Talk, studio: Studio) -> None:
    talk.type("one", "two")
    assert studio.chats[1]["previous_response_id"] == f"resp_{1:048x}"


def test_a_new_name_says_that_it_is_new_and_what_is_near_it(talk: Talk) -> None:
    talk.type("hi", name="colours")
    out = talk.type(name="colors")
    assert "'colors' is a new session." in out
    assert "'colours'" in out


def test_a_session_that_goes_on_shows_its_last_turns_and_how_they_ended(talk: Talk, studio: Studio) -> None:
    studio.replies = [spoken("All of it."), stream(event("message.delta", content="Half of"))]
    talk.type("one", "two", name="s")
    out = talk.type(name="s")
    assert "All of it." in out
    assert "Half of" in out
    assert "(failed" in out


def test_only_the_first_run_explains_itself(talk: Talk) -> None:
    assert "/help" in talk.type("hi")
    assert "/help" not in talk.type()


def test_a_first_prompt_from_a_pipe_is_asked_before_the_keyboard_is_read(talk: Talk, studio: Studio) -> None:
    talk.type("and then?", first=Prompt("error in line 3"))
    assert [chat["input"] for chat in studio.chats] == ["error in line 3", "and then?"]


def test_a_refusal_leaves_what_was_typed_in_the_line(talk: Talk, studio: Studio) -> None:
    studio.replies = [refused("No such model.")]
    out = talk.press(f"hello{ENTER}{ENTER}{CTRL_D}")
    assert "No such model." in out
    assert [chat["input"] for chat in studio.chats] == ["hello", "hello"]


def test_a_server_that_is_gone_does_not_end_the_talk(talk: Talk, studio: Studio) -> None:
    talk.type("/model acme/big", "hi", name="s")
    studio.server.__exit__(None, None, None)
    out = talk.press(f"hello{ENTER}{CTRL_C}/tree{ENTER}{CTRL_D}", name="s")
    assert "lmchat: error:" in out
    assert "● here" in out


def test_a_bug_is_one_line_and_the_text_stands_in_the_line_again(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any, **named: Any) -> Any:
        del arguments, named
        raise ZeroDivisionError

    monkeypatch.setattr(Conversation, "speak", broken)
    out = talk.press(f"hello{ENTER}{CTRL_C}{CTRL_D}")
    assert "lmchat has a bug here (ZeroDivisionError)" in out
    assert "Traceback" not in out
    talk.debug = True
    assert "Traceback" in talk.press(f"hello{ENTER}{CTRL_C}{CTRL_D}")


def test_a_renderer_that_breaks_ends_neither_the_talk_nor_loses_the_turn(
    talk: Talk, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    speak = Conversation.speak

    def breaking(conversation: Any, session: Any, prompt: Prompt, show: Any, **named: Any) -> Any:
        def show_badly(event: Any) -> None:
            raise ZeroDivisionError

        return speak(conversation, session, prompt, show_badly if prompt.text == "one" else show, **named)

    monkeypatch.setattr(Conversation, "speak", breaking)
    out = talk.type("one", f"{CTRL_C}two", name="s")
    assert "Reply 2." in out
    session = talk.store.find("s")
    assert [turn.prompt.text for turn in session.path()] == ["two"]
    assert session.turn(TurnId(1)).prompt.text == "one"


def test_a_first_prompt_that_is_refused_stands_in_the_line_again_and_leaves_no_session(
    talk: Talk, studio: Studio
) -> None:
    studio.replies = [refused()]
    talk.press(f"one{ENTER}{CTRL_C}{CTRL_D}")
    assert talk.store.names() == []
    studio.replies = [refused()]
    talk.press(f"two{ENTER} more{ENTER}{CTRL_D}")
    assert [chat["input"] for chat in studio.chats] == ["one", "two", "two more"]
    assert talk.store.names() == ["two-more"]


def test_a_later_prompt_that_is_refused_leaves_the_session_where_it_was(talk: Talk, studio: Studio) -> None:
    studio.replies = [spoken("One."), refused()]
    talk.press(f"one{ENTER}two{ENTER} again{ENTER}{CTRL_D}", name="s")
    session = talk.store.find("s")
    assert [turn.prompt.text for turn in session.path()] == ["one", "two again"]
    assert session.turn(TurnId(2)).empty


def test_alt_enter_ctrl_j_and_a_trailing_backslash_begin_a_new_line(talk: Talk, studio: Studio) -> None:
    talk.press(f"a{ALT_ENTER}b{CTRL_J}c\\{ENTER}d{ENTER}{CTRL_D}")
    assert studio.chats[0]["input"] == "a\nb\nc\nd"


@pytest.mark.parametrize("sequence", ["\x1b[13;2u", "\x1b[27;2;13~"])
def test_shift_enter_begins_a_new_line_where_a_terminal_tells_it(talk: Talk, studio: Studio, sequence: str) -> None:
    talk.press(f"a{sequence}b{ENTER}{CTRL_D}")
    assert studio.chats[0]["input"] == "a\nb"


def test_pasted_text_is_never_sent_by_itself_and_keeps_every_byte(talk: Talk, studio: Studio) -> None:
    text = "\tdef f():  \n\n    return '日本語 👩‍👩‍👧'  \n\n"
    talk.press("\x1b[200~" + text.replace("\n", "\r") + "\x1b[201~" + f"end{ENTER}{CTRL_D}")
    assert [chat["input"] for chat in studio.chats] == [text + "end"]


def test_an_empty_line_asks_nothing(talk: Talk, studio: Studio) -> None:
    talk.type("", "   ")
    assert studio.chats == []


def test_ctrl_c_clears_the_line(talk: Talk, studio: Studio) -> None:
    talk.press(f"secret{CTRL_C}open{ENTER}{CTRL_D}")
    assert [chat["input"] for chat in studio.chats] == ["open"]


def test_ctrl_c_twice_on_an_empty_line_leaves(talk: Talk, studio: Studio) -> None:
    talk.press(f"{CTRL_C}{CTRL_C}never{ENTER}")
    assert studio.chats == []


def test_ctrl_c_once_on_an_empty_line_does_not_leave(talk: Talk, studio: Studio) -> None:
    talk.press(f"{CTRL_C}a{CTRL_C}{CTRL_C}b{ENTER}{CTRL_D}")
    assert [chat["input"] for chat in studio.chats] == ["b"]


def test_ctrl_c_during_a_reply_keeps_what_came_and_asks_again_below(talk: Talk, studio: Studio) -> None:
    def interrupting(request: Any) -> Any:
        signal.setitimer(signal.ITIMER_REAL, 0.5)  # the words below have come by then
        return stream(event("message.delta", content="Half of"), HOLD)

    studio.replies = [interrupting]
    before = signal.signal(signal.SIGALRM, lambda _number, _frame: signal.raise_signal(signal.SIGINT))
    talk.type("tell me", "go on", name="s")
    signal.signal(signal.SIGALRM, before)
    turns = talk.store.find("s").path()
    assert [turn.outcome for turn in turns] == [Outcome.INTERRUPTED, Outcome.COMPLETE]
    assert turns[0].reply.text.startswith("Half of")
    assert "Half of" in studio.chats[1]["input"]


def test_ctrl_c_while_the_list_of_models_is_waited_for_stops_the_prompt(
    talk: Talk, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled, presses = ModelList.settled, [signal.SIGINT]

    def pressed(models: ModelList, seconds: float) -> bool:
        if presses:
            signal.raise_signal(presses.pop())
        return settled(models, seconds)

    monkeypatch.setattr(ModelList, "settled", pressed)
    out = talk.press(f"first{ENTER}{CTRL_C}second{ENTER}{CTRL_D}")
    assert "(stopped)" in out
    assert [chat["input"] for chat in studio.chats] == ["second"]


def test_a_server_that_does_not_list_its_models_is_said_to_be_waited_for(
    talk: Talk, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_PATIENCE_SECONDS", 0.0)
    listed = threading.Event()

    def listing(_request: Request) -> Steps:
        if len(studio.server.requests) > 1:  # the prompt asks for itself
            listed.set()
        return [listed, *answer(200, json.dumps({"models": studio.models}))]

    studio.routes["/api/v1/models"] = listing
    assert "The server has not answered yet; Ctrl-C stops waiting for it." in talk.type("hello")
    assert [chat["input"] for chat in studio.chats] == ["hello"]


def test_ctrl_c_again_when_a_reply_is_stopped_already_is_meant_for_it_too(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    speak = Conversation.speak

    def pressed_again(conversation: Any, session: Any, prompt: Any, show: Any, **named: Any) -> Any:
        def stopping(event: Any) -> None:
            show(event)
            if prompt.text == "tell me" and isinstance(event, MessageDelta):
                signal.raise_signal(signal.SIGINT)

        exchange = speak(conversation, session, prompt, stopping, **named)
        if prompt.text == "tell me":
            signal.raise_signal(signal.SIGINT)
        return exchange

    monkeypatch.setattr(Conversation, "speak", pressed_again)
    out = talk.type("tell me", "go on", name="s")
    assert "(stopped)" not in out
    turns = talk.store.find("s").path()
    assert [turn.prompt.text for turn in turns] == ["tell me", "go on"]
    assert [turn.outcome for turn in turns] == [Outcome.INTERRUPTED, Outcome.COMPLETE]


def test_exit_and_quit_leave_without_a_slash_too(talk: Talk, studio: Studio) -> None:
    talk.type("exit", "never")
    talk.keys.flush_keys()
    assert studio.chats == []


def test_what_another_program_added_is_said_and_followed(talk: Talk, studio: Studio) -> None:
    talk.type("one", name="s")
    state = talk.state("s")
    talk.type("two", name="s")
    talk.out.truncate(0)
    asked = ask_typed(state, "three")
    assert "Another program added 1 turn" in talk.out.getvalue()
    assert studio.chats[2]["previous_response_id"] == f"resp_{2:048x}"
    assert asked.session.head == 3


def test_that_another_program_went_back_is_said_too(talk: Talk, studio: Studio) -> None:
    talk.type("one", "two", name="s")
    state = talk.state("s")
    talk.type("/goto 0", name="s")
    ask_typed(state, "three")
    assert "Another program moved this session" in talk.out.getvalue()
    assert "previous_response_id" not in studio.chats[2]


def test_a_rename_by_another_program_is_said_once_however_many_settings_follow(talk: Talk) -> None:
    talk.type("one", name="s")
    state = talk.state("s")
    talk.store.rename("s", "renamed")
    changed = state.talking_with(model="b").talking_with(system="Brief.")
    assert changed.session.name == "renamed"
    assert talk.out.getvalue().count("Another program renamed this session") == 1


def test_a_session_that_another_program_renamed_is_followed_and_that_is_said(talk: Talk, studio: Studio) -> None:
    talk.type("one", name="s")
    state = talk.state("s")
    talk.store.rename("s", "renamed")
    asked = ask_typed(state, "two")
    assert "Another program renamed this session: it is called 'renamed' now." in talk.out.getvalue()
    assert studio.chats[1]["previous_response_id"] == f"resp_{1:048x}"
    assert asked.session.name == "renamed"
    assert talk.store.names() == ["renamed"]


def test_a_new_session_of_the_old_name_is_another_session(talk: Talk, studio: Studio) -> None:
    talk.type("one", name="s")
    state = talk.state("s")
    talk.store.rename("s", "renamed")
    talk.type("elsewhere", name="s")
    ask_typed(state, "two")
    assert studio.chats[2]["previous_response_id"] == f"resp_{1:048x}"
    assert [turn.prompt.text for turn in talk.store.find("renamed").path()] == ["one", "two"]


def test_a_session_that_another_program_deleted_is_said_before_anything_is_sent(talk: Talk, studio: Studio) -> None:
    talk.type("one", name="s")
    keyboard, doomed = talk.keyboard(), ["s"]
    known = keyboard.line

    def line(*arguments: Any, **named: Any) -> Any:
        if doomed:
            talk.store.delete([doomed.pop()])
        return known(*arguments, **named)

    keyboard.line = line  # type: ignore[method-assign]  # another program acts while the line is typed
    out = talk.press(f"two{ENTER}{CTRL_C}three{ENTER}{CTRL_D}", name="s", keyboard=keyboard)
    assert "This session was deleted by another program." in out
    assert [chat["input"] for chat in studio.chats] == ["one", "three"]
    assert "previous_response_id" not in studio.chats[1]


def test_a_file_of_conversations_that_was_removed_is_written_again_whole(talk: Talk, studio: Studio) -> None:
    talk.type("one", name="s")
    state = talk.state("s")
    directory = talk.world.directories.data
    for path in directory.glob("conversations.db*"):
        path.unlink()
    ask_typed(state, "two")
    assert "it is written again, whole" in talk.out.getvalue()
    with open_store(directory, now=talk.world.now) as again:
        assert [turn.prompt.text for turn in again.find("s").path()] == ["one", "two"]


def test_a_file_that_took_the_place_of_the_conversations_is_left_alone(talk: Talk, tmp_path: Path) -> None:
    talk.type("one", name="s")
    path = talk.world.directories.data / "conversations.db"
    with open_store(tmp_path / "other", now=talk.world.now):
        pass
    (tmp_path / "other" / "conversations.db").replace(path)
    out = talk.press(f"two{ENTER}{CTRL_C}{CTRL_D}", name="s")
    assert "Another program has replaced the conversations" in out


def test_a_new_private_conversation_reaches_nothing_of_the_one_before(talk: Talk) -> None:
    talk.private = True
    out = talk.type("a secret", "/new", "/tree", f"{CTRL_C}/goto 1")
    assert "There is no turn 1" in out
    assert out.rpartition("A new session")[2].count("a secret") == 0


def test_another_model_for_one_retry_is_never_the_sessions(talk: Talk, studio: Studio) -> None:
    seen: list[str] = []

    def reply_seen(request: Any) -> Any:
        seen.append(talk.store.find("s").model)
        return spoken("Small.", 2)

    talk.type("one", name="s")
    studio.replies = [reply_seen]
    talk.type("/retry --model acme/small temperature=0.1", name="s")
    assert studio.chats[1]["model"] == "acme/small"
    assert seen == ["acme/big"]


def test_a_reply_that_was_cut_names_the_command_that_goes_on(talk: Talk, studio: Studio) -> None:
    studio.replies = [spoken("Blue and"), spoken("green.", 2)]
    out = talk.type("/set max_output_tokens 10", "Which?", "/unset max_output_tokens", "/continue", name="s")
    assert "The reply was cut off: the limit of output tokens was reached. `/continue` asks for the rest." in out
    assert studio.chats[1]["previous_response_id"] == f"resp_{1:048x}"


def test_it_is_said_that_the_server_dropped_the_oldest_turns(talk: Talk, studio: Studio) -> None:
    studio.replies = [spoken("One.", 1, tokens=40), spoken("Two.", 2, tokens=20)]
    assert "The server dropped the oldest turns" in talk.type("One?", "Two?", name="s")
