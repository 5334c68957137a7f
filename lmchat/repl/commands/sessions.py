"""Commands for sessions: names that point at turns."""

from dataclasses import replace

from lmchat.chat.session import Session
from lmchat.errors import BadUseError
from lmchat.render.listings import match_text, sessions_listing
from lmchat.render.notes import counted
from lmchat.render.sanitize import sanitize_line
from lmchat.repl.commands.command import Command, nothing, required
from lmchat.repl.greeting import say_new, show_resumed
from lmchat.repl.offers import other_sessions, whole
from lmchat.repl.state import ReplState
from lmchat.store.sessions import checked

_MOST_MATCHES = 20


def fork(state: ReplState, text: str) -> ReplState:
    """Go on in a new session that shares what was said so far."""
    name = required(text, "name for the new session", "/fork NAME")
    state = state.current()
    if not state.kept:
        raise BadUseError("There is nothing to fork yet.", hint="A session is kept from its first prompt on.")
    forked = state.conversation.store.fork(state.session, name)
    state.say(f"You are in '{forked.name}' now; /switch {state.session.name} goes back.")
    return state.at(forked)


def new(state: ReplState, text: str) -> ReplState:
    """Begin a conversation with the same model and settings."""
    if text and not state.conversation.private and state.conversation.store.has(checked(text)):
        raise BadUseError(f"There is a session '{text}' already.", hint=f"/switch {text} goes there.")
    if state.conversation.private is not None:
        state.conversation.private.turns.clear()
    fresh = _empty(state.session, checked(text) if text else "")
    state = state.at(fresh)
    if text:
        say_new(state)
    else:
        state.say("A new session; it is named after its first prompt.")
    return replace(state, warned=False)


def switch(state: ReplState, text: str) -> ReplState:
    """Go on in another session."""
    name = required(text, "session", "/switch NAME")
    if state.conversation.private:
        raise BadUseError("A private conversation cannot be left for another.", hint="/quit ends it.")
    found = state.conversation.store.find(name)
    state = replace(state.at(found), warned=False)
    if found.head is None:
        state.say(f"Session '{found.name}' has no turns yet.")
    else:
        show_resumed(state)
    return state


def sessions(state: ReplState, text: str) -> ReplState:
    """List the sessions, the one used last first."""
    nothing(text)
    summaries = state.conversation.store.sessions()
    if not summaries:
        raise BadUseError("There are no sessions yet.", hint="The first prompt makes one.")
    state.write(sessions_listing(summaries, state.conversation.world.now(), state.theme, state.width))
    return state


def rename(state: ReplState, text: str) -> ReplState:
    """Give the session another name."""
    name = checked(required(text, "new name", "/rename NAME"))
    if state.kept:
        state.conversation.store.rename(state.session.name, name)
    elif not state.conversation.private and state.conversation.store.has(name):
        raise BadUseError(f"There is a session '{name}' already.", hint="Choose another name.")
    state.say(f"This session is called '{name}' now.")
    return replace(state, session=replace(state.session, name=name))


def delete(state: ReplState, text: str) -> ReplState:
    """Move a session to the trash, after a question."""
    name = text or state.session.name
    if not name or (not text and not state.kept):
        raise BadUseError("There is nothing to delete: this session is not kept yet.")
    store = state.conversation.store
    found = store.find(name)
    turns = sum(1 for _ in found.lineage())
    if not state.keyboard.confirmed(f"Delete session '{sanitize_line(found.name)}' ({counted(turns, 'turn')})?"):
        state.say("Nothing was deleted.")
        return state
    store.trash([name])
    state.say(f"Session '{found.name}' is deleted; for 30 days, `lmchat sessions restore {found.name}` brings it back.")
    return state.at(_empty(state.session, "")) if found.id == state.session.id else state


def search(state: ReplState, text: str) -> ReplState:
    """Find words in all sessions."""
    matches = state.conversation.store.search(
        required(text, "word to look for", "/search blue sky"), limit=_MOST_MATCHES
    )
    if not matches:
        state.say("Nothing was found.")
        return state
    for match in matches:
        state.write(match_text(match, state.conversation.world.now(), state.theme))
    state.say("/switch NAME and /goto TURN go there.")
    return state


def _empty(session: Session, name: str) -> Session:
    return replace(session, id=0, name=name, turns={}, head=None)


COMMANDS = (
    Command("fork", "NAME", "Go on in a new session that shares what was said so far.", fork),
    Command("new", "[NAME]", "Begin a new session with the same model and settings.", new),
    Command("switch", "NAME", "Go on in another session.", switch, whole(other_sessions)),
    Command("sessions", "", "List the sessions, the one used last first.", sessions),
    Command("rename", "NAME", "Give this session another name.", rename),
    Command(
        "delete", "[NAME]", "Move this session, or another, to the trash for 30 days.", delete, whole(other_sessions)
    ),
    Command("search", "TEXT", "Find words in all sessions.", search),
)
