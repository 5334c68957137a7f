"""Commands that move about in the conversation: it is a tree, and any turn can be returned to."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice

from lmchat.chat.keeping import TreeEntry
from lmchat.chat.models import meant_model, name_to_ask
from lmchat.chat.session import Session, Turn, TurnId
from lmchat.dataclass import replace
from lmchat.errors import BadUseError
from lmchat.render.history import show_turns
from lmchat.render.tree import draw_tree
from lmchat.repl.commands.command import (
    Command,
    by_word,
    count,
    nothing,
    offer_models,
    offer_option_values,
    offer_options,
    offer_turns,
    one_word,
    required,
    turn_number,
    with_option,
    words,
)
from lmchat.repl.line import literal
from lmchat.repl.matching import Offer
from lmchat.repl.models import with_model
from lmchat.repl.state import ReplState
from lmchat.repl.turns import ask

_SHOWN_TURNS = 10


def undo(state: ReplState, text: str) -> ReplState:
    """Move the head towards the first turn."""
    steps, state = count(text, 1), state.current()
    session = state.conversation.store.undo(state.session, steps) if state.kept else state.session.undone(steps)
    return _moved(state, session)


def redo(state: ReplState, text: str) -> ReplState:
    """Take back what was undone."""
    steps, state = count(text, 1), state.current()
    if not state.kept:
        hint = "A private conversation moves with /goto." if state.conversation.private else ""
        raise BadUseError("Nothing is left to redo.", hint=hint)
    return _moved(state, state.conversation.store.redo(state.session, steps))


def goto(state: ReplState, text: str) -> ReplState:
    """Move the head to a turn; 0 is before the first."""
    number = turn_number(required(text, "turn to go to", "/goto 3"))
    state, to = state.current(), number or None
    session = state.conversation.store.move(state.session, to) if state.kept else state.session.moved(to)
    return _moved(state, session)


def retry(state: ReplState, text: str) -> ReplState:
    """Ask the last prompt again, beside the reply there is; another model and other options apply to this turn only."""
    state = with_model(state.current())
    turn, usual = _unanswered(state) or _last(state), state.session
    once = _tried_with(state, words(text))
    if once.model != usual.model:
        state.say(f"Turn {turn.id}, {turn.model}:")
        show_turns(state.conversation.world, [turn], state.theme, dim=True)
        state.say(f"{once.model}:")
    asked = ask(state, turn.prompt, growing=usual.moved(turn.parent), summary=turn.summary, once=once)
    # The prompt is in the tree: what is in the line, to be changed and sent again, is the command.
    return replace(asked, draft=f"/retry {text}".strip() if asked.draft else "")


def edit(state: ReplState, text: str) -> ReplState:
    """Put the prompt of a turn into the line; sent, it grows beside that turn."""
    state = state.current()
    turn = state.session.turn(turn_number(text)) if text else _last(state)
    return replace(state, draft=literal(turn.prompt.text), images=turn.prompt.images, editing=turn.id)


def tree(state: ReplState, text: str) -> ReplState:
    """Draw the branches, with the head marked."""
    nothing(text)
    state = state.current()
    store, session = state.conversation.store, state.session
    leaves = {} if state.kept else {turn.id: TreeEntry.of(turn) for turn in _turns(session)}
    shape = store.shape(session) if state.kept else [(leaf.id, leaf.parent) for leaf in leaves.values()]
    if not shape:
        raise BadUseError("There are no turns yet.")

    def look_up(turns: Collection[TurnId]) -> Iterable[TreeEntry]:
        return store.tree(session, only=turns) if state.kept else [leaves[turn] for turn in turns]

    heads = store.heads(session) if state.kept else {}
    attempts = store.attempts(session) if state.kept else {leaf.id for leaf in leaves.values() if leaf.attempt}
    for line in draw_tree(shape, session.head, heads, look_up, state.theme, state.width, attempts=attempts):
        state.write(f"{line}\n")
    return state


def history(state: ReplState, text: str) -> ReplState:
    """Show the last turns again."""
    state = state.current()
    turns = list(islice(state.session.lineage(), count(text, _SHOWN_TURNS)))[::-1]
    if not turns:
        raise BadUseError("There are no turns yet.")
    show_turns(state.conversation.world, turns, state.theme)
    return state


def _say_place(state: ReplState) -> None:
    """Say which turn is the head now."""
    head = state.head
    if head is None:
        state.say("Before the first turn; the next prompt starts over.")
        return
    words = " ".join(head.prompt.text.split())
    state.say(f"At turn {head.id}: {words[:60]}{'…' if len(words) > 60 else ''}")


def _turns(session: Session) -> list[Turn]:
    return [session.turns[number] for number in sorted(session.turns)]


def _moved(state: ReplState, session: Session) -> ReplState:
    moved = replace(state.at(session), warned=False)
    _say_place(moved)
    return moved


def _unanswered(state: ReplState) -> Turn | None:
    """Return the newest turn where it is an attempt to follow the head."""
    newest = state.session.turns.get(max(state.session.turns, default=TurnId(0)))
    return newest if newest is not None and newest.empty and newest.parent == state.session.head else None


def _last(state: ReplState) -> Turn:
    if state.head is None:
        raise BadUseError("There is no turn yet.")
    return state.head


def _tried_with(state: ReplState, given: list[str]) -> Session:
    """Return the session with the model and the options of `--model KEY option=value …`."""
    session = state.session
    while given:
        word = given.pop(0)
        name, equals, value = word.partition("=")
        if name in {"--model", "-m", "model"}:
            key = value if equals else required(given.pop(0) if given else "", "model", "/retry --model KEY")
            found = meant_model(state.known.now(), key)
            session = replace(session, model=name_to_ask(found, key) if found else key)
        elif equals:
            session = replace(session, options=with_option(session.options, name, value))
        else:
            raise BadUseError(
                f"'{word}' is not understood.", hint=f"Like this: /retry --model {state.model} temperature=0.2"
            )
    return session


def _retry_offers(state: ReplState, typed: Sequence[str]) -> Iterator[Offer]:
    if typed[-2:-1] == ["--model"]:
        yield from offer_models(state)
        return
    name, equals, _ = typed[-1].partition("=")
    if equals:
        yield from ((f"{name}={value}", about) for value, about in offer_option_values(state, name))
        return
    yield "--model", "Ask another model."
    yield from ((f"{name}=", about) for name, about in offer_options(state))


COMMANDS = (
    Command("undo", "[n]", "Go back one turn, or n; the next prompt branches there.", undo),
    Command("redo", "[n]", "Take back what was undone.", redo),
    Command(
        "retry",
        "[--model KEY] [option=value…]",
        "Ask the last prompt again; both replies stay in the tree.",
        retry,
        by_word(_retry_offers),
        more="Another model or other options apply to this one reply: /retry --model KEY temperature=0.2",
    ),
    Command("edit", "[turn]", "Change the last prompt, or a turn's, and branch there.", edit, one_word(offer_turns)),
    Command("goto", "TURN", "Go to any turn; 0 is before the first.", goto, one_word(offer_turns)),
    Command("tree", "", "Draw the turns with their branches.", tree),
    Command("history", "[n]", f"Show the last {_SHOWN_TURNS} turns again, or n.", history),
)
