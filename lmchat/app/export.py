"""Sessions and replies to files, and sessions back."""

import json
from enum import Enum
from pathlib import Path

from lmchat.advice import Say
from lmchat.app.care import is_database
from lmchat.app.invocation import Invocation
from lmchat.chat.session import Session
from lmchat.chat.transcript import transcript
from lmchat.errors import BadUseError
from lmchat.render.json_output import write_document
from lmchat.render.sanitize import sanitize
from lmchat.store.store import Store


class Form(Enum):
    """A form in which a session is written."""

    JSON = "JSON"
    HTML = "HTML"
    MARKDOWN = "Markdown"


_FORM_OF = {".json": Form.JSON, ".html": Form.HTML, ".htm": Form.HTML}


def form_of(path: Path) -> Form:
    """Return the form that a file's name asks for."""
    return _FORM_OF.get(path.suffix.lower(), Form.MARKDOWN)


def export_session(store: Store, session: Session, path: Path, say: Say, form: Form) -> None:
    """Write a session to a file; raise BadUseError where that cannot be written.

    JSON is complete, HTML has all branches, Markdown the way to the head.
    """
    instead = write_text(path, _written(store, session, form))
    name = f"Session '{session.name}'" if session.name else "The session"
    say(f"{name} is in {path} as {form.value}{instead}.")


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


def print_session(invocation: Invocation, store: Store, session: Session, *, complete: bool) -> None:
    """Write a session to stdout: complete, as JSON, or as Markdown."""
    stdout = invocation.world.stdout
    if complete:
        write_document(stdout, store.export(session))
        return
    text = transcript(session)
    stdout.write(sanitize(text) if stdout.isatty() else text)


def write_text(path: Path, text: str) -> str:
    """Write a file, and return what to say of one that it replaced; raise BadUseError where it cannot be written."""
    if is_database(path):
        raise BadUseError(f"'{path}' is a database, which is not written over.", hint="Give another name.")
    try:
        instead = ", in place of what was there" if path.is_file() and path.stat().st_size else ""
        path.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise BadUseError(f"'{path}' cannot be written: {error.strerror}.") from None
    return instead
