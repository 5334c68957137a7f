"""What is asked, and in which session: from the words, files and flags of a command line to a prompt and a session."""

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, TextIO

from lmchat.advice import Action, Do, Say
from lmchat.app.invocation import STDIN, ChatFlags, Invocation
from lmchat.chat.models import EphemeralMcp, Integration, parse_integration
from lmchat.chat.session import Session, TurnId
from lmchat.chat.values import Prompt
from lmchat.dataclass import replace
from lmchat.errors import BadUseError, NotFoundError
from lmchat.settings import Settings, settings_path
from lmchat.store.sessions import checked
from lmchat.store.store import Store
from lmchat.world import LARGEST_PROMPT, within

if TYPE_CHECKING:
    from lmchat.settings.prompts import PromptFile

UNNAMED = ""
"""The name of a session that is named after its first prompt."""

STDIN_PATIENCE = 3.0
"""Seconds to wait for the end of a pipe before saying what is waited for."""

_INPUT = "Standard input"


def resolve_session(store: Store, settings: Settings, flags: ChatFlags, say: Say) -> Session:
    """Find the session the command line names, or describe a new one; nothing is written yet.

    A new session gets the system prompt of the settings; one that exists keeps its own unless a flag says otherwise.
    """
    name = _named_session(store, flags)
    if name and store.has(name):
        session = store.find(name)
    else:
        session = Session(name=name or UNNAMED, turns={}, system=system_prompt(settings.text("system"), settings, say))
    changes: dict[str, object] = {"options": flags.options.over(session.options)}
    if flags.model is not None:
        changes["model"] = flags.model
    if flags.system is not None:
        changes["system"] = system_prompt(flags.system, settings, say, flags.encoding)
    if flags.mcp:
        changes["integrations"] = tuple(parse_integration(spec) for spec in flags.mcp)
    session = replace(session, **changes)  # type: ignore[arg-type]  # the names are Session's own
    for integration in session.integrations:
        say_withheld(settings, integration, say)
    return session


def say_withheld(settings: Settings, integration: Integration, say: Say) -> None:
    """Say which headers of the settings are not sent to a tool server with that label."""
    if isinstance(integration, EphemeralMcp) and (
        sentence := settings.withheld_headers(integration.server_label, integration.server_url)
    ):
        say(f"lmchat: {sentence}")


def moved_to(session: Session, turn: int) -> Session:
    """Return the session with its head on a turn; 0 is before the first, as in `/goto 0`."""
    return session.moved(TurnId(turn) if turn else None)


def _named_session(store: Store, flags: ChatFlags) -> str | None:
    if not flags.resume:
        return None if flags.name is None else checked(flags.name)
    if flags.name is not None:
        raise BadUseError("--continue names the session used last, so no other can be named.")
    last = store.last()
    if last is None:
        raise NotFoundError("There is no session to continue yet.", hint=("Begin one: ", Do(Action.BEGIN_SESSION)))
    return last


def system_prompt(text: str, settings: Settings, say: Say, encoding: str | None = None) -> str:
    """Return the system prompt that was given: the text itself, a file's (@FILE) or a role's (:NAME)."""
    role = text.removeprefix(":")
    if role != text and role and not role[0].isspace() and len(role.split()) == 1:
        from lmchat.settings.prompts import Kind, read_prompt

        return read_prompt(settings.path, Kind.ROLE, role).text
    if not text.startswith("@"):
        return text
    from lmchat.app.attachments import text_or_file

    return text_or_file(text, say, encoding)


def prompt_text(invocation: Invocation, words: Sequence[str], flags: ChatFlags) -> str:
    """Join the words, the files' contents and standard input; raise BadUseError where nothing is left to ask.

    Standard input is the prompt when there are no words, and follows them, one blank line between, when there is
    something in it. A pipe or a file is read to its end, however long that takes; anything else only for `-`.
    """
    asked, given = _asked_and_given(invocation, words, flags)
    text = "\n\n".join(part for part in (asked, given) if part)
    if not text.strip():
        raise BadUseError("There is no prompt.", hint='Give one in quotes, such as "What is a monad?".')
    return text


