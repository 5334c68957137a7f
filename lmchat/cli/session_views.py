"""Show saved sessions: as tables and drawings for people, as JSON documents for scripts."""

from typing import TYPE_CHECKING, Any

from lmchat.advice import in_shell
from lmchat.app.display import theme_of, thoughts_of, width_of
from lmchat.app.invocation import Invocation, open_kept_store, settings_of
from lmchat.errors import NotFoundError
from lmchat.render.terminal import size_of

if TYPE_CHECKING:
    from lmchat.chat.keeping import Summary, TreeEntry
    from lmchat.chat.session import TurnId

_USUAL_LIMIT = 100
_OTHER_ROWS = 3
"""The rows of a window that are not sessions: how many are older, the titles, and the prompt that follows."""


def show_sessions(invocation: Invocation, *, limit: int | None, as_json: bool) -> None:
    """List the sessions, the one used last first; on a terminal last, next to the prompt that follows.

    `limit` is how many (0: all; None: as many as fit into the window, or a hundred elsewhere), in JSON always all.
    """
    from lmchat.render.json_output import write_document
    from lmchat.render.listings import sessions_listing
    from lmchat.render.notes import counted

    stdout = invocation.world.stdout
    terminal = stdout.isatty()
    if limit is None:
        fitting = size_of(stdout, invocation.world.environ)()[1] - _OTHER_ROWS
        limit = max(fitting, 1) if terminal else _USUAL_LIMIT
    with open_kept_store(invocation) as store:
        summaries = store.sessions(limit=None if as_json or not limit else limit)
        more = store.count() - len(summaries)
    if as_json:
        write_document(invocation.world.stdout, [_summary_document(each) for each in summaries])
        return
    if not summaries:
        invocation.say('There are no sessions yet. Begin one: lmchat ask "Hello"')
        return
    older = f"{counted(more, 'older session')} not shown; --limit 0 shows all."
    if more and terminal:
        invocation.say(older)
    listed = summaries[::-1] if terminal else summaries
    stdout.write(sessions_listing(listed, invocation.world.now(), theme_of(invocation), width_of(invocation)))
    if more and not terminal:
        invocation.say(older)


def _summary_document(summary: "Summary") -> dict[str, Any]:
    return {
        "name": summary.name,
        "turns": summary.turns,
        "model": summary.model,
        "created": summary.created.isoformat(),
        "last_used": summary.last_used.isoformat(),
        "first_words": summary.first_words,
        "outcome": summary.outcome.value if summary.outcome else None,
    }


def show_reply(invocation: Invocation, name: str, *, at: int | None) -> None:
    """Write the text of the head's reply, or of the turn `at`, as it came; raise NotFoundError where there is none."""
    from lmchat.app.asking import moved_to
    from lmchat.render.text import sanitize

    with open_kept_store(invocation) as store:
        session = store.find(name)
        session = session if at is None else moved_to(session, at)
        if session.head is None:
            raise NotFoundError(f"Session '{name}' has no reply there.")
        text = session.turn(session.head).reply.text
    stdout = invocation.world.stdout
    stdout.write((sanitize(text) if stdout.isatty() else text).rstrip("\n") + "\n")


def show_session(
    invocation: Invocation, name: str, *, at: int | None, show_reasoning: bool | None, as_json: bool
) -> None:
    """Show the turns from the root to the head, or to the turn `at`."""
    from lmchat.app.asking import moved_to
    from lmchat.render.history import show_turns
    from lmchat.render.json_output import write_document

    with open_kept_store(invocation) as store:
        session = store.find(name)
        if at is not None:
            session = moved_to(session, at)
        if as_json:
            write_document(invocation.world.stdout, store.export(session, branches=False))
            return
        thoughts = thoughts_of(settings_of(invocation), show_reasoning)
        show_turns(invocation.world, session.path(), theme_of(invocation), thoughts=thoughts)


def show_comparison(invocation: Invocation, name: str, first: int, second: int) -> None:
    """Compare the replies of two turns; raise NotFoundError where there is no such turn."""
    from lmchat.chat.session import TurnId
    from lmchat.render.history import compared

    with open_kept_store(invocation) as store:
        session = store.find(name)
        one, other = (session.turn(TurnId(number)) for number in (first, second))
        for row in compared(one, other, theme_of(invocation), width_of(invocation)):
            invocation.world.stdout.write(f"{row}\n")


def show_tree(invocation: Invocation, name: str, *, as_json: bool) -> None:
    """Draw the tree of a session."""
    from lmchat.render.json_output import write_document
    from lmchat.render.tree import draw_tree

    with open_kept_store(invocation) as store:
        session = store.find(name)
        if as_json:
            write_document(
                invocation.world.stdout, [_entry_document(entry, session.head) for entry in store.tree(session)]
            )
            return
        for line in draw_tree(
            store.shape(session),
            session.head,
            store.heads(session),
            lambda turns: store.tree(session, only=turns),
            theme_of(invocation),
            width_of(invocation) or 100,
            attempts=store.attempts(session),
        ):
            invocation.world.stdout.write(f"{line}\n")


def _entry_document(entry: "TreeEntry", head: "TurnId | None") -> dict[str, Any]:
    return {
        "turn": entry.id,
        "parent": entry.parent,
        "prompt": entry.first_words,
        "outcome": entry.outcome.value,
        "model": entry.model,
        "at": entry.at.isoformat(),
        "summary": entry.summary,
        "attempt": entry.attempt,
        "head": entry.id == head,
    }


def show_matches(invocation: Invocation, text: str, session: str | None, *, as_json: bool) -> None:
    """Show the turns that contain all words of a text, with the words in their context."""
    from lmchat.render.json_output import write_document
    from lmchat.render.listings import match_text

    with open_kept_store(invocation) as store:
        matches = store.search(text, session=session)
    if as_json:
        write_document(
            invocation.world.stdout,
            [
                {
                    "session": match.session,
                    "turn": match.turn,
                    "where": match.where,
                    "snippet": match.snippet,
                    "hits": match.hits,
                    "at": match.at.isoformat(),
                }
                for match in matches
            ],
        )
        return
    if not matches:
        invocation.say("Nothing was found.")
        return
    theme = theme_of(invocation)
    for match in matches:
        invocation.world.stdout.write(match_text(match, invocation.world.now(), theme))
    best = matches[0]
    invocation.say(f"Go there: lmchat talk {in_shell(best.session)} --at {best.turn}")
