"""Anything people do to a conversation, in any order: the tree stays whole and the one rule holds."""

from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from lmchat.chat.exchange import Finished, MessageDelta
from lmchat.chat.session import Outcome, Session, Turn, TurnId
from lmchat.chat.values import Reply, ResponseId
from lmchat.dataclass import replace
from lmchat.errors import ChainLostError, UnreachableError
from tests.chat.scripted import Partner, Step, answer

SERVERS = ("here", "there")


@dataclass
class Server:
    """Remember what LM Studio would: each id with the prompts its chain holds."""

    chains: dict[str, tuple[str, ...]]


class Conversation(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.partner = Partner()
        self.servers = {name: Server({}) for name in SERVERS}
        self.sessions: dict[str, Session] = {}
        self.completed: dict[TurnId, Turn] = {}
        self.count = 0

    @initialize()
    def begin(self) -> None:
        self.sessions["main"] = self.partner.memory.over(Session("main", turns={}, model="m"))

    def ask(self, name: str, server: str, last: list[Step]) -> None:
        """Ask as `talk` does, against a server that refuses ids it does not know."""
        session = self.sessions[name]
        self.count += 1
        text = f"<prompt {self.count}>"
        partner, known = self.partner, self.servers[server].chains
        before = session.follows(server)
        asked = partner.requests[:]
        stale = before is not None and before.reply.response_id not in known
        refusal = ChainLostError("Could not find stored response", param="previous_response_id")
        partner.scripts = [[refusal], last] if stale else [last]
        exchange = partner.ask(session, text, server=server)
        self.sessions[name] = exchange.session
        request = partner.requests[-1]
        assert len(partner.requests) == len(asked) + 1 + stale
        # What is followed and what goes along make exactly the path, in its order.
        followed = known[request.follows] if request.follows else ()
        path = tuple(
            turn.prompt.text for turn in exchange.session.path() if not turn.empty and turn.prompt.text != text
        )
        assert followed == path[: len(followed)]
        rest = path[len(followed) :]
        assert rest == tuple(turn.prompt.text for turn in request.history)
        assert request.prompt.text == text
        if exchange.turn.outcome is Outcome.COMPLETE:
            assert exchange.turn.reply.response_id is not None
            known[exchange.turn.reply.response_id] = (*path, text)
            self.completed[exchange.turn.id] = exchange.turn

    @rule(data=st.data(), server=st.sampled_from(SERVERS))
    def say(self, data: st.DataObject, server: str) -> None:
        self.ask(self._any(data), server, answer("fine", f"resp_{server}_{self.count + 1}"))

    @rule(data=st.data(), server=st.sampled_from(SERVERS), words=st.booleans())
    def interrupt(self, data: st.DataObject, server: str, words: bool) -> None:
        said: list[Step] = [MessageDelta("half")] if words else []
        self.ask(self._any(data), server, [*said, KeyboardInterrupt()])

    @rule(data=st.data(), server=st.sampled_from(SERVERS), words=st.booleans())
    def fail(self, data: st.DataObject, server: str, words: bool) -> None:
        said: list[Step] = [MessageDelta("half")] if words else []
        self.ask(self._any(data), server, [*said, UnreachableError("gone")])

    @rule(data=st.data(), server=st.sampled_from(SERVERS))
    def end_without_an_answer(self, data: st.DataObject, server: str) -> None:
        self.ask(self._any(data), server, [Finished(Reply((), ResponseId("resp_void")))])

    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        name = self._any(data)
        if self.sessions[name].head is not None:
            self.sessions[name] = self.sessions[name].undone()

    @precondition(lambda self: self.partner.memory.turns)
    @rule(data=st.data())
    def goto(self, data: st.DataObject) -> None:
        name = self._any(data)
        self.sessions[name] = self.sessions[name].moved(data.draw(st.sampled_from(sorted(self.partner.memory.turns))))

    @rule(data=st.data())
    def fork(self, data: st.DataObject) -> None:
        if len(self.sessions) < 4:
            name = self._any(data)
            self.sessions[f"fork {len(self.sessions)}"] = self.sessions[name].forked(f"fork {len(self.sessions)}")

    @rule(data=st.data(), system=st.sampled_from(["", "Be brief.", "Be kind."]))
    def change_the_system_prompt(self, data: st.DataObject, system: str) -> None:
        name = self._any(data)
        self.sessions[name] = replace(self.sessions[name], system=system)

    @rule(server=st.sampled_from(SERVERS))
    def wipe_a_server(self, server: str) -> None:
        self.servers[server].chains.clear()

    @invariant()
    def the_tree_is_whole(self) -> None:
        turns = self.partner.memory.turns
        assert all(turn.parent is None or turn.parent in turns for turn in turns.values())
        assert all(turn.parent is None or turn.parent < turn.id for turn in turns.values())

    @invariant()
    def nothing_that_completed_disappears(self) -> None:
        for turn_id, turn in self.completed.items():
            assert replace(self.partner.memory.turns[turn_id], forgotten=False) == replace(turn, forgotten=False)

    @invariant()
    def what_is_followed_is_a_completed_ancestor(self) -> None:
        for session in self.sessions.values():
            for server in SERVERS:
                followed = session.follows(server)
                if followed is not None:
                    assert followed.outcome is Outcome.COMPLETE
                    assert followed in session.path()

    def _any(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(sorted(self.sessions)))


TestConversation = Conversation.TestCase
TestConversation.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
