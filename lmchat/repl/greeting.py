"""What a person sees on coming in: one line the first time, the last turns of a session that goes on."""

from itertools import islice

from lmchat.errors import nearest
from lmchat.render.history import show_turns
from lmchat.repl.state import ReplState

RESUMED_TURNS = 3


def greet(state: ReplState, *, first_run: bool) -> None:
    """Say where one is: less to whom has been here before, the last turns where a session goes on."""
    if state.session.head is not None:
        show_resumed(state)
    elif state.session.name and not state.kept and not state.conversation.private:
        say_new(state)
    if not state.model and any(model.chats for model in state.known.now()):
        state.say("No model is chosen yet. /model lets you choose one; so does your first prompt.")
    if first_run:
        who = f"Talking to {state.model}" if state.model else "Connected"
        private = "; nothing is kept" if state.conversation.private else ""
        state.say(f"{who} at {state.conversation.server}{private}. /help lists the commands.")


def say_new(state: ReplState) -> None:
    """Say that a name is new, and which names are near it."""
    near = nearest(state.session.name, state.conversation.store.names())
    state.say(f"'{state.session.name}' is a new session." + (f" {near} /switch goes there." if near else ""))


def show_resumed(state: ReplState, most: int = RESUMED_TURNS) -> None:
    """Show the last turns as they looked, all but the very last dimmed, and say where earlier ones are."""
    turns = list(islice(state.session.lineage(), most))[::-1]
    before = turns[0].parent
    if before is not None:
        state.say(f"Session '{state.session.name}' goes on; earlier turns: /history, /tree.")
    show_turns(state.conversation.world, turns[:-1], state.theme, dim=True)
    show_turns(state.conversation.world, turns[-1:], state.theme)


def say_place(state: ReplState) -> None:
    """Say which turn is the head now."""
    head = state.head
    if head is None:
        state.say("Before the first turn; the next prompt starts over.")
        return
    words = " ".join(head.prompt.text.split())
    state.say(f"At turn {head.id}: {words[:60]}{'…' if len(words) > 60 else ''}")
