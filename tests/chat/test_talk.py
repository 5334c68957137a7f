"""One turn after another, with a scripted partner instead of a server."""

import pytest

from lmchat.chat.exchange import (
    Branched,
    ChatRequest,
    Fault,
    Finished,
    MessageDelta,
    Part,
    PartEnded,
    PartStarted,
    Quiet,
    Reason,
    ReasoningDelta,
    Resending,
    Started,
    ToolDone,
)
from lmchat.chat.keeping import Kept
from lmchat.chat.session import Outcome, Session, Turn, TurnId
from lmchat.chat.values import Image, Message, Prompt, Reasoning, Reply, ResponseId, ToolCall
from lmchat.dataclass import replace
from lmchat.errors import (
    ChainLostError,
    ContextOverflowError,
    RefusedError,
    StoreError,
    StreamBrokenError,
    UnreachableError,
)
from tests.chat.scripted import Partner, answer


@pytest.fixture
def partner() -> Partner:
    return Partner()


@pytest.fixture
def session(partner: Partner) -> Session:
    return partner.memory.over(Session("colours", turns={}, model="m"))


def lost() -> ChainLostError:
    return ChainLostError("Could not find stored response", param="previous_response_id", http_status=400)


def along(request: ChatRequest) -> str:
    """Return the words of the earlier turns that a request brings."""
    return " ".join(f"{turn.prompt.text} {turn.reply.text}" for turn in request.history)


def resendings(partner: Partner) -> list[Resending]:
    return [event for event in partner.shown if isinstance(event, Resending)]


def test_first_request_follows_nothing_and_brings_the_system_prompt(partner: Partner, session: Session) -> None:
    partner.ask(replace(session, system="Be brief."), "hi", *answer("hello"))
    [request] = partner.requests
    assert (request.follows, request.system_prompt, along(request)) == (None, "Be brief.", "")


def test_second_request_follows_the_first_and_brings_only_the_prompt(partner: Partner, session: Session) -> None:
    first = partner.ask(replace(session, system="Be brief."), "hi", *answer("hello", "resp_1"))
    partner.ask(first.session, "again", *answer("yes"))
    request = partner.requests[1]
    assert (request.follows, request.system_prompt, along(request)) == ("resp_1", "Be brief.", "")
    assert request.prompt == Prompt("again")


def test_request_of_turn_200_is_as_small_as_that_of_turn_2(partner: Partner, session: Session) -> None:
    for number in range(200):
        session = partner.ask(session, "same words", *answer("reply", f"resp_{number:03}")).session
    second, last = partner.requests[1], partner.requests[199]
    assert replace(last, follows=second.follows) == second


def test_the_draft_is_kept_before_anything_is_sent(partner: Partner, session: Session) -> None:
    kept_at_send: list[int] = []

    class Watching(Partner):
        def send(self, request):  # type: ignore[no-untyped-def]  # only the count matters here
            kept_at_send.append(len(self.kept))
            return super().send(request)

    watching = Watching()
    watching.ask(session, "hi", *answer("hello"))
    assert kept_at_send == [1]
    assert watching.kept[0][0].outcome is Outcome.INTERRUPTED


def test_a_growing_reply_is_kept_at_least_once_a_second(partner: Partner, session: Session) -> None:
    words = [MessageDelta(f"{number} ") for number in range(50)]
    partner.ask(session, "count", Started("m"), *words, *answer("done")[2:])
    drafts = [len(turn.reply.text) for turn, done in partner.kept if not done]
    assert len(drafts) > 5
    assert drafts == sorted(set(drafts))


def test_the_last_words_before_a_silence_are_kept_during_it(partner: Partner, session: Session) -> None:
    quiet = [Quiet()] * 5
    partner.ask(session, "hi", MessageDelta("half a"), *quiet, KeyboardInterrupt())
    assert ("half a", False) in [(turn.reply.text, done) for turn, done in partner.kept]


def test_ctrl_c_keeps_what_came_as_interrupted_and_closes_the_stream(partner: Partner, session: Session) -> None:
    exchange = partner.ask(session, "hi", MessageDelta("half a rep"), KeyboardInterrupt())
    assert exchange.turn.outcome is Outcome.INTERRUPTED
    assert exchange.turn.reply.text == "half a rep"
    assert exchange.session.head == exchange.turn.id
    assert partner.closed == 1
    assert exchange.failure is None


def test_ctrl_c_while_the_end_is_being_kept_does_not_lose_it(partner: Partner, session: Session) -> None:
    pressed: list[bool] = []

    def keep(turn: Turn, *, done: bool) -> Kept:
        if done and len(pressed) < 3:
            pressed.append(done)
            raise KeyboardInterrupt
        return partner.memory.keeper(session)(turn, done=done)

    partner.keep = keep  # type: ignore[method-assign]  # a keeper with an impatient person in front of it
    exchange = partner.ask(session, "hi", *answer("hello"))
    assert partner.memory.turns[exchange.turn.id].outcome is Outcome.COMPLETE


