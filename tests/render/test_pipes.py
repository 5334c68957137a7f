"""What scripts get: the reply's own bytes, JSON, and beside them on stderr what concerns the turn."""

import io
import json
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from lmchat.chat.exchange import (
    Event,
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
    ToolDone,
)
from lmchat.chat.session import Outcome, Turn, TurnId
from lmchat.chat.values import InvalidToolCall, Message, Prompt, Provider, Reasoning, Reply, ResponseId, Stats, ToolCall
from lmchat.errors import NotFoundError
from lmchat.render.json_output import error_document, turn_document, write_document
from lmchat.render.margin import DisplayOptions, Thoughts
from lmchat.render.views import ViewOptions, choose_view
from tests.render.terminals import Clock, Terminal, Tty, world_of

WHOLE = Finished(Reply((Message("x"),), ResponseId("resp_1"), Stats(12, 34)))


class Pipe(io.StringIO):
    """Note what was written when."""

    def __init__(self) -> None:
        super().__init__()
        self.flushed: list[str] = []

    def flush(self) -> None:
        self.flushed.append(self.getvalue())


def piped(*events: Event, manner: ViewOptions | None = None) -> tuple[str, str]:
    out, errors = Pipe(), Pipe()
    with choose_view(world_of(out, errors, Clock()), manner or ViewOptions()) as show:
        for event in events:
            show.show(event)
    return out.getvalue(), errors.getvalue()


def test_a_pipe_gets_the_bytes_of_the_reply_and_one_newline() -> None:
    assert piped(MessageDelta("**a**\x1b[0m "), MessageDelta("b"), WHOLE) == ("**a**\x1b[0m b\n", "")


def test_a_newline_at_the_end_is_not_doubled_and_none_is_taken_away() -> None:
    assert piped(MessageDelta("a\n\n"), WHOLE)[0] == "a\n\n"


def test_a_reply_without_text_writes_nothing() -> None:
    assert piped(Finished(Reply())) == ("", "")


def test_every_piece_is_flushed() -> None:
    out = Pipe()
    with choose_view(world_of(out, Pipe(), Clock()), ViewOptions()) as show:
        show.show(MessageDelta("a"))
        assert out.flushed[-1] == "a"
        show.show(WHOLE)


def test_a_character_split_between_two_pieces_is_whole() -> None:
    assert piped(MessageDelta("a\ud83d"), MessageDelta("\ude00"), WHOLE)[0] == "a😀\n"


def test_two_messages_have_a_gap_between_them_and_reasoning_and_tools_stay_away() -> None:
    between: list[Event] = [PartEnded(Part.MESSAGE), ReasoningDelta("hm"), ToolDone(ToolCall("t", {}, "o"))]
    between.append(PartStarted(Part.MESSAGE))
    assert piped(MessageDelta("a"), *between, MessageDelta("b"), WHOLE) == ("a\n\nb\n", "")


def test_a_message_that_stays_empty_leaves_no_gap() -> None:
    assert piped(MessageDelta("a"), PartStarted(Part.MESSAGE), MessageDelta(""), WHOLE)[0] == "a\n"


def test_a_reply_that_came_at_once_is_written() -> None:
    assert piped(Finished(Reply((Message("a"), Message("b")))))[0] == "a\n\nb\n"


def test_a_closed_pipe_is_reported_and_not_written_to_again() -> None:
    class Closed(Pipe):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    show = choose_view(world_of(Closed(), Pipe(), Clock()), ViewOptions())
    with pytest.raises(BrokenPipeError), show:
        show.show(MessageDelta("a"))


def test_an_interrupted_reply_ends_its_line_and_says_so_on_stderr() -> None:
    assert piped(MessageDelta("a")) == ("a\n", "(interrupted)\n")


def test_notes_and_numbers_go_to_stderr() -> None:
    manner = ViewOptions(wanted=DisplayOptions(stats=True))
    out, errors = piped(Resending(Reason.LOST, 2, 300), MessageDelta("a"), WHOLE, manner=manner)
    assert out == "a\n"
    assert errors.splitlines() == [
        "Sending 2 earlier turns again, 300 characters, because the server no longer has this conversation.",
        "34 tokens · context 46 · kept by the server",
    ]


def test_reasoning_goes_to_stderr_where_it_is_wanted() -> None:
    manner = ViewOptions(wanted=DisplayOptions(Thoughts.SHOW))
    assert piped(ReasoningDelta("h"), ReasoningDelta("m"), MessageDelta("a"), WHOLE, manner=manner) == ("a\n", "hm\n")


def test_progress_passes_on_a_terminal_at_stderr_and_is_gone_before_the_answer() -> None:
    terminal, out, clock = Terminal(60, 10), Pipe(), Clock()
    with choose_view(world_of(out, Tty(terminal), clock, terminal=terminal), ViewOptions()) as show:
        for fraction in range(5):
            show.show(Progress(Phase.MODEL_LOAD, fraction / 5))
            clock.time += 0.2
        assert terminal.texts()[0].startswith("Loading the model")
        show.show(MessageDelta("a"))
        assert terminal.texts() == []
        for _ in range(9):
            show.show(Quiet())
            clock.time += 0.2
        assert terminal.texts() == []
        show.show(WHOLE)
    assert out.getvalue() == "a\n"


