"""What a terminal shows of a turn, from the first event to the last."""

import io
import re

import pytest

from lmchat.chat.exchange import (
    Branched,
    Event,
    Fault,
    Finished,
    MessageDelta,
    Part,
    PartEnded,
    PartStarted,
    Phase,
    Progress,
    Quiet,
    Reason,
    ReasoningDelta,
    Resending,
    Started,
    ToolDone,
    ToolFailed,
    ToolNamed,
    ToolStarted,
)
from lmchat.chat.session import TurnId
from lmchat.chat.values import InvalidToolCall, Message, Reasoning, Reply, ResponseId, Stats, ToolCall
from lmchat.errors import RefusedError
from lmchat.render.margin import DisplayOptions, Thoughts
from lmchat.render.screen import Screen
from lmchat.render.terminal import theme_for
from tests.render.terminals import COLOURED, Clock, Terminal, Tty, world_of

ORDINARY = DisplayOptions()
WHOLE = Finished(Reply((Message("Hello."),), ResponseId("resp_1"), Stats(12, 34, 0, 56.7, 0.8, 2.5)))
CALL = ToolCall("search", {"q": "rivers"}, '[{"type":"text","text":"one\\ntwo\\nthree\\nfour"}]')
OUR_OWN = re.compile(
    r"\x1b\[[0-9;]*m|\x1b\[\d+A|\x1b\[2?[JK]|\x1b\[\?(?:2026|25|7)[hl]|\x1b\]8;[!-~]*\x1b\\|\r\n|\r(?!\n)|\n"
)


class Showing:
    """A turn that is shown."""

    def __init__(self, wanted: DisplayOptions = ORDINARY, columns: int = 60, lines: int = 20) -> None:
        self.terminal = Terminal(columns, lines)
        self.clock = Clock()
        tty = Tty(self.terminal)
        self.screen = Screen(
            world_of(tty, tty, self.clock, terminal=self.terminal), theme_for(COLOURED, terminal=True), wanted
        )

    def show(self, *events: Event, seconds: float = 0.1) -> None:
        for event in events:
            self.screen.show(event)
            self.clock.time += seconds

    def whole(self, *events: Event, seconds: float = 0.1) -> list[str]:
        with self.screen:
            self.show(*events, seconds=seconds)
        return self.terminal.texts()

    def failing(self, error: BaseException, *events: Event, seconds: float = 0.1) -> None:
        with self.screen:
            self.show(*events, seconds=seconds)
            raise error


def test_a_short_wait_shows_nothing() -> None:
    showing = Showing()
    with showing.screen:
        showing.show(Started("m"), Quiet(), Quiet())
        assert showing.terminal.texts() == []
        showing.show(WHOLE)


def test_a_longer_wait_shows_what_is_waited_for_and_how_long() -> None:
    showing = Showing()
    with showing.screen:
        showing.show(Started("m"), Quiet(), Quiet(), Quiet(), Quiet(), Quiet())
        assert showing.terminal.texts()[0].endswith("Waiting for the first token 0.5 s")
        showing.show(WHOLE)


def test_loading_shows_a_bar_with_its_share_and_time() -> None:
    showing = Showing()
    with showing.screen:
        showing.show(*(Progress(Phase.MODEL_LOAD, fraction / 10) for fraction in range(6)))
        assert showing.terminal.texts() == ["Loading the model ━━━━━━━━━━━━╌╌╌╌╌╌╌╌╌╌╌╌  50% 0.5 s"]
        showing.show(WHOLE)


def test_nothing_that_passes_is_left() -> None:
    progress = [Progress(Phase.MODEL_LOAD, fraction / 10) for fraction in range(10)]
    prefill = [Progress(Phase.PROMPT_PROCESSING, fraction / 10) for fraction in range(10)]
    assert Showing().whole(*progress, *prefill, MessageDelta("Hello."), WHOLE) == ["Hello."]


def test_progress_after_an_answer_began_does_not_disturb_it() -> None:
    late = Progress(Phase.PROMPT_PROCESSING, 0.5)
    assert Showing().whole(MessageDelta("Hel"), late, late, late, late, late, MessageDelta("lo."), WHOLE) == ["Hello."]


