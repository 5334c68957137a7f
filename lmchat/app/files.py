"""Files that are written for a person, such as a session: none that is there is replaced without a yes."""

import json
import os
import re
import stat
from collections.abc import Callable, Collection
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from lmchat.advice import Say
from lmchat.app.invocation import STDIN, Invocation, open_kept_store
from lmchat.chat.session import Session
from lmchat.dataclass import dataclass
from lmchat.errors import BadUseError, LmchatError
from lmchat.render.text import sanitize
from lmchat.store import SIGNATURE
from lmchat.world import replace_file

if TYPE_CHECKING:
    from lmchat.store.store import Store

Ask = Callable[[str], bool]
"""Asks the person a question and tells whether the answer is yes."""

_STREAM = re.compile(r"/dev/(std(in|out|err)|fd/\d+)|/proc/[^/]+/fd/\d+")
"""Names of this program's own streams: what they lead to may be a file, which is added to."""

_NO_TEXT = re.compile(
    r"\.(avif|bmp|docx?|epub|gif|gz|heic|jpe?g|mp3|mp4|odp|ods|odt|pdf|png|pptx?|rtf|tiff?|wav|webp|xlsx?|zip)"
)
"""Suffixes of files that are not text."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is written: the absolute path; it may be a pipe or a device, or replace a file."""

    path: Path
    stream: bool = False
    replaces: bool = False

    @property
    def instead(self) -> str:
        """Say what becomes of the file that was there, empty where there was none."""
        return ", in place of what was there" if self.replaces else ""


def place_for(
    path: Path, *, ask: Ask | None, force: bool = False, suffixes: Collection[str] | None = None, what: str = "A reply"
) -> Place:
    """Return where to write to, once the person agrees that a file there is replaced (`force`: without a question).

    `ask` is None where no one can be asked. `what` is written with one of `suffixes`; None means any of a text.
    Raise BadUseError where nothing can be written there, LmchatError after a no. An empty file has nothing to lose.
    """
    place = Path(os.path.abspath(path))  # noqa: PTH100 - pathlib's own leaves .. in, or follows links
    try:
        is_stream = _is_stream(place)
    except OSError as error:
        raise BadUseError(f"'{path}' cannot be written: {error.strerror}.") from None
    if is_stream:
        return Place(place, stream=True)
    _refuse_form(place, suffixes, what)
    _refuse_place(place)
    if not place.exists() or not place.stat().st_size or force:
        return Place(place, replaces=place.exists() and place.stat().st_size > 0)
    if ask is None:
        raise BadUseError(f"'{place}' exists already.", hint="Give another name, or --force to replace it.")
    if not ask(f"Replace {place}?"):
        raise LmchatError(f"'{place}' was left as it is.", hint="Give another name.")
    return Place(place, replaces=True)


def write_text(place: Place, text: str) -> None:
    """Write a text; raise BadUseError where that fails, and what was there is then as it was."""
    if is_database(place.path):
        raise BadUseError(f"'{place.path}' is a database, which is not written over.", hint="Give another name.")
    text = text.encode("utf-8", "replace").decode("utf-8")
    try:
        if place.stream:
            with place.path.open("a", encoding="utf-8") as stream:
                stream.write(text)
        elif place.path.exists():
            replace_file(place.path, text, durable=False)
        else:
            with place.path.open("x", encoding="utf-8") as file:
                file.write(text)
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadUseError(f"'{place.path}' cannot be written: {reason}.") from None


def is_database(path: Path) -> bool:
    """Tell whether a file is a database or one of the files that belong to it."""
    file = Path(re.sub(r"-(wal|shm|journal)$", "", str(path)))
    try:
        if not file.is_file():  # a pipe would lose what is read of it
            return False
        with file.open("rb") as opened:
            return opened.read(len(SIGNATURE)) == SIGNATURE
    except OSError:
        return False


def _is_stream(path: Path) -> bool:
    if _STREAM.fullmatch(str(path)):
        return True
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _refuse_form(path: Path, suffixes: Collection[str] | None, what: str) -> None:
    suffix = path.suffix.lower()
    if suffixes is None and _NO_TEXT.fullmatch(suffix):
        raise BadUseError(
            f"{what} is text, and cannot be written as {suffix}.",
            hint="Give a name like answer.md, answer.txt or x.py.",
        )
    if suffixes is not None and suffix not in suffixes:
        known = ", ".join(each for each in suffixes if each)
        raise BadUseError(f"{what} cannot be written as {suffix}.", hint=f"The name decides the form: {known}.")


def _refuse_place(path: Path) -> None:
    if path.is_dir():
        raise BadUseError(f"'{path}' is a directory.", hint="Name a file in it.")
    if not path.parent.is_dir():
        raise BadUseError(f"There is no directory '{path.parent}'.", hint="Make it first, or name another.")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise BadUseError(f"'{path}' cannot be written: Permission denied.")


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
    store: "Store",
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


def _written(store: "Store", session: Session, form: Form) -> str:
    match form:
        case Form.JSON:
            return f"{json.dumps(store.export(session), ensure_ascii=False, indent=1)}\n"
        case Form.HTML:
            from lmchat.render.html import html_page

            kept = [turn for turn, _ in store.shape(session)] if session.id else list(session.turns)
            return html_page(session, [session.turn(turn) for turn in kept])
        case Form.MARKDOWN:
            from lmchat.chat.transcript import transcript

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


def _print(invocation: Invocation, store: "Store", session: Session, *, complete: bool) -> None:
    """Write a session to stdout: complete, as JSON, or as Markdown."""
    stdout = invocation.world.stdout
    if complete:
        from lmchat.render.json_output import write_document

        write_document(stdout, store.export(session))
        return
    text = _written(store, session, Form.MARKDOWN)
    stdout.write(sanitize(text) if stdout.isatty() else text)
