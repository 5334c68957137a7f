"""Sessions to files and back."""

import json
from pathlib import Path

from lmchat.app.attachments import read_text
from lmchat.app.conversation import open_kept_store
from lmchat.app.invocation import Invocation
from lmchat.chat.transcript import transcript
from lmchat.errors import BadUseError
from lmchat.render.json_output import write_document
from lmchat.render.sanitize import sanitize


def export_session(invocation: Invocation, name: str, output: Path | None, *, as_json: bool) -> None:
    """Write a session to a file (by its suffix JSON or Markdown) or to stdout."""
    with open_kept_store(invocation) as store:
        session = store.find(name)
        complete = as_json or (output is not None and output.suffix.lower() == ".json")
        if output is None and complete:
            write_document(invocation.world.stdout, store.export(session))
            return
        text = json.dumps(store.export(session), ensure_ascii=False, indent=1) if complete else transcript(session)
    if output is None:
        invocation.world.stdout.write(sanitize(text) if invocation.world.stdout.isatty() else text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadUseError(f"'{output}' cannot be written: {error.strerror}.") from None
    invocation.say(f"Session '{name}' is in {output}.")


def import_session(invocation: Invocation, file: Path, name: str | None) -> None:
    """Add the session that a file holds."""
    try:
        text = invocation.world.stdin.read() if str(file) == "-" else read_text(file, invocation.say)
        document = json.loads(text)
    except (ValueError, RecursionError):
        hint = "It must come from `lmchat sessions export NAME --json`."
        raise BadUseError(f"'{file}' is not JSON.", hint=hint) from None
    with open_kept_store(invocation) as store:
        session = store.import_(document, name)
    invocation.say(f"Session '{session.name}' is here: lmchat talk {session.name}")
