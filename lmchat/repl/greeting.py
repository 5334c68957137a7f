"""What a person sees on coming in: one line the first time, the last turns of a session that goes on."""

from itertools import islice

from lmchat.errors import nearest
from lmchat.render.history import show_turns
from lmchat.repl.state import ReplState

RESUMED_TURNS = 3


def greet(desk: ReplState, *, first_run: bool) -> None:
    """Say where one is: less to whom has been here before, the last turns where a session goes on."""
    if desk.session.head is not None:
        show_resumed(desk)
    elif desk.session.name and not desk.kept and not desk.parts.private:
        say_new(desk)
    if first_run:
        model = desk.model or "no model yet"
        private = "; nothing is kept" if desk.parts.private else ""
        desk.say(f"Talking to {model} at {desk.parts.server}{private}. /help lists the commands.")


def say_new(desk: ReplState) -> None:
    """Say that a name is new, and which names are near it."""
    near = nearest(desk.session.name, desk.parts.store.names())
    desk.say(f"'{desk.session.name}' is a new session." + (f" {near} /switch goes there." if near else ""))


def show_resumed(desk: ReplState, most: int = RESUMED_TURNS) -> None:
    """Show the last turns as they looked, dimmed, and how many stand before them."""
    turns = list(islice(desk.session.lineage(), most))[::-1]
    before = turns[0].parent
    if before is not None:
        desk.say(f"Session '{desk.session.name}' goes on; earlier turns: /history, /tree.")
    show_turns(desk.parts.world, turns, desk.theme, dim=True)


def say_place(desk: ReplState) -> None:
    """Say on which turn one stands now."""
    head = desk.head
    if head is None:
        desk.say("Before the first turn; the next prompt begins anew.")
        return
    words = " ".join(head.prompt.text.split())
    desk.say(f"At turn {head.id}: {words[:60]}{'…' if len(words) > 60 else ''}")