def test_markdown_in_a_pipe_is_rows_without_escapes() -> None:
    manner = ViewOptions(markdown=True)
    assert piped(MessageDelta("# a\n*b"), MessageDelta("* c"), WHOLE, manner=manner)[0] == "a\n\nb c\n"


def test_plain_text_on_a_terminal_is_made_safe() -> None:
    terminal = Terminal(60, 10)
    tty = Tty(terminal)
    with choose_view(world_of(tty, tty, Clock(), terminal=terminal), ViewOptions(markdown=False)) as show:
        show.show(MessageDelta("**a** \x1b[2J"))
        show.show(WHOLE)
    assert terminal.texts() == ["**a** ␛[2J"]
    assert "\x1b[2J" not in terminal.written()


def test_a_dumb_terminal_gets_plain_text() -> None:
    terminal = Terminal(60, 10)
    tty = Tty(terminal)
    with choose_view(world_of(tty, tty, Clock(), {"TERM": "dumb"}), ViewOptions()) as show:
        show.show(MessageDelta("*a*"))
        show.show(WHOLE)
    assert terminal.written() == "*a*\r\n"


TURN = Turn(
    id=TurnId(2),
    parent=TurnId(1),
    prompt=Prompt("?"),
    reply=Reply(
        (
            Reasoning("hm", 1.0),
            ToolCall("t", {"a": 1}, "o", Provider("ephemeral_mcp", "hub")),
            InvalidToolCall("no", "u", "invalid_name"),
            Message("青。"),
        ),
        ResponseId("resp_2"),
        Stats(35, 8, 0, 57.7, 0.107),
        "m:2",
    ),
    outcome=Outcome.COMPLETE,
    server="http://localhost:1234",
    model="m",
    at=datetime(2026, 1, 1, tzinfo=UTC),
)


def test_the_document_of_a_turn_has_the_documented_keys() -> None:
    assert turn_document(TURN, session="colours", previous_response_id="resp_1", unsent_turns=1) == {
        "session": "colours",
        "turn": 2,
        "parent": 1,
        "outcome": "complete",
        "reason": None,
        "text": "青。",
        "reasoning": "hm",
        "tool_calls": [
            {
                "type": "tool_call",
                "tool": "t",
                "arguments": {"a": 1},
                "output": "o",
                "provider_info": {"type": "ephemeral_mcp", "server_label": "hub"},
            },
            {"type": "invalid_tool_call", "reason": "no", "metadata": {"type": "invalid_name", "tool_name": "u"}},
        ],
        "model": "m",
        "model_instance_id": "m:2",
        "response_id": "resp_2",
        "previous_response_id": "resp_1",
        "unsent_turns": 1,
        "stats": {
            "input_tokens": 35,
            "total_output_tokens": 8,
            "reasoning_output_tokens": 0,
            "tokens_per_second": 57.7,
            "time_to_first_token_seconds": 0.107,
        },
    }


def test_json_shows_the_document_alone() -> None:
    out = Pipe()
    with choose_view(world_of(out, Pipe(), Clock()), ViewOptions(json=True)) as show:
        show.show(MessageDelta("a"))
        show.show(WHOLE)
        show.finish(turn_document(TURN, session="s"))
    assert json.loads(out.getvalue())["text"] == "青。"


def test_json_lines_end_with_the_turn() -> None:
    out = Pipe()
    with choose_view(world_of(out, Pipe(), Clock()), ViewOptions(jsonl=True)) as show:
        show.finish(turn_document(TURN, session="s"))
    assert json.loads(out.getvalue().splitlines()[-1])["type"] == "lmchat.turn"


def test_json_keeps_ordinary_letters_and_survives_half_characters() -> None:
    out = io.StringIO()
    write_document(out, {"a": "青"})
    write_document(out, {"a": "\ud800"})
    assert out.getvalue() == '{"a": "青"}\n{"a": "\\ud800"}\n'


def test_json_escapes_control_characters_and_loses_nothing() -> None:
    out = io.StringIO()
    document = {"a\x7f": "\x1b[31m \x9b31m \x9d0;title\x9c \u202eabc\u2069"}
    write_document(out, document)
    assert out.getvalue().strip().isprintable()
    assert json.loads(out.getvalue()) == document


def test_the_document_of_a_failure_has_kind_message_hint_and_code() -> None:
    document = error_document(NotFoundError("No such model.", hint="Look again."))
    content = {"kind": "not_found", "message": "No such model.", "hint": "Look again.", "exit_code": 6}
    assert document == {"error": content}


@pytest.mark.parametrize("module", ["views", "messages", "listings", "json_output", "screen", "history"])
def test_neither_rich_nor_the_parser_of_markdown_is_loaded_before_an_answer_comes(module: str) -> None:
    program = (
        f"import sys, lmchat.render.{module}\n"
        "sys.exit(any(name.split('.')[0] in ('rich', 'markdown_it', 'pygments') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
