"""Commands for sessions: names that point at turns."""

from dataclasses import replace

from lmchat.chat.session import Session
from lmchat.errors import BadUseError
from lmchat.render.tables import Column, age_words, listing
from lmchat.render.text import safe_line
from lmchat.repl.commands.command import Command, Takes
from lmchat.repl.commands.words import nothing, required
from lmchat.repl.desk import Desk
from lmchat.repl.greeting import say_new, show_resumed
from lmchat.store.names import checked

_COLUMNS = (
    Column("NAME"),
    Column("TURNS", right=True),
    Column("MODEL", gives=True),
    Column("LAST USE"),
    Column("FIRST WORDS", gives=True),
)
_MOST_MATCHES = 20


def fork(desk: Desk, text: str) -> Desk:
    """Go on in a new session that shares what was said so far."""
    name = required(text, "name for the new session", "/fork NAME")
    desk = desk.current()
    if not desk.kept:
        raise BadUseError("There is nothing to fork yet.", hint="A session is kept from its first prompt on.")
    forked = desk.parts.store.fork(desk.session, name)
    desk.say(f"You are in '{forked.name}' now; /switch {desk.session.name} goes back.")
    return desk.at(forked)


def new(desk: Desk, text: str) -> Desk:
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


def switch(desk: Desk, text: str) -> Desk:
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


def sessions(desk: Desk, text: str) -> Desk:
    """List the sessions, the one used last first."""
    nothing(text)
    summaries = desk.parts.store.sessions()
    if not summaries:
        raise BadUseError("There are no sessions yet.", hint="The first prompt makes one.")
    now = desk.parts.world.now()
    rows = [
        (each.name, str(each.turns), each.model, age_words(each.last_used, now), each.first_words) for each in summaries
    ]
    desk.write(listing(_COLUMNS, rows, desk.theme, desk.width))
    return desk


def rename(desk: Desk, text: str) -> Desk:
    """Give the session another name."""
    name = checked(required(text, "new name", "/rename NAME"))
    if desk.kept:
        desk.parts.store.rename(desk.session.name, name)
    elif not desk.parts.private and desk.parts.store.has(name):
        raise BadUseError(f"There is a session '{name}' already.", hint="Choose another name.")
    desk.say(f"This session is called '{name}' now.")
    return replace(desk, session=replace(desk.session, name=name))


def delete(desk: Desk, text: str) -> Desk:
    """Delete a session for good, after a question."""
    name = text or desk.session.name
    if not name or (not text and not desk.kept):
        raise BadUseError("There is nothing to delete: this session is not kept yet.")
    store = desk.parts.store
    doomed = store.find(name)
    turns = sum(1 for _ in doomed.lineage())
    if not desk.keyboard.confirmed(f"Delete session '{safe_line(doomed.name)}' ({turns} turns on its way) for good?"):
        desk.say("Nothing was deleted.")
        return desk
    store.delete([name])
    desk.say(f"Session '{doomed.name}' is deleted.")
    return desk.at(_empty(desk.session, "")) if doomed.name == desk.session.name else desk


def search(desk: Desk, text: str) -> Desk:
    """Find words in all sessions."""
    matches = desk.parts.store.search(required(text, "word to look for", "/search blue sky"), limit=_MOST_MATCHES)
    if not matches:
        desk.say("Nothing was found.")
        return desk
    theme, now = desk.theme, desk.parts.world.now()
    for match in matches:
        place = f"{safe_line(match.session)} · turn {match.turn} · {match.where} · {age_words(match.at, now)}"
        desk.write(f"{theme.styled(place, theme.looks.faint)}\n    ")
        end = 0
        for start, stop in match.hits:
            found = theme.styled(safe_line(match.snippet[start:stop]), theme.looks.strong)
            desk.write(_plain(match.snippet[end:start]) + found)
            end = stop
        desk.write(_plain(match.snippet[end:]) + "\n")
    desk.say("/switch NAME and /goto TURN go there.")
    return desk


def _plain(text: str) -> str:
    """Make a piece of a line safe, with the blanks at its ends."""
    return safe_line(f"|{text}|")[1:-1]


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
