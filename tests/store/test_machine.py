"""Whatever is done to a store, in any order, a plain model of it agrees."""

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings, strategies
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from lmchat.chat.session import Outcome, Session, TurnId
from lmchat.dataclass import replace
from lmchat.errors import BadUseError
from lmchat.store.store import Store
from tests.support.conversation import answered, asked, drafted, fresh, numbers, opened, unasked


class Sessions(RuleBasedStateMachine):
    """Keep beside the store what each session's way from the root should be, and which turns it grew."""

    names = Bundle("names")

    @initialize()
    def start(self) -> None:
        self.temporary = tempfile.TemporaryDirectory()
        self.directory = Path(self.temporary.name) / "data"
        self.store: Store = fresh(self.directory)
        self.made = 0
        self.paths: dict[str, list[TurnId]] = {}
        self.undone: dict[str, list[list[TurnId]]] = {}
        self.trees: dict[str, int] = {}
        self.parents: dict[tuple[int, TurnId], list[TurnId]] = {}
        self.grown: dict[str, set[TurnId]] = {}

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            self.temporary.cleanup()

    def found(self, name: str) -> Session:
        return self.store.find(name)

    def went(self, name: str, path: list[TurnId]) -> None:
        self.paths[name], self.undone[name] = path, []

    def grew(self, name: str, number: TurnId, path: list[TurnId]) -> None:
        assert (self.trees[name], number) not in self.parents
        self.parents[self.trees[name], number] = path
        self.grown[name].add(number)

    @rule(target=names)
    def create(self) -> str:
        self.made += 1
        name = self.store.create(None, "session").name
        self.trees[name], self.grown[name] = self.made, set()
        self.went(name, [])
        return name

    @rule(name=names)
    def ask(self, name: str) -> None:
        after = asked(self.store, self.found(name), "Question", "Answer 青")
        assert after.head is not None
        path = [*self.paths[name], after.head]
        self.grew(name, after.head, path)
        self.went(name, path)

    @rule(name=names)
    def ask_while_the_head_moves(self, name: str) -> None:
        session = self.found(name)
        keep = self.store.keeper(session)
        turn = replace(unasked(session, "Slow"), id=keep(unasked(session, "Slow"), done=False).id)
        self.ask(name)
        assert not keep(answered(turn, "Late"), done=True).is_head
        self.grew(name, turn.id, [*self.paths[name][:-1], turn.id])

    @rule(name=names)
    def die_in_the_middle_and_start_again(self, name: str) -> None:
        turn = drafted(self.store, self.found(name), "Cut", "Hal")
        self.restart()
        assert self.found(name).turn(turn.id).outcome is Outcome.INTERRUPTED
        path = [*self.paths[name], turn.id]
        self.grew(name, turn.id, path)
        self.went(name, path)

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.store = opened(self.directory)

    @rule(name=names, count=strategies.integers(1, 3))
    def undo(self, name: str, count: int) -> None:
        path = self.paths[name]
        try:
            self.store.undo(self.found(name), count)
        except BadUseError:
            assert count > len(path)
            return
        self.undone[name] += [path[: len(path) - each] for each in range(count)]
        self.paths[name] = path[: len(path) - count]

    @rule(name=names, count=strategies.integers(1, 2))
    def redo(self, name: str, count: int) -> None:
        try:
            self.store.redo(self.found(name), count)
        except BadUseError:
            assert count > len(self.undone[name])
            return
        for _ in range(count):
            self.paths[name] = self.undone[name].pop()

    @rule(name=names, data=strategies.data())
    def goto(self, name: str, data: strategies.DataObject) -> None:
        session = self.found(name)
        to = data.draw(strategies.sampled_from([None, *session.turns]))
        self.store.move(session, to)
        if to != session.head:
            self.went(name, [] if to is None else self.parents[self.trees[name], to])

    @rule(target=names, name=names)
    def fork(self, name: str) -> str:
        fork = self.store.fork(self.found(name), f"fork {self.made}").name
        self.made += 1
        self.trees[fork], self.grown[fork] = self.trees[name], set()
        self.went(fork, self.paths[name])
        return fork

    @rule(target=names, name=consumes(names))
    def copy(self, name: str) -> object:
        document = self.store.export(self.found(name))
        tree = [entry.id for entry in self.store.tree(self.found(name))]
        copy = self.store.import_(document, f"copy {self.made}")
        assert [entry.id for entry in self.store.tree(copy)] == tree
        assert numbers(copy) == self.paths[name]
        self.store.delete([copy.name])
        self.made += 1
        return multiple(name)

    @rule(name=consumes(names))
    def delete(self, name: str) -> None:
        if self.found(name).turns and any(
            other != name and self.trees[other] == self.trees[name] for other in self.paths
        ):
            self.delete_a_sharing_one(name)
            return
        self.store.delete([name])
        self.forget(name)

    def delete_a_sharing_one(self, name: str) -> None:
        """Delete a session whose tree others share; what they reach stays, and belongs to one of them."""
        others = [each for each in self.paths if each != name and self.trees[each] == self.trees[name]]
        before = {other: {entry.id for entry in self.store.tree(self.found(other))} for other in others}
        left = {number for reached in before.values() for number in reached}
        self.store.delete([name])
        for other, reached in before.items():
            assert {entry.id for entry in self.store.tree(self.found(other))} >= reached
            assert set(self.found(other).turns) == left
        self.forget(name)
        gone = {number for tree, number in self.parents if tree == self.trees[others[0]]} - left
        for other in others:
            self.undone[other] = [path for path in self.undone[other] if not gone.intersection(path[-1:])]

    def forget(self, name: str) -> None:
        for table in (self.paths, self.undone, self.grown):
            del table[name]

    @invariant()
    def every_session_is_where_it_should_be(self) -> None:
        if not hasattr(self, "store"):
            return
        assert set(self.store.names()) == set(self.paths)
        for name, path in self.paths.items():
            session = self.found(name)
            assert numbers(session) == path
            reached = {entry.id for entry in self.store.tree(session)}
            assert reached >= {*path, *self.grown[name]}

    @invariant()
    def the_file_is_whole(self) -> None:
        if hasattr(self, "store"):
            database = self.store._database
            assert database.rows("PRAGMA foreign_key_check") == []
            assert len(database.rows("SELECT DISTINCT doc FROM trigram_places")) == len(
                database.rows("SELECT 1 FROM settled")
            )


TestSessions = Sessions.TestCase
TestSessions.settings = settings(
    max_examples=30, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