def test_ctrl_c_before_the_first_word_leaves_the_head_where_it_was(partner: Partner, session: Session) -> None:
    first = partner.ask(session, "one", *answer("1", "resp_1"))
    stopped = partner.ask(first.session, "two", Started("m"), KeyboardInterrupt())
    assert (stopped.turn.empty, stopped.session.head) == (True, first.turn.id)
    assert not [event for event in partner.shown if isinstance(event, Branched)]


def test_an_interrupted_turn_goes_along_with_the_next_prompt(partner: Partner, session: Session) -> None:
    first = partner.ask(session, "hi", *answer("hello", "resp_1"))
    cut = partner.ask(first.session, "tell me a story", MessageDelta("Once upon"), KeyboardInterrupt())
    healed = partner.ask(cut.session, "go on", *answer("a time", "resp_3"))
    request = partner.requests[2]
    assert request.follows == "resp_1"
    assert "tell me a story" in along(request)
    assert "Once upon" in along(request)
    assert "hello" not in along(request)
    assert resendings(partner) == [Resending(Reason.CUT_SHORT, 1, request.resent_characters)]
    partner.ask(healed.session, "and then", *answer("the end"))
    assert (partner.requests[3].follows, along(partner.requests[3])) == ("resp_3", "")


def test_a_lost_chain_is_rebuilt_from_the_transcript_and_said(partner: Partner, session: Session) -> None:
    session = replace(session, system="Be brief.")
    first = partner.ask(session, "my colour is blue", *answer("noted", "resp_1"))
    partner.scripts = [[lost()], answer("blue", "resp_2")]
    second = partner.ask(first.session, "which colour?")
    refused, healed = partner.requests[1:]
    assert refused.follows == "resp_1"
    assert healed.follows is None
    assert refused.system_prompt == healed.system_prompt == "Be brief."
    assert "my colour is blue" in along(healed)
    assert resendings(partner) == [Resending(Reason.LOST, 1, healed.resent_characters)]
    assert second.turn.outcome is Outcome.COMPLETE
    assert second.turn.parent == first.turn.id
    partner.ask(second.session, "sure?", *answer("yes"))
    assert (partner.requests[3].follows, along(partner.requests[3])) == ("resp_2", "")


def test_an_undone_turn_of_a_lost_chain_is_not_followed_again(partner: Partner, session: Session) -> None:
    first = partner.ask(session, "one", *answer("1", "resp_1"))
    partner.scripts = [[lost()], answer("2")]
    second = partner.ask(first.session, "two")
    partner.ask(second.session.undone(), "three", *answer("3"))
    assert partner.requests[-1].follows is None


def test_another_server_gets_the_whole_conversation_and_coming_back_only_the_rest(
    partner: Partner, session: Session
) -> None:
    home = partner.ask(session, "one", *answer("1", "resp_home"))
    away = partner.ask(home.session, "two", *answer("2", "resp_away"), server="there")
    assert partner.requests[1].follows is None
    assert "one" in along(partner.requests[1])
    partner.ask(away.session, "three", *answer("3"))
    assert partner.requests[2].follows == "resp_home"
    assert "two" in along(partner.requests[2])
    assert "one" not in along(partner.requests[2])
    assert [event.reason for event in resendings(partner)] == [Reason.OTHER_SERVER, Reason.OTHER_SERVER]


def test_a_changed_system_prompt_begins_a_new_chain(partner: Partner, session: Session) -> None:
    first = partner.ask(session, "one", *answer("1"))
    partner.ask(replace(first.session, system="Speak French."), "two", *answer("2"))
    request = partner.requests[1]
    assert (request.follows, request.system_prompt) == (None, "Speak French.")
    assert "one" in along(request)
    assert resendings(partner)[0].reason is Reason.SYSTEM_CHANGED


def test_a_private_conversation_carries_itself_along(partner: Partner, session: Session) -> None:
    unstored = Finished(Reply((Message("1"),), None))
    first = partner.ask(session, "one", unstored, private=True)
    partner.ask(first.session, "two", *answer("2"), private=True)
    request = partner.requests[1]
    assert (request.store, request.follows) == (False, None)
    assert "one" in along(request)
    assert resendings(partner)[0].reason is Reason.PRIVATE


def test_a_reply_without_an_id_goes_along_and_is_not_called_cut_short(partner: Partner, session: Session) -> None:
    first = partner.ask(session, "one", Finished(Reply((Message("1"),), None)))
    partner.ask(first.session, "two", *answer("2"))
    assert resendings(partner)[0].reason is Reason.NO_ID


