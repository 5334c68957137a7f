"""The input line: folding of what is long, completion, choices, the toolbar, vi keys."""

import asyncio
import contextvars
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from lmchat.dataclass import replace
from lmchat.render.text import cells
from lmchat.repl.commands.attachments import file
from lmchat.repl.commands.table import Completions
from lmchat.repl.commands.tree import edit
from lmchat.repl.editing import LONGEST_UNFOLDED, Folds
from lmchat.repl.matching import matching
from lmchat.repl.picker.choice import Choices
from lmchat.repl.state import Quoted, ReplState, Status, toolbar
from tests.support.lmstudio import Studio, spoken
from tests.support.talking import ALT_ENTER, CTRL_C, CTRL_D, ENTER, ESCAPE, PAUSE, TAB, Talk

LONG = "日本語\t" * (LONGEST_UNFOLDED // 3)


def offered(state: ReplState, typed: str) -> list[str]:
    """Return what Tab offers after what was typed."""
    found = Completions(state).get_completions(Document(typed), CompleteEvent())
    return [each.text for each in found]


@pytest.fixture
def state(talk: Talk) -> ReplState:
    talk.type("blue sky", "red rose", name="colours")
    talk.type("one", name="numbers")
    state = talk.state("colours")
    state.known.fetched()
    return state


def test_a_long_paste_is_sent_whole_between_what_was_typed(talk: Talk, studio: Studio) -> None:
    talk.press(f"before \x1b[200~{LONG}\x1b[201~ after{ENTER}{CTRL_D}")
    assert studio.chats[0]["input"] == f"before {LONG} after"


def test_one_key_takes_a_long_paste_away(talk: Talk, studio: Studio) -> None:
    talk.press(f"a\x1b[200~{LONG}\x1b[201~\x7fb{ENTER}{CTRL_D}")
    assert studio.chats[0]["input"] == "ab"


def test_a_fold_shows_how_a_text_begins_and_ends_and_how_long_it_is() -> None:
    folds = Folds()
    sign = folds.fold("begin\n" * LONGEST_UNFOLDED + "the end")
    assert len(sign) == 1
    assert folds.shown(sign).startswith("[begin begin")
    assert folds.shown(sign).endswith("the end: 10,001 lines, 60,007 characters]")


def test_the_same_long_text_is_folded_into_the_same_sign() -> None:
    folds = Folds()
    assert folds.fold(LONG) == folds.fold(LONG)
    assert folds.whole(f"{folds.fold(LONG)}{folds.fold(LONG + '!')}") == f"{LONG}{LONG}!"


def test_commands_are_offered_while_a_slash_begins_the_line(state: ReplState) -> None:
    assert offered(state, "/re")[:4] == ["/redo", "/retry", "/rename", "/reasoning"]
    assert offered(state, "re") == []
    assert offered(state, "/re\nmore") == []


def test_letters_in_their_order_are_enough(state: ReplState) -> None:
    assert offered(state, "/ssn") == ["/sessions"]


def test_arguments_are_offered_by_kind(state: ReplState, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("")
    assert offered(state, "/switch ") == ["numbers"]
    assert offered(state, "/model ") == ["acme/big", "acme/eyes"]
    assert offered(state, "/unload ") == ["acme/big", "--all"]
    assert offered(state, "/load ey") == ["acme/eyes"]
    assert offered(state, "/load acme/eyes con") == ["context_length="]
    assert offered(state, "/load acme/eyes context_length=") == ["context_length=16384"]
    assert offered(state, "/goto ") == ["2", "1"]
    assert offered(state, "/set temp") == ["temperature"]
    assert offered(state, "/set reasoning ") == ["low", "xhigh"]
    assert offered(state, "/set reasoning=") == ["low", "xhigh"]
    assert offered(replace(state, session=replace(state.session, system="Be brief.")), "/unset ") == ["system"]
    assert offered(state, "/reasoning x") == ["xhigh"]
    assert offered(state, "/retry --model ey") == ["acme/eyes"]
    assert offered(state, "/retry --model acme/eyes top_") == ["top_p=", "top_k="]
    assert offered(state, "/copy c") == ["code"]
    assert offered(state, "/mcp ") == ["off"]
    assert offered(state, "/help und") == ["undo", "unload"]
    assert offered(state, f"/file {tmp_path}/no") == [f"{tmp_path}/notes.txt"]
    assert offered(state, f"/save {tmp_path}/no") == [f"{tmp_path}/notes.txt"]
    assert offered(state, f"/system @{tmp_path}/no") == [f"{tmp_path}/notes.txt"]
    assert offered(state, "/clear ") == []


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "files"
    (place / "日本 ノート").mkdir(parents=True)
    for name in ("two words.txt", "it's.txt", "plain.txt", ".hidden", "日本 ノート/中.txt"):
        (place / name).write_text("what is in it")
    monkeypatch.chdir(place)
    return place


def test_files_are_offered_fuzzily_with_their_sizes(state: ReplState, files: Path) -> None:
    found = list(Completions(state).get_completions(Document(f"/file {files}/pltx"), CompleteEvent()))
    assert [each.text for each in found] == [f"{files}/plain.txt"]
    assert (found[0].display_text, found[0].display_meta_text) == ("plain.txt", "13 B")


@pytest.mark.usefixtures("files")
def test_a_directory_is_offered_with_its_slash_and_what_is_hidden_behind_a_dot_only(state: ReplState) -> None:
    assert offered(state, "/save ") == ["it's.txt", "plain.txt", "two words.txt", "日本 ノート/"]
    assert offered(state, "/save .") == [".hidden"]


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("typed", "offers"),
    [
        ("two w", ["'two words.txt'"]),
        ("plain.txt two", ["'two words.txt'"]),
        ("'two w", ["'two words.txt'"]),
        ("'two words.txt' \"it", ['"it\'s.txt"']),
        ("日本", ["'日本 ノート/"]),
        ("plain.txt '日本 ノート/", ["'日本 ノート/中.txt'"]),
        ("日本 ノート/", ["'日本 ノート/中.txt'"]),
    ],
)
def test_one_of_several_files_is_offered_in_quotes_where_it_needs_them(
    state: ReplState, typed: str, offers: list[str]
) -> None:
    assert offered(state, f"/file {typed}") == offers


def test_a_name_that_cannot_be_typed_is_not_offered(state: ReplState, files: Path) -> None:
    (files / "red\x1b[31m.txt").write_text("")
    (files / "torn\udcff.txt").write_text("")
    (files / "wide\u3000blank.txt").write_text("")
    assert offered(state, "/save red") == offered(state, "/save torn") == []
    assert offered(state, "/save wide") == ["wide\u3000blank.txt"]


@pytest.mark.usefixtures("files")
def test_what_is_attached_can_be_dropped_by_completion(state: ReplState) -> None:
    assert offered(replace(state, files=(Quoted("a", "a"),)), "/file o")[:1] == ["off"]


def test_the_blocks_of_code_are_offered_with_their_first_words(talk: Talk, studio: Studio) -> None:
    studio.replies = [spoken("```sh\nls -l\n```\nor\n```py\nprint()\n```")]
    talk.type("how?", name="s")
    found = Completions(talk.state("s")).get_completions(Document("/copy code "), CompleteEvent())
    assert [(each.text, each.display_meta_text) for each in found] == [("1", "ls -l"), ("2", "print()")]


def test_completion_never_asks_the_server(talk: Talk) -> None:
    state = talk.state()
    assert offered(state, "/model ") == []
    assert talk.studio.server.requests == []


def test_a_store_that_cannot_be_read_offers_nothing(state: ReplState, tmp_path: Path) -> None:
    for path in tmp_path.glob("conversations*"):
        path.write_bytes(b"no database" * 1000)
    assert offered(state, "/switch ") == []


def test_every_offer_says_what_it_is(state: ReplState) -> None:
    turns = Completions(state).get_completions(Document("/goto "), CompleteEvent())
    assert [each.display_meta_text for each in turns] == ["red rose", "blue sky"]


def test_tab_completes_and_enter_sends_where_there_is_one_choice(talk: Talk) -> None:
    assert "KEY" in talk.press(f"/models{TAB}{ENTER}{CTRL_D}")


def test_what_begins_alike_comes_first() -> None:
    offers = [(name, "") for name in ("unset", "set", "sessions", "reset-x")]
    assert [name for name, _ in matching("se", offers)] == ["set", "sessions", "unset", "reset-x"]


def test_in_vi_keys_escape_and_then_enter_sends(talk: Talk, studio: Studio) -> None:
    talk.vi = True
    talk.press_slowly("hello", ESCAPE, ENTER, CTRL_D)
    assert [chat["input"] for chat in studio.chats] == ["hello"]


def test_in_vi_keys_alt_enter_begins_a_line(talk: Talk, studio: Studio) -> None:
    talk.vi = True
    talk.press_slowly("one", ALT_ENTER, f"two{ENTER}", CTRL_D)
    assert [chat["input"] for chat in studio.chats] == ["one\ntwo"]


def test_vi_keys_edit_the_line_where_they_are_wanted(talk: Talk, studio: Studio) -> None:
    talk.vi = True
    talk.press_slowly("hello world", ESCAPE, "", "", "", "bxir", ENTER, CTRL_D)
    assert studio.chats[0]["input"] == "hello rorld"


def test_the_toolbar_says_where_one_is() -> None:
    status = Status("colours", "acme/big", 4, 2764, 8192, ["a.png"], private=True)
    assert toolbar(status, 100) == "colours · private · acme/big · turn 4 · 34% of 8.2k · attached: a.png"


def test_the_toolbar_says_tokens_where_the_context_is_not_known() -> None:
    assert toolbar(Status("s", used=2764), 100) == "s · 2.8k tokens"


@given(
    st.text(max_size=40), st.text(max_size=40), st.integers(0, 9999), st.integers(1, 10**6), st.integers(1, 120),
    st.lists(st.text("a日😀", max_size=20), max_size=3),
)  # fmt: skip
def test_the_toolbar_fits_into_any_window(
    session: str, model: str, turn: int, used: int, width: int, attached: list[str]
) -> None:
    written = toolbar(Status(session, model, turn, used, 8192, attached, changing=3), width)
    assert cells(written) <= width
    assert "\x1b" not in written


def test_a_narrow_window_drops_the_least_important_first() -> None:
    status = Status("日本語の会話", "acme/big", 4, 2764, 8192)
    assert toolbar(status, 40) == "日本語の会話 · turn 4 · 34% of 8.2k"
    assert toolbar(status, 30) == "日本語の会話 · 34% of 8.2k"
    assert toolbar(status, 8) == "日本語…"


def test_the_toolbar_shows_what_is_attached_and_what_is_changed(talk: Talk, tmp_path: Path) -> None:
    state = talk.state()
    assert toolbar(state.status()(), 100) == "new session"
    (tmp_path / "a.md").write_text("text")
    attached = file(state, f"{tmp_path}/a.md")
    assert toolbar(attached.status()(), 100) == "new session · attached: a.md"
    talk.type("one", name="s")
    assert toolbar(edit(talk.state("s"), "").status()(), 100).startswith("changing turn 1 · s · acme/big")


def test_a_clear_answer_is_needed_to_confirm(talk: Talk) -> None:
    for typed, meant in (("y", True), ("YES", True), ("", False), ("n", False), ("yesterday", False)):
        talk.keys.send_text(f"{typed}{ENTER}")
        assert talk.keyboard().confirmed("Sure?") is meant
    talk.keys.send_text(CTRL_C)
    assert talk.keyboard().confirmed("Sure?") is False


def test_a_choice_is_narrowed_by_typing_and_moved_by_arrows(talk: Talk) -> None:
    offers = [("acme/big", "Big"), ("acme/eyes", "Eyes"), ("other/ears", "Ears")]
    for typed, meant in (("", "acme/big"), ("\x1b[B", "acme/eyes"), ("ea", "other/ears"), ("\x1b[B\x1b[A", "acme/big")):
        talk.keys.send_text(f"{typed}{ENTER}")
        assert talk.keyboard().chosen("Which?", Choices(offers)) == meant
    talk.keys.send_text(f"zz{ENTER}{CTRL_C}")
    assert talk.keyboard().chosen("Which?", Choices(offers)) is None


def test_a_line_that_is_sent_while_another_thread_has_it_drawn_again_is_no_failure(talk: Talk) -> None:
    keyboard = talk.keyboard()
    app = keyboard._session.app

    class Ending:
        """A loop that ends as soon as something is to be run in it."""

        asked = 0

        def is_closed(self) -> bool:
            return False

        def call_soon_threadsafe(self, *_given: object, **_more: object) -> None:
            self.asked += 1
            app.loop = None

    loop = Ending()
    app._is_running, app.context = True, contextvars.copy_context()
    app.loop = loop  # type: ignore[assignment]  # what is asked of it is there
    keyboard.redraw()
    assert loop.asked == 1


@pytest.mark.parametrize("due", [False, True])
def test_after_a_stop_the_line_is_drawn_as_a_whole_also_where_a_part_was_due(
    talk: Talk, monkeypatch: pytest.MonkeyPatch, *, due: bool
) -> None:
    keyboard = talk.keyboard()
    app = keyboard._session.app
    reset, resets, drawn = app.renderer.reset, [], list[object]()

    def counted(**how: Any) -> None:
        resets.append(how)
        reset(**how)

    def stopped(_app: object) -> None:
        app.after_render -= stopped
        monkeypatch.setattr(app.renderer, "reset", counted)
        if due:
            app.invalidate()
        time.sleep(0.05)  # the library puts drawing off, but not for so long
        keyboard.again()
        loop = asyncio.get_running_loop()
        loop.call_later(PAUSE, lambda: drawn.extend(resets))
        loop.call_later(PAUSE, talk.keys.send_text, CTRL_D)

    app.after_render += stopped
    talk.press("", keyboard=keyboard)
    assert len(drawn) == 1