def test_reasoning_is_bounded_while_it_runs() -> None:
    showing = Showing(lines=30)
    with showing.screen:
        showing.show(*(ReasoningDelta(f"thought {number}\n") for number in range(50)))
        shown = showing.terminal.texts()
        assert shown[0].endswith("Thinking 4.9 s")
        assert [row.strip() for row in shown[1:]] == [f"thought {number}" for number in range(44, 50)]
        showing.show(WHOLE)


def test_reasoning_is_folded_to_one_line() -> None:
    shown = Showing().whole(*[ReasoningDelta("hm ")] * 20, PartEnded(Part.REASONING), MessageDelta("Hello."), WHOLE)
    assert shown == ["Thought for 2.0 s", "", "Hello."]


def test_reasoning_is_shown_whole_where_that_is_wanted() -> None:
    wanted = DisplayOptions(Thoughts.SHOW)
    shown = Showing(wanted).whole(ReasoningDelta("one\ntw"), ReasoningDelta("o"), MessageDelta("Hello."), WHOLE)
    assert shown == ["one", "two", "", "Hello."]


def test_reasoning_is_hidden_where_that_is_wanted() -> None:
    wanted = DisplayOptions(Thoughts.HIDE)
    assert Showing(wanted).whole(ReasoningDelta("one"), MessageDelta("Hello."), WHOLE) == ["Hello."]


def test_a_tool_call_is_live_while_it_runs() -> None:
    showing = Showing()
    with showing.screen:
        showing.show(ToolStarted(), ToolNamed("search"), ToolNamed("search", {"q": "rivers"}), *[Quiet()] * 8)
        assert showing.terminal.texts()[0].endswith('search(q="rivers") 1.0 s')
        showing.show(WHOLE)


def test_a_finished_tool_call_stays_with_the_beginning_of_its_result() -> None:
    shown = Showing().whole(ToolStarted("search"), Quiet(), ToolDone(CALL), WHOLE)
    assert shown == ['✓ search(q="rivers") 0.2 s', "  one", "  two", "  three", "  … 1 more line"]


def test_an_invalid_tool_call_says_why() -> None:
    shown = Showing().whole(ToolFailed(InvalidToolCall("Cannot find tool.", "open")), MessageDelta("Hello."), WHOLE)
    assert shown == ["✗ open: Cannot find tool.", "", "Hello."]


def test_two_messages_have_a_gap_between_them() -> None:
    events: list[Event] = [MessageDelta("One."), PartEnded(Part.MESSAGE), ToolDone(CALL), PartStarted(Part.MESSAGE)]
    shown = Showing().whole(*events, MessageDelta("Two."), WHOLE)
    assert shown == ["One.", "", '✓ search(q="rivers")', "  one", "  two", "  three", "  … 1 more line", "", "Two."]


def test_a_message_of_empty_lines_leaves_no_row() -> None:
    shown = Showing().whole(MessageDelta("\n\n"), ToolDone(CALL), MessageDelta("\n"), PartEnded(Part.MESSAGE), WHOLE)
    assert shown == ['✓ search(q="rivers")', "  one", "  two", "  three", "  … 1 more line"]


def test_a_reply_that_came_at_once_is_shown_whole() -> None:
    reply = Reply((Reasoning("hm"), CALL, Message("*Hello.*")), ResponseId("resp_1"), Stats(reasoning_output_tokens=7))
    shown = Showing().whole(Finished(reply))
    assert shown[0] == "Thought (7 tokens)"
    assert shown[-1] == "Hello."


def test_what_is_sent_again_is_said_with_its_size() -> None:
    shown = Showing(columns=120).whole(Resending(Reason.LOST, 3, 4200), MessageDelta("Hello."), WHOLE)
    words = "Sending 3 earlier turns again, 4,200 characters, because the server no longer has this conversation."
    assert shown == [words, "Hello."]


def test_a_branch_is_said() -> None:
    shown = Showing(columns=100).whole(MessageDelta("Hello."), WHOLE, Branched(TurnId(7)))
    assert shown == ["Hello.", "Another program moved this session meanwhile; this turn is kept as branch 7."]