def _asked_and_given(invocation: Invocation, words: Sequence[str], flags: ChatFlags) -> tuple[str, str]:
    """Return the words, and the files' contents and standard input, each of which may be empty."""
    files, words = _files_among(words, flags.files)
    parts = _quoted(invocation, files, flags) if files else []
    asked = " ".join(word for word in words if word != "-").strip()
    # A pipe is a picture or a text, never both.
    piped = "" if STDIN in flags.images else _read_stdin(invocation, flags, explicit="-" in words)
    return asked, "\n\n".join(part for part in (*parts, piped) if part)


def _quoted(invocation: Invocation, files: Sequence[Path], flags: ChatFlags) -> list[str]:
    from lmchat.app.attachments import files_named, quoted_file

    return [quoted_file(path, invocation.say, flags.encoding) for path in files_named(files)]


def _read_stdin(invocation: Invocation, flags: ChatFlags, *, explicit: bool = False) -> str:
    """Read standard input to its end as text; nothing where it is neither a pipe nor a file, and was not asked for."""
    world = invocation.world
    if not explicit and (not flags.stdin or not sends(world.stdin)):
        return ""
    waiting = Timer(STDIN_PATIENCE, invocation.say, [_waiting_for(explicit=explicit)])
    waiting.daemon = True
    if not world.stdin.isatty():
        waiting.start()
    try:
        data = _read(world.stdin)
    finally:
        waiting.cancel()
    if not data:
        return ""
    from lmchat.app.attachments import said
    from lmchat.decoding import Decoded, decode

    read = decode(data, _INPUT, flags.encoding) if isinstance(data, bytes) else Decoded(data)
    return said(read, invocation.say).rstrip("\r\n")


def _files_among(words: Sequence[str], files: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """Return the files to quote, and the words that are left: after `-f a.md`, a shell writes `b*.md` as words."""
    if not files:
        return [], list(words)
    # pathlib's own raises where a word, such as a whole question, is too long for a name.
    named = [Path(word) for word in words if word != "-" and os.path.isfile(word)]  # noqa: PTH113 - as above
    return [*files, *named], [word for word in words if Path(word) not in named]


def _waiting_for(*, explicit: bool) -> str:
    way_on = "" if explicit else " --no-stdin asks without it;"
    return f"lmchat: waiting for standard input to end;{way_on} Ctrl-C leaves."


def sends(stream: TextIO) -> bool:
    """Tell whether a stream is a pipe, a socket or a file: whatever else there is (a device, nothing) is left alone."""
    if stream.isatty():
        return False
    try:
        mode = os.fstat(stream.fileno()).st_mode
    except (OSError, ValueError):
        return True
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISREG(mode)


def _read(stream: TextIO) -> bytes | str:
    """Read the bytes of a stream to their end; the text of one that has none."""
    buffer = getattr(stream, "buffer", None)
    try:
        if buffer is None:
            return within(stream.read, _INPUT, LARGEST_PROMPT)
        return bytes(within(buffer.read, _INPUT, LARGEST_PROMPT))
    except OSError as error:
        raise BadUseError(f"{_INPUT} cannot be read: {error.strerror or error}.") from None


def saved_prompt(invocation: Invocation, flags: ChatFlags) -> "PromptFile | None":
    """Read the prompt that the flags name; None where they name none."""
    if flags.saved is None:
        return None
    from lmchat.settings.prompts import Kind, read_prompt

    return read_prompt(settings_path(invocation.world), Kind.PROMPT, flags.saved)


def prompt_of(invocation: Invocation, saved: "PromptFile | None", words: Sequence[str], flags: ChatFlags) -> Prompt:
    """Return what is asked, with its pictures.

    A prompt of the person's own has words, files and standard input where it wants them; else they are the prompt.
    """
    if saved is None:
        text = prompt_text(invocation, words, flags)
    else:
        from lmchat.settings.prompts import filled_in

        text = filled_in(saved, *_asked_and_given(invocation, words, flags))
    if not flags.images:
        return Prompt(text)
    from lmchat.app.attachments import pictures

    return Prompt(text, pictures(invocation, flags.images))


def with_saved(session: Session, saved: "PromptFile | None", flags: ChatFlags) -> Session:
    """Return the session with the model and options of a prompt; those of the command line are over them."""
    if saved is None:
        return session
    model = flags.model or saved.model or session.model
    return replace(session, model=model, options=flags.options.over(saved.options.over(session.options)))
