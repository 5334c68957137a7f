"""Sessions and replies to files, and sessions back."""

import json
from enum import Enum
from pathlib import Path

from lmchat.advice import Say
from lmchat.app.attachments import STDIN
from lmchat.app.conversation import open_kept_store
from lmchat.app.files import Ask, place_for, write_text
from lmchat.app.invocation import Invocation
from lmchat.chat.session import Session
from lmchat.chat.transcript import transcript
from lmchat.render.json_output import write_document
from lmchat.render.text import sanitize
from lmchat.store.store import Store


class Form(Enum):
    """A form in which a session is written."""

    JSON = "JSON"
    HTML = "HTML"
    MARKDOWN = "Markdown"


_FORM_OF = {
    ".md": Form.MARKDOWN,
    ".html": Form.HTML,
    ".json": Form.JSON,
    ".htm": Form.HTML,
    ".markdown": Form.MARKDOWN,
    ".txt": Form.MARKDOWN,
    "": Form.MARKDOWN,
}


def form_of(path: Path) -> Form:
    """Return the form that a file's name asks for."""
    return _FORM_OF.get(path.suffix.lower(), Form.MARKDOWN)


def export_session(
    store: Store,
    session: Session,
    path: Path,
    say: Say,
    *,
    ask: Ask | None,
    force: bool = False,
    form: Form | None = None,
) -> None:
    """Write a session to a file in the form that its name asks for, or in `form`; see `place_for` for what it raises.

    JSON is complete, HTML has all branches, Markdown the way to the head.
    """
    suffixes = [path.suffix.lower()] if form else _FORM_OF
    place = place_for(path, ask=ask, force=force, suffixes=suffixes, what="A session")
    form = form or form_of(path)
    write_text(place, _written(store, session, form))
    name = f"Session '{session.name}'" if session.name else "The session"
    say(f"{name} is in {place.path} as {form.value}{place.instead}.")


def _written(store: Store, session: Session, form: Form) -> str:
    match form:
        case Form.JSON:
            return f"{json.dumps(store.export(session), ensure_ascii=False, indent=1)}\n"
        case Form.HTML:
            from lmchat.render.html import html_page

            kept = [turn for turn, _ in store.shape(session)] if session.id else list(session.turns)
            return html_page(session, [session.turn(turn) for turn in kept])
        case Form.MARKDOWN:
            return transcript(session)


def export_named(invocation: Invocation, name: str, output: Path | None, *, force: bool, complete: bool) -> None:
    """Write a session to a file, or (None, `-`) to stdout; `complete` asks for JSON whatever the file is called."""
    with open_kept_store(invocation) as store:
        session = store.find(name)
        if output is None or output == STDIN:
            _print(invocation, store, session, complete=complete)
            return
        form = Form.JSON if complete else None
        export_session(store, session, output, invocation.say, ask=invocation.asking, force=force, form=form)


def _print(invocation: Invocation, store: Store, session: Session, *, complete: bool) -> None:
    """Write a session to stdout: complete, as JSON, or as Markdown."""
    stdout = invocation.world.stdout
    if complete:
        write_document(stdout, store.export(session))
        return
    text = transcript(session)
    stdout.write(sanitize(text) if stdout.isatty() else text)