def test_a_turn_that_only_called_tools_is_an_answer(partner: Partner, session: Session) -> None:
    calls = Finished(Reply((ToolCall("search", {}, "found"),), None))
    first = partner.ask(session, "look", calls)
    partner.ask(first.session, "two", *answer("2"))
    [sent] = partner.requests[1].history
    assert [call.tool for call in sent.reply.tool_calls] == ["search"]


def test_a_recap_too_long_for_the_context_loses_its_oldest_turns_and_says_so(
    partner: Partner, session: Session
) -> None:
    for number in range(4):
        session = partner.ask(session, f"question {number}", *answer(f"answer {number}")).session
    overflow = ContextOverflowError("too long", http_status=500)
    partner.scripts = [[lost()], [overflow], answer("fits")]
    partner.ask(session, "last")
    assert "question 3" in along(partner.requests[-1])
    assert "question 0" not in along(partner.requests[-1])
    assert partner.requests[-1].left_out == 2
    assert [(event.turns, event.left_out) for event in resendings(partner)] == [(4, 0), (2, 2)]


def test_a_recap_of_which_nothing_fits_is_left_out_and_that_is_said(partner: Partner, session: Session) -> None:
    session = partner.ask(session, "question", *answer("answer")).session
    partner.scripts = [[lost()], [ContextOverflowError("too long")], answer("fits")]
    partner.ask(session, "last")
    assert along(partner.requests[-1]) == ""
    assert [(event.turns, event.left_out) for event in resendings(partner)] == [(1, 0), (0, 1)]


def test_an_overflow_without_a_recap_is_a_failure(partner: Partner, session: Session) -> None:
    exchange = partner.ask(session, "long", ContextOverflowError("too long"))
    assert isinstance(exchange.failure, ContextOverflowError)
    assert len(partner.requests) == 1


def test_a_refused_prompt_is_kept_as_failed_and_the_head_stays_where_it_was(partner: Partner, session: Session) -> None:
    first = partner.ask(session, "one", *answer("1", "resp_1"))
    failed = partner.ask(first.session, "two", UnreachableError("No server answers."))
    assert failed.turn.outcome is Outcome.FAILED
    assert failed.turn.fault == "No server answers."
    assert failed.session.head == first.turn.id
    assert failed.turn.id in partner.memory.turns
    third = partner.ask(failed.session, "two", *answer("2"))
    assert third.turn.parent == first.turn.id
    assert (partner.requests[2].follows, along(partner.requests[2])) == ("resp_1", "")


def test_an_error_in_mid_stream_fails_the_turn_keeps_the_text_and_is_never_followed(
    partner: Partner, session: Session
) -> None:
    ended = Finished(Reply((Message("par"),), ResponseId("resp_bad")))
    failed = partner.ask(session, "one", MessageDelta("par"), Fault(RefusedError("Engine died.")), ended)
    assert failed.turn.outcome is Outcome.FAILED
    assert failed.turn.reply.text == "par"
    assert isinstance(failed.failure, RefusedError)
    partner.ask(failed.session, "two", *answer("2"))
    assert partner.requests[1].follows is None
    assert "par" in along(partner.requests[1])


def test_a_stream_that_just_stops_is_broken_and_kept(partner: Partner, session: Session) -> None:
    exchange = partner.ask(session, "one", Started("m"), MessageDelta("par"))
    assert isinstance(exchange.failure, StreamBrokenError)
    assert exchange.turn.reply.text == "par"
    assert exchange.turn.outcome is Outcome.FAILED


def test_an_end_without_message_or_tool_call_is_a_failure(partner: Partner, session: Session) -> None:
    ended = Finished(Reply((Reasoning("hmm"),), ResponseId("resp_1")))
    exchange = partner.ask(session, "one", ReasoningDelta("hmm"), ended)
    assert isinstance(exchange.failure, StreamBrokenError)
    assert exchange.turn.outcome is Outcome.FAILED
    assert exchange.turn.reply.reasoning == "hmm"


def test_text_that_only_the_end_brings_is_shown(partner: Partner, session: Session) -> None:
    reply = Reply((Message("whole answer"),), ResponseId("resp_1"))
    partner.ask(session, "one", MessageDelta("whole"), Finished(reply))
    assert [event.text for event in partner.shown if isinstance(event, MessageDelta)] == ["whole", " answer"]


def test_reasoning_is_measured_while_it_comes(partner: Partner, session: Session) -> None:
    reply = Reply((Reasoning("a b"), Message("c")), ResponseId("resp_1"))
    exchange = partner.ask(
        session,
        "one",
        PartStarted(Part.REASONING),
        ReasoningDelta("a "),
        ReasoningDelta("b"),
        PartEnded(Part.REASONING),
        MessageDelta("c"),
        Finished(reply),
    )
    [thought, _] = exchange.turn.reply.items
    assert isinstance(thought, Reasoning)
    assert thought.seconds == pytest.approx(0.3)


