"""Commands for sessions: names that point at turns."""

from dataclasses import replace

from lmchat.chat.session import Session
from lmchat.errors import BadUseError
from lmchat.render.listings import match_text, sessions_listing
from lmchat.render.notes import counted
from lmchat.render.sanitize import safe_line
from lmchat.repl.commands.command import Command, Takes, nothing, required
from lmchat.repl.greeting import say_new, show_resumed
from lmchat.repl.state import ReplState
from lmchat.store.names import checked

_MOST_MATCHES = 20


def fork(desk: ReplState, text: str) -> ReplState:
    """Go on in a new session that shares what was said so far."""
    name = required(text, "name for the new session", "/fork NAME")
    desk = desk.current()
    if not desk.kept:
        raise BadUseError("There is nothing to fork yet.", hint="A session is kept from its first prompt on.")
    forked = desk.parts.store.fork(desk.session, name)
    desk.say(f"You are in '{forked.name}' now; /switch {desk.session.name} goes back.")
    return desk.at(forked)


def new(desk: ReplState, text: str) -> ReplState:
    """Begin a conversation with the same model and settings."""
    if text and not desk.parts.private and desk.parts.store.has(checked(text)):
        raise BadUseError(f"There is a session '{text}' already.", hint=f"/switch {text} goes there.")
    fresh = _empty(desk.session, checked(text) if text else "")
    desk = desk.at(fresh)
    if text:
        say_new(desk)
    else:
        desk.say("A new session; it is named after its first prompt.")
    return replace(desk, warned=False)


def switch(desk: ReplState, text: str) -> ReplState:
    """Go on in another session."""
    name = required(text, "session", "/switch NAME")
    if desk.parts.private:
        raise BadUseError("A private conversation cannot be left for another.", hint="/quit ends it.")
    found = desk.parts.store.find(name)
    desk = replace(desk.at(found), warned=False)
    if found.head is None:
        desk.say(f"Session '{found.name}' has no turns yet.")
    else:
        show_resumed(desk)
    return desk


def sessions(desk: ReplState, text: str) -> ReplState:
    """List the sessions, the one used last first."""
    nothing(text)
    summaries = desk.parts.store.sessions()
    if not summaries:
        raise BadUseError("There are no sessions yet.", hint="The first prompt makes one.")
    desk.write(sessions_listing(summaries, desk.parts.world.now(), desk.theme, desk.width))
    return desk


def rename(desk: ReplState, text: str) -> ReplState:
    """Give the session another name."""
    name = checked(required(text, "new name", "/rename NAME"))
    if desk.kept:
        desk.parts.store.rename(desk.session.name, name)
    elif not desk.parts.private and desk.parts.store.has(name):
        raise BadUseError(f"There is a session '{name}' already.", hint="Choose another name.")
    desk.say(f"This session is called '{name}' now.")
    return replace(desk, session=replace(desk.session, name=name))


def delete(desk: ReplState, text: str) -> ReplState:
    """Delete a session for good, after a question."""
    name = text or desk.session.name
    if not name or (not text and not desk.kept):
        raise BadUseError("There is nothing to delete: this session is not kept yet.")
    store = desk.parts.store
    doomed = store.find(name)
    turns = sum(1 for _ in doomed.lineage())
    if not desk.keyboard.confirmed(
        f"Delete session '{safe_line(doomed.name)}' ({counted(turns, 'turn')} on its way) for good?"
    ):
        desk.say("Nothing was deleted.")
        return desk
    store.delete([name])
    desk.say(f"Session '{doomed.name}' is deleted.")
    return desk.at(_empty(desk.session, "")) if doomed.name == desk.session.name else desk


def search(desk: ReplState, text: str) -> ReplState:
    """Find words in all sessions."""
    matches = desk.parts.store.search(required(text, "word to look for", "/search blue sky"), limit=_MOST_MATCHES)
    if not matches:
        desk.say("Nothing was found.")
        return desk
    for match in matches:
        desk.write(match_text(match, desk.parts.world.now(), desk.theme))
    desk.say("/switch NAME and /goto TURN go there.")
    return desk


def _empty(session: Session, name: str) -> Session:
    return replace(session, name=name, turns={}, head=None)


COMMANDS = (
    Command("fork", "NAME", "Go on in a new session that shares what was said so far.", fork),
    Command("new", "[NAME]", "Begin a new session with the same model and settings.", new),
    Command("switch", "NAME", "Go on in another session.", switch, Takes.SESSION),
    Command("sessions", "", "List the sessions, the one used last first.", sessions),
    Command("rename", "NAME", "Give this session another name.", rename),
    Command("delete", "[NAME]", "Delete this session, or another, for good.", delete, Takes.SESSION),
    Command("search", "TEXT", "Find words in all sessions.", search),
)
