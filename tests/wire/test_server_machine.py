"""A session that changes server and dialect at random: every model sees the whole conversation, in its order."""

from datetime import UTC, datetime
from unittest.mock import patch

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from lmchat.chat.exchange import Exchange
from lmchat.chat.keeping import Memory
from lmchat.chat.session import Outcome, Session, Turn
from lmchat.chat.talk import talk
from lmchat.chat.values import Prompt
from lmchat.dataclass import replace
from lmchat.errors import StreamBrokenError, UnreachableError
from lmchat.wire import client as client_module
from lmchat.wire.address import Address
from lmchat.wire.client import Client
from lmchat.wire.dialects import DIALECTS, NOT_KNOWN, Finding, Route
from lmchat.wire.http import Call
from tests.wire.servers import Ending, Seen, Server, words_of

AT = datetime(2026, 1, 1, tzinfo=UTC)


def some_servers() -> dict[str, Server]:
    return {
        "http://studio": Server("organization_owner", native=True),
        "http://old-studio": Server("organization_owner"),
        "http://vllm": Server("vllm"),
        "http://vllm-without-store": Server("vllm", stores="forgets"),
        "http://llama-server": Server("llamacpp", stores="refuses"),
        "http://ollama": Server("library", stores="ignores"),
        "http://sglang": Server("sglang"),
        "http://someone": Server("someone", stores="ignores"),
    }


KEEPING = {"http://studio", "http://old-studio", "http://vllm"}
PLACES = [
    (url, api)
    for url, server in some_servers().items()
    for api in ("auto", "responses", "completions", *(["lmstudio"] if server.native else []))
]


def words(turn: Turn) -> tuple[str, ...]:
    """Return the numbered words of a turn."""
    return (*words_of(turn.prompt.text), *words_of(turn.reply.text))


class Travelling(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.servers = some_servers()
        self.routes: dict[tuple[str, str], Route] = {}
        self.found: dict[tuple[str, str], Finding] = {}
        self.memory = Memory()
        self.sessions = {"main": self.memory.over(Session("main", turns={}, model="m"))}
        self.places: dict[str, tuple[str, str]] = {}
        self.count = 0
        self.patch = patch.object(client_module, "exchange", lambda call, _log=None: self._server(call).answer(call))
        self.patch.start()

    def teardown(self) -> None:
        self.patch.stop()

    def _server(self, call: Call) -> Server:
        return self.servers[call.address.url]

    def _client(self, place: tuple[str, str]) -> Client:
        """Return a client as `connect` makes it, with what was found out before."""
        url, api = place
        if place not in self.routes:

            def learned(finding: Finding) -> None:
                self.found[place] = finding

            known = self.found.get(place)
            if api in DIALECTS:
                route = Route.of(known or Finding(api, DIALECTS[api].keeps, program=NOT_KNOWN), learned)
            else:
                route = Route.of(known, learned) if known else Route(learned=learned)
                route.settled = False
            self.routes[place] = route
        return Client(Address(url), route=self.routes[place])

    def _ask(self, name: str, place: tuple[str, str], ending: Ending, *, private: bool = False) -> Exchange:
        session, client, server = self.sessions[name], self._client(place), self.servers[place[0]]
        path = [word for turn in session.path() if not turn.empty for word in words(turn)]
        server.ending, server.seen = ending, Seen()
        exchange = talk(
            session,
            Prompt(f"prompt{ending.number}"),
            server=client.address.url,
            send=client.chat,
            show=lambda _event: None,
            keep=self.memory.keeper(session),
            now=lambda: AT,
            private=private,
            keeps=client.route.keeps,
        )
        self.sessions[name] = exchange.session
        if ending.before is None:  # else it may be another request that failed than the one to be answered
            assert server.seen == Seen(session.system, (*path, f"prompt{ending.number}"))
        return exchange

    def _next(self, data: st.DataObject) -> tuple[str, tuple[str, str], int]:
        self.count += 1
        name = data.draw(st.sampled_from(sorted(self.sessions)))
        return name, self.places.setdefault(name, ("http://someone", "responses")), self.count

    @rule(data=st.data(), place=st.sampled_from(PLACES))
    def move(self, data: st.DataObject, place: tuple[str, str]) -> None:
        self.places[data.draw(st.sampled_from(sorted(self.sessions)))] = place

    @rule(data=st.data(), private=st.booleans())
    def say(self, data: st.DataObject, private: bool) -> None:
        name, place, number = self._next(data)
        exchange = self._ask(name, place, Ending(number), private=private)
        assert exchange.turn.outcome is Outcome.COMPLETE
        assert exchange.turn.reply.text == f"reply{number}"
        if not self.routes[place].keeps:
            assert exchange.turn.reply.response_id is None
        if place[1] == "auto":
            keeps = not private and place[0] in KEEPING
            assert (exchange.turn.reply.response_id is not None) is keeps

    @rule(data=st.data(), how=st.sampled_from([KeyboardInterrupt, StreamBrokenError, UnreachableError]))
    def be_cut_short(self, data: st.DataObject, how: type[BaseException]) -> None:
        name, place, number = self._next(data)
        exchange = self._ask(name, place, Ending(number, after=how("gone")))
        assert exchange.turn.outcome is not Outcome.COMPLETE
        assert exchange.turn.reply.text == f"half{number}"

    @rule(data=st.data(), how=st.sampled_from([KeyboardInterrupt, UnreachableError]))
    def fail_before_anything_comes(self, data: st.DataObject, how: type[BaseException]) -> None:
        name, place, number = self._next(data)
        assert self._ask(name, place, Ending(number, before=how("gone"))).turn.empty

    @rule(data=st.data(), system=st.sampled_from(["", "Be brief.", "Be kind."]))
    def change_the_system_prompt(self, data: st.DataObject, system: str) -> None:
        name = data.draw(st.sampled_from(sorted(self.sessions)))
        self.sessions[name] = replace(self.sessions[name], system=system)

    @precondition(lambda self: self.memory.turns)
    @rule(data=st.data())
    def go_to_any_turn(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.sessions)))
        self.sessions[name] = self.sessions[name].moved(data.draw(st.sampled_from(sorted(self.memory.turns))))

    @rule(data=st.data())
    def fork(self, data: st.DataObject) -> None:
        if len(self.sessions) < 3:
            name = data.draw(st.sampled_from(sorted(self.sessions)))
            self.sessions[f"fork {len(self.sessions)}"] = self.sessions[name].forked(f"fork {len(self.sessions)}")

    @rule(url=st.sampled_from(sorted(some_servers())))
    def start_a_server_again(self, url: str) -> None:
        self.servers[url].chains.clear()

    @rule()
    def start_lmchat_again(self) -> None:
        self.routes.clear()


TestTravelling = Travelling.TestCase
TestTravelling.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