def test_a_draft_holds_messages_and_tool_calls_in_their_order(partner: Partner, session: Session) -> None:
    call = ToolCall("search", {"q": "x"}, "found")
    exchange = partner.ask(
        session, "one", MessageDelta("Let me see."), ToolDone(call), MessageDelta("It is "), KeyboardInterrupt()
    )
    assert exchange.turn.reply.items == (Message("Let me see."), call, Message("It is "))


def test_pictures_of_unsent_turns_go_along(partner: Partner, session: Session) -> None:
    picture = Image("cat.png", "image/png", b"png")
    turn = Turn(
        TurnId(1),
        None,
        Prompt("look", (picture, picture)),
        Reply((Message("A"),)),
        Outcome.INTERRUPTED,
        "here",
        "m",
        partner.clock,
    )
    partner.memory.keeper(session)(turn, done=True)
    partner.ask(session.moved(TurnId(1)), "and?", *answer("a cat"))
    [sent] = partner.requests[0].history
    assert sent.prompt.images == (picture, picture)


def test_a_summary_replaces_everything_above_it(partner: Partner, session: Session) -> None:
    first = partner.ask(session, "one", *answer("1", "resp_1"))
    second = partner.ask(first.session, "summarise", *answer("they counted", "resp_2"))
    partner.memory.turns[second.turn.id] = replace(second.turn, summary=True)
    partner.ask(second.session, "three", *answer("3"))
    request = partner.requests[2]
    assert request.follows is None
    assert "they counted" in along(request)
    assert "one" not in along(request)
    assert resendings(partner)[0].reason is Reason.COMPACTED


def test_a_fault_of_the_program_still_keeps_the_turn(partner: Partner, session: Session) -> None:
    def explode(event: object) -> None:
        if isinstance(event, MessageDelta):
            raise ZeroDivisionError

    partner.on_show = explode
    with pytest.raises(ZeroDivisionError):
        partner.ask(session, "one", *answer("1"))
    assert partner.memory.turns[TurnId(1)].outcome is Outcome.INTERRUPTED
    assert partner.closed == 1


def test_nothing_is_sent_where_nothing_can_be_kept(partner: Partner, session: Session) -> None:
    def keep(turn: Turn, *, done: bool) -> Kept:
        raise StoreError("The disk is full.")

    partner.keep = keep  # type: ignore[method-assign]  # a store without room
    with pytest.raises(StoreError):
        partner.ask(session, "one", *answer("1"))
    assert partner.requests == []


def test_a_private_turn_in_a_kept_session_follows_it_and_leaves_it_alone(partner: Partner, session: Session) -> None:
    stored = partner.ask(session, "one", *answer("1", "resp_1")).session
    private = Partner()
    turns = dict(stored.turns)
    beside = private.memory.over(replace(stored, turns=turns))
    exchange = private.ask(beside, "two", *answer("2"), private=True)
    assert private.requests[0].follows == "resp_1"
    assert [turn.prompt.text for turn in exchange.session.path()] == ["one", "two"]
    assert len(turns) == 1


def test_a_server_that_keeps_nothing_gets_everything_and_that_is_said_once(partner: Partner, session: Session) -> None:
    for number in range(4):
        ended = Finished(Reply((Message(f"answer {number}"),)))
        session = partner.ask(session, f"question {number}", ended, keeps=False).session
    assert [len(request.history) for request in partner.requests] == [0, 1, 2, 3]
    assert {request.follows for request in partner.requests} == {None}
    assert [event.reason for event in resendings(partner)] == [Reason.STATELESS]


def test_a_session_moves_to_a_server_that_keeps_nothing_and_back(partner: Partner, session: Session) -> None:
    kept = partner.ask(session, "one", *answer("1", "resp_1"))
    away = partner.ask(kept.session, "two", Finished(Reply((Message("2"),))), keeps=False)
    partner.ask(away.session, "three", *answer("3"))
    assert [request.follows for request in partner.requests] == [None, None, "resp_1"]
    assert [along(request) for request in partner.requests] == ["", "one 1", "two 2"]


def test_an_overflow_of_a_server_that_keeps_nothing_leaves_the_oldest_out_and_says_so(
    partner: Partner, session: Session
) -> None:
    for number in range(4):
        ended = Finished(Reply((Message(f"answer {number}"),)))
        session = partner.ask(session, f"question {number}", ended, keeps=False).session
    partner.scripts = [[ContextOverflowError("too long")], answer("fits")]
    partner.ask(session, "last", keeps=False)
    assert partner.requests[-1].left_out == 2
    assert [(event.turns, event.left_out) for event in resendings(partner)][1:] == [(2, 2)]