def test_the_numbers_are_said_where_they_are_wanted() -> None:
    shown = Showing(DisplayOptions(stats=True, context_length=100), columns=120).whole(MessageDelta("Hello."), WHOLE)
    words = "34 tokens · 56.7 tokens/s · first token after 0.8 s · model loaded in 2.5 s · context 46 of 100 (46%)"
    assert shown == ["Hello.", f"{words} · kept by the", "server"]


def test_an_interrupted_reply_keeps_what_came_and_says_so() -> None:
    showing = Showing()
    with pytest.raises(KeyboardInterrupt):
        showing.failing(KeyboardInterrupt(), MessageDelta("Hello, wor"), MessageDelta("ld"), seconds=0.001)
    assert showing.terminal.texts() == ["Hello, world", "", "(interrupted)"]


def test_an_interruption_taken_care_of_elsewhere_is_said_too() -> None:
    assert Showing().whole(MessageDelta("Hello")) == ["Hello", "", "(interrupted)"]


def test_a_failure_leaves_what_came_and_nothing_that_passes() -> None:
    showing = Showing()
    refused = RefusedError("No.")
    with pytest.raises(RefusedError):
        showing.failing(refused, MessageDelta("Hello"), *[Quiet()] * 9, Fault(refused), *[Quiet()] * 9)
    assert showing.terminal.texts() == ["Hello"]
    assert showing.terminal.written().endswith("\x1b[?25h")


def test_a_terminal_that_is_gone_is_not_written_to() -> None:
    showing = Showing()
    with pytest.raises(BrokenPipeError):
        showing.failing(BrokenPipeError(), MessageDelta("Hello"), MessageDelta(" there"), seconds=0.001)
    assert "there" not in showing.terminal.written()


def test_the_cursor_is_hidden_at_most_once_and_given_back() -> None:
    showing = Showing()
    showing.whole(*[ReasoningDelta("a")] * 9, MessageDelta("Hello"), WHOLE)
    written = showing.terminal.written()
    assert written.count("\x1b[?25l") == written.count("\x1b[?25h") == 1


HOSTILE = [
    "\x1b[2J", "\x1b]0;title\x07", "\x1b]52;c;eA==\x1b\\", "\x1bP1$q\x1b\\", "\x1b_a\x1b\\", "\x1bc", "\x9b31m",
    "\x9d0;x\x9c",
    "\x08\x08", "\rover", "\x07", "\x00", "\x0e", "\x7f", "\x85", "\u202e", "\u2067", "\ud800", "\x1b", "\u2028",
    "[a](<http://b/\x1b]8;;>)", "<http://b/\x07\x1b\\>", "```\x1b[2J\n\x1b[2J\n```", "| \x1b[1A |\n|---|\n| \x1b[1A |",
]  # fmt: skip


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("cut", [1, 100])
def test_no_control_character_of_a_server_reaches_the_terminal(hostile: str, cut: int) -> None:
    for thoughts in Thoughts:
        showing = Showing(DisplayOptions(thoughts, stats=True))
        pieces = [hostile[start : start + cut] for start in range(0, len(hostile), cut)]
        events: list[Event] = [Started(hostile)]
        events += [ReasoningDelta(f"{piece}") for piece in pieces] + [Quiet()] * 3
        events += [ToolStarted(hostile), ToolNamed(hostile, {hostile: hostile}), *[Quiet()] * 5]
        events += [
            ToolDone(ToolCall(hostile, {hostile: hostile}, hostile)),
            ToolFailed(InvalidToolCall(hostile, hostile)),
        ]
        events += [MessageDelta(piece) for piece in pieces]
        showing.whole(*events, WHOLE)
        left = OUR_OWN.sub("", showing.terminal.written())
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", left)
        assert "\x1b]52" not in showing.terminal.written()


def test_notes_go_to_stderr() -> None:
    terminal, errors = Terminal(60, 20), io.StringIO()
    screen = Screen(
        world_of(Tty(terminal), errors, Clock(), terminal=terminal),
        theme_for(COLOURED, terminal=True),
        DisplayOptions(),
    )
    with screen:
        screen.show(Resending(Reason.LOST, 1, 10))
        screen.show(MessageDelta("Hello."))
        screen.show(WHOLE)
    assert errors.getvalue().startswith("Sending 1 earlier turn again")
    assert terminal.texts() == ["Hello."]
