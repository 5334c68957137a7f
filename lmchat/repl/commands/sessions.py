"""Commands for sessions: names that point at turns."""

from lmchat.advice import Action, Do
from lmchat.chat.session import Session
from lmchat.dataclass import replace
from lmchat.errors import BadUseError, SessionGoneError
from lmchat.render.listings import match_text, sessions_listing
from lmchat.render.notes import counted
from lmchat.render.text import sanitize_line
from lmchat.repl.commands.command import Command, nothing, offer_sessions, required, whole
from lmchat.repl.opening import say_new, show_resumed
from lmchat.repl.picker.browser import Browser
from lmchat.repl.picker.choice import Choices
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
    """Go on in another session, which the person picks where none is named."""
    if not text:
        return _picked(state)
    _leaves(state)
    return _shown(state, state.conversation.store.find(text))


def sessions(state: ReplState, text: str) -> ReplState:
    """Look through the sessions, and go on in one of them; where nothing can be painted, list them."""
    nothing(text)
    if state.keyboard.terminal.escapes and not state.conversation.private:
        return _picked(state)
    summaries = state.conversation.store.sessions()
    if not summaries:
        raise _no_sessions()
    state.write(sessions_listing(summaries[::-1], state.conversation.world.now(), state.theme, state.width))
    return state


def _picked(state: ReplState) -> ReplState:
    """Let the person pick a session, or a turn of one; leaving changes nothing but what was renamed or deleted."""
    _leaves(state)
    store = state.conversation.store
    if store.last() is None:
        raise _no_sessions()
    if not state.keyboard.terminal.escapes:
        name = state.keyboard.chosen("Which session?", Choices([(name, "") for name in store.names()]))
        return state if name is None else _shown(state, store.find(name))
    theme = replace(state.theme, links=False)
    picked = state.keyboard.picked(Browser(store, theme, state.conversation.world.now))
    state = _as_it_is_now(state)
    if picked is None:
        return state
    found = store.find(picked.name)
    return _shown(state, found if picked.turn is None else store.move(found, picked.turn))


def _as_it_is_now(state: ReplState) -> ReplState:
    """Return the state after this session may have been renamed or deleted."""
    if not state.kept:
        return state
    try:
        return replace(state, session=state.conversation.store.current(state.session))
    except SessionGoneError:
        return state.without_session()


def _shown(state: ReplState, found: Session) -> ReplState:
    """Go on in a session, and show where it was."""
    state = replace(state.at(found), warned=False)
    if found.head is None:
        state.say(f"Session '{found.name}' has no turns yet.")
    else:
        show_resumed(state)
    return state


def _leaves(state: ReplState) -> None:
    if state.conversation.private:
        raise BadUseError("A private conversation cannot be left for another.", hint="/quit ends it.")


def _no_sessions() -> BadUseError:
    return BadUseError("There are no sessions yet.", hint="The first prompt makes one.")


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
    back = Do(Action.RESTORE_SESSION, found.name)
    state.say((f"Session '{found.name}' is deleted; for 30 days, ", back, " brings it back."))
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
    best = matches[0]
    state.say(f"/switch {best.session}, then /goto {best.turn}, goes to the newest; Ctrl-O finds words, too.")
    return state


def _empty(session: Session, name: str) -> Session:
    return replace(session, id=0, name=name, turns={}, head=None)


COMMANDS = (
    Command("fork", "NAME", "Go on in a new session that shares what was said so far.", fork),
    Command("new", "[NAME]", "Begin a new session with the same model and settings.", new),
    Command("switch", "[NAME]", "Go on in another session, or pick one (also Ctrl-O).", switch, whole(offer_sessions)),
    Command("sessions", "", "Look through all sessions: search, preview, rename, delete.", sessions),
    Command("rename", "NAME", "Give this session another name.", rename),
    Command(
        "delete",
        "[NAME]",
        "Move this session, or another, to the trash for 30 days.",
        delete,
        whole(offer_sessions),
    ),
    Command("search", "TEXT", "Find words in all sessions.", search),
)
